//! shared-journal.

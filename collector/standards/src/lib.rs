//! collector-standards.

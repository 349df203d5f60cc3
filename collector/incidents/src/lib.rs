//! collector-incidents.

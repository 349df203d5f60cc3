//! collector-api.

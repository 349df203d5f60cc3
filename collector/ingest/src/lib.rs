//! collector-ingest.

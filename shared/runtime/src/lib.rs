//! shared-runtime.

//! collector-promql.

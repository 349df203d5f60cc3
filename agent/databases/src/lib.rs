//! Probes of databases: one folder per engine, one file per view with its SQL beside the parser.
//!
//! Every probe keeps one connection per instance open, reads with a least-privilege account inside read-only sessions
//! with server-side timeouts, and never selects a statement's text. No error carries what a server wrote in words, since
//! such words may hold a literal; the SQLSTATE is enough.

mod metric;
pub mod postgres;

pub use postgres::{CoreService, CoreServiceProbe, PostgresInstance, PostgresProbe, SslMode};

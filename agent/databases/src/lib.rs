//! Probes of databases: one folder per engine, one file per view with its SQL beside the parser.
//!
//! Every probe keeps one connection per instance open, reads with a least-privilege account inside read-only sessions
//! with server-side timeouts, and never selects a statement's text. No error carries what a server wrote in words, since
//! such words may hold a literal; the SQLSTATE is enough.

mod advisories;
mod availability;
mod blocking_graph;
mod core_service;
mod discovery;
mod encrypted_disk;
mod endpoint;
#[cfg(any(feature = "oracle", feature = "sqlserver"))]
mod facts;
mod log;
mod logins;
mod metric;
pub mod mysql;
#[cfg(feature = "oracle")]
pub mod oracle;
mod paced;
pub mod postgres;
mod refusal;
#[cfg(feature = "sqlserver")]
pub mod sqlserver;
mod view;

pub use advisories::{Advised, Advisories, AdvisoriesError};
pub use core_service::{CoreService, CoreServiceProbe, ServiceEngine};
pub use discovery::{Engine, Found, discover};
pub use endpoint::SslMode;
pub use logins::Logins;
pub use mysql::{MysqlFilesProbe, MysqlInstance, MysqlProbe};
#[cfg(feature = "oracle")]
pub use oracle::OracleInstance;
pub use postgres::{PostgresFilesProbe, PostgresInstance, PostgresProbe};
#[cfg(feature = "sqlserver")]
pub use sqlserver::SqlServerInstance;

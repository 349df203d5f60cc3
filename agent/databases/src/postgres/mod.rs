//! PostgreSQL 12 and later (a view that an older server lacks is reported and left out).
//!
//! [`PostgresProbe`] watches one instance over one connection that stays open; [`CoreServiceProbe`] asks one
//! configured business question. A database that refuses or does not answer is an observation, not a failed probe.

mod activity;
mod availability;
mod blocking;
mod blocking_graph;
mod connection;
mod core_service;
mod database;
mod index_blocks;
mod probe;
mod refusal;
mod server;
mod settings;
mod size;
mod standby;
mod standbys;
mod tls;
mod view;

pub use core_service::CoreServiceProbe;
pub use probe::PostgresProbe;
pub use settings::{CoreService, PostgresInstance, SslMode};

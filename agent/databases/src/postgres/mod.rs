//! PostgreSQL 12 and later (a view that an older server lacks is reported and left out).
//!
//! [`PostgresProbe`] watches one instance over one connection that stays open; [`CoreServiceProbe`] asks one
//! configured business question. A database that refuses or does not answer is an observation, not a failed probe.

mod accounts;
mod activity;
mod archiver;
mod availability;
mod blocking;
mod connection;
#[cfg(test)]
mod contract;
mod core_service;
mod database;
mod encryption;
mod files;
mod index_blocks;
mod indexes;
mod logs;
mod parameters;
mod probe;
mod refusal;
mod server;
mod settings;
mod size;
mod slots;
mod standby;
mod standbys;
mod statements;
mod tls;
mod view;
mod wraparound;

pub use core_service::CoreServiceProbe;
pub use files::PostgresFilesProbe;
pub use probe::PostgresProbe;
pub use settings::{CoreService, PostgresInstance};

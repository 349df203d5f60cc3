//! PostgreSQL 12 and later (a view that an older server lacks is reported and left out).
//!
//! [`PostgresProbe`] watches one instance over one connection that stays open. A database that refuses or does not answer is an observation, not a failed probe.

mod access_rules;
mod accounts;
mod activity;
mod archiver;
mod audit;
mod availability;
mod blocking;
mod checkpoints;
mod connection;
#[cfg(test)]
mod contract;
mod database;
mod encryption;
mod files;
mod grants;
mod index_blocks;
mod indexes;
mod logins;
mod logs;
mod parameters;
mod probe;
mod question;
mod refusal;
mod sequences;
mod server;
mod settings;
mod size;
mod slots;
mod standby;
mod standbys;
mod statements;
mod tables;
mod tls;
mod view;
mod views;
mod wraparound;

pub use files::PostgresFilesProbe;
pub use probe::PostgresProbe;
pub(crate) use question::PostgresQuestion;
pub use settings::PostgresInstance;

//! MariaDB 10.5 and later, MySQL 8.0 and later. What only a view of one of them knows is read there alone.
//!
//! [`MysqlProbe`] watches one instance over one connection that stays open.

mod accounts;
mod at_rest;
mod availability;
mod binlogs;
mod blocking;
mod certificate;
#[cfg(test)]
mod contract;
mod deadlocks;
mod encryption;
mod files;
mod indexes;
mod logins;
mod parameters;
mod probe;
mod question;
mod refusal;
mod replica;
mod row;
mod server;
mod session;
mod sessions;
mod settings;
mod statements;
mod status;

pub use files::MysqlFilesProbe;
pub use probe::MysqlProbe;
pub(crate) use question::MysqlQuestion;
pub use settings::MysqlInstance;

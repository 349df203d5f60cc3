//! What a server writes on the node that it runs on.

mod log_entry;
mod probe;

pub use probe::MysqlFilesProbe;

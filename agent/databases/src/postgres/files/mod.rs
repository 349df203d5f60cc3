//! What a server of this node leaves in files: its log and its archive.

mod archive;
mod log_entry;
mod log_tail;
mod probe;

pub use probe::PostgresFilesProbe;

//! Input `document`: a JSON document from a file or a local socket, read by a declared mapping.

mod apply;
mod fetch;
mod mapping;
mod pointer;
mod probe;
mod settings;

pub(crate) use fetch::framed;
pub use probe::DocumentProbe;
pub use settings::Document;

//! Loading configuration: TOML, every key optional, all faults reported at once with their paths.

mod load;
mod quantity;

pub use load::{ConfigErrors, Fault, load, parse};
pub use quantity::{ByteSize, Span};

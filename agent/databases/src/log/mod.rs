//! Logs of servers on this node: what an engine's own reader needs, whatever the engine.

mod class;
mod lines;

pub(crate) use class::Class;
pub(crate) use lines::{ROUND_BYTES, read_lines};

//! The probes on whole trees: the project's own, the peer's, broken ones, and the live host.

mod fuzz;
mod infiniband;
mod kmsg;
mod live;
mod node_exporter;
mod parts;
mod processes;
mod reference;
mod robustness;
mod round;
mod trees;

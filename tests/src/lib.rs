//! The laboratory: brings the demonstration up in a folder of its own and makes real faults in it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    reason = "support of tests: a failed step ends the test with its words"
)]

pub mod audits;
pub mod bedside;
pub mod binaries;
pub mod books;
pub mod ceph;
pub mod chance;
pub mod crew;
pub mod demo;
pub mod lab;
pub mod load;
pub mod lone;
pub mod net;
pub mod probes;
pub mod simulation;
pub mod sink;
pub mod site;
pub mod speaker;
pub mod streams;
pub mod wait;

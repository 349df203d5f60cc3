//! Load and measurement: simulated nodes, the same samples for other servers, and what each costs in CPU, bytes and time.
//!
//! CPU always comes from the kernel's account of a process, never from wall time. Everything listens on loopback, lives
//! in a temporary folder and ends with the value that started it.

pub mod agent_cost;
pub mod api;
pub mod breach;
pub mod capture;
pub mod cpu;
pub mod database_cost;
pub mod database_servers;
pub mod events;
pub mod fabric;
pub mod fleet;
pub mod growth;
pub mod http;
pub mod ingest;
pub mod lab;
pub mod latency;
pub mod node;
pub mod process;
pub mod proxy;
pub mod random;
pub mod remote_write;
pub mod replay;
pub mod report;
pub mod rule_inputs;
pub mod spread;
pub mod synthetic;

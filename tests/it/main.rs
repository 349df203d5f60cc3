//! Whole daemons against real databases and real faults. One binary; run it with `--test-threads=1`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a failed step ends the test with its words"
)]

mod backup;
mod ceph;
mod certificates;
mod clocks;
mod clones;
mod configuration;
mod cut;
mod defaults;
mod doctor;
mod fabric;
mod faults;
mod fsync;
mod hostile;
mod kills;
mod neighbours;
mod noc;
mod reconnect;
mod refusals;
mod restarts;
mod states;
mod streams;
mod tidy;
mod webhooks;

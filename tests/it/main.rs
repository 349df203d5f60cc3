//! Whole daemons against real databases and real faults. One binary; run it with `--test-threads=1`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a failed step ends the test with its words"
)]

mod alertmanager;
mod backup;
mod ceph;
mod certificates;
mod clocks;
mod clones;
mod configuration;
mod cut;
mod databases;
mod defaults;
mod doctor;
mod fabric;
mod faults;
mod fsync;
mod hostile;
mod hung_mount;
mod kills;
mod neighbours;
mod noc;
mod peers;
mod people;
mod privacy;
mod reconnect;
mod refusals;
mod restarts;
mod states;
mod streams;
mod tidy;
mod webhooks;

// The servers of the probes' own tests.
#[path = "../../agent/databases/tests/it/mariadb_server.rs"]
#[allow(dead_code, clippy::expect_used, reason = "each test uses a part of it")]
mod mariadb_server;
#[path = "../../agent/databases/tests/it/server.rs"]
#[allow(dead_code, clippy::expect_used, reason = "each test uses a part of it")]
mod postgres_server;

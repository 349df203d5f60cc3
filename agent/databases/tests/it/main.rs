//! The probes against real servers, as accounts with the least privilege.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test a panic is the failure"
)]

mod checks;
mod mariadb;
mod mariadb_files;
mod mariadb_server;
mod postgres;
#[allow(dead_code, reason = "the tests of whole daemons use the rest")]
mod server;
mod versions;
mod watch;

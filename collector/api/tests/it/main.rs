//! The router and the server against a double of the daemon.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the parts that the tests share may fail a test too"
)]

mod acts;
mod alertmanager;
mod audit;
mod auth;
mod client;
mod contract;
mod desk;
mod limits;
mod metrics;
mod noc;
mod page;
mod prometheus;
mod reads;
mod serve;
mod silences;
mod stream;

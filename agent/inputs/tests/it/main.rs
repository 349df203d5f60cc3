//! Inputs against programs that answer well, badly and not at all.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::let_underscore_must_use,
    reason = "a failed step ends the test with its words"
)]

mod ceph;
mod document;
mod round;
mod scrape;
mod server;

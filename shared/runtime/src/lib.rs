//! What both daemons need around their work: the clock, configuration, TLS and node identity, secrets, logs.

pub mod config;
pub mod telemetry;
pub mod tls;

mod clock;
mod files;
mod secret;

pub use clock::SystemClock;
pub use files::{FileError, replace_file};
pub use secret::{Secret, SecretError};

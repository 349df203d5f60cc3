//! What a probe is: how it is described, what it may read, where its samples go and how it says that it could not.
//!
//! A probe reads and reports; it never runs a shell, never writes to the host and needs no root for its core
//! readings. Success, duration, lag and overruns are reported by the runner in `agent`, not by the probe.

mod evidence;
mod file;
mod outcome;
mod probe;
mod root;
mod sink;

pub use evidence::Shown;
pub use file::HostFile;
pub use outcome::{Outcome, ProbeError};
pub use probe::{AsyncProbe, EventSource, Lane, Probe, ProbeSpec};
pub use root::HostRoot;
pub use sink::{Sample, Sink};

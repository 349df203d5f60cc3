//! What happens on a node and is not a reading.

use crate::{BootTime, Timestamp};
use std::time::Duration;

/// Something that happened on a node, numbered and kept like a batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Node's wall clock when it was noticed.
    pub at: Timestamp,
    /// Time since the node booted when it was noticed.
    pub boot: BootTime,
    /// What it happened to, empty for the node itself.
    pub key: Box<str>,
    /// What happened.
    pub content: EventContent,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EventContent {
    /// The wall clock moved against the time since boot.
    ClockStep {
        /// New reading less the one that was due, microseconds: positive when the clock was set forward.
        step_us: i64,
    },
    /// The agent's program began.
    AgentStarted {
        /// Its version.
        version: Box<str>,
    },
    /// The spool cannot write to its disk and goes on in memory.
    SpoolDegraded {
        /// What the kernel said.
        reason: Box<str>,
    },
    /// The spool writes to its disk again.
    SpoolRestored {
        /// How long it could not.
        degraded: Duration,
    },
    /// What a probe has to say beside its numbers about the instance that the event's key names. Takes the place of what it said
    /// of this topic before.
    Evidence {
        /// One of [`crate::topic`].
        topic: Box<str>,
        /// Within the limits of [`crate::evidence_lines`]; empty when there is nothing to say any more.
        lines: Vec<Box<str>>,
    },
    /// A kind that this build does not know, kept as it came.
    Other {
        /// Its number on the wire.
        kind: i32,
        /// Its content, encoded.
        body: Box<[u8]>,
    },
}

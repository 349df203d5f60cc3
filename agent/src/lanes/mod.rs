//! The lanes in which probes are read: one thread for all fast ones, a thread for each that may block, a task for each
//! that waits for a network. Each finds its ticks by itself; what they read at the same tick leaves as one batch.

mod fast;
mod network;
mod slow;

pub(crate) use fast::FastLane;
pub(crate) use network::NetworkLane;
pub(crate) use slow::SlowLane;

use crate::forwarder::Forwarder;
use shared_model::{BootTime, Clock};
use std::sync::Arc;
use std::time::Duration;

/// The label `job` of what the agent says about itself.
pub(crate) const OWN_JOB: &str = "wardround";

/// Stack of a probe's thread. Probes keep their buffers on the heap; untouched pages cost nothing.
pub(crate) const STACK_BYTES: usize = 512 << 10;

/// What every lane needs.
#[derive(Clone)]
pub(crate) struct Ward {
    /// Where batches go.
    pub(crate) forwarder: Arc<Forwarder>,
    /// What time it is.
    pub(crate) clock: Arc<dyn Clock>,
}

impl Ward {
    /// Waits until `due`.
    async fn until(&self, due: BootTime) {
        tokio::time::sleep(self.left(due)).await;
    }

    /// How long it is until `due`.
    fn left(&self, due: BootTime) -> Duration {
        due.since(self.clock.boot())
    }
}

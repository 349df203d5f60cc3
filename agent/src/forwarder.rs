//! The one way from every lane to the spool.

use crate::batcher::{Batcher, Slot};
use agent_probe::Sink;
use shared_model::{Batch, Catalog, Timestamp};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes a batch with the definitions it needs; never waits for network or disk. An error means that the batch is lost.
pub(crate) type Offer = Box<dyn Fn(Option<&Catalog>, &Batch) -> Result<(), String> + Send>;

/// The catalog that the taker knows.
pub(crate) type Known = Box<dyn Fn() -> Catalog + Send>;

/// Numbers what the lanes read and hands it over at once. Shared by all lanes.
pub(crate) struct Forwarder(Mutex<Inner>);

struct Inner {
    batcher: Batcher,
    offer: Offer,
    known: Known,
    lost: u64,
    /// The last failure, so that a lasting one is logged once.
    failure: Option<String>,
}

impl Forwarder {
    /// Goes on numbering from what the taker knows.
    pub(crate) fn new(offer: Offer, known: Known) -> Self {
        let batcher = Batcher::restored(&known());
        Self(Mutex::new(Inner { batcher, offer, known, lost: 0, failure: None }))
    }

    /// A place for one sink.
    pub(crate) fn slot(&self, job: &str, instance: &str) -> Slot {
        self.lock().batcher.slot(job, instance)
    }

    /// Makes one batch and hands it over.
    pub(crate) fn forward(&self, time: Timestamp, contents: &[(Slot, &Sink)]) {
        // Held across both steps: a catalog must arrive before any batch that is numbered by it.
        let mut inner = self.lock();
        let Inner { batcher, offer, .. } = &mut *inner;
        let (delta, batch) = batcher.batch(time, contents);
        if delta.is_none() && batch.blocks.is_empty() {
            return;
        }
        match offer(delta.as_ref(), batch) {
            Ok(()) => {
                if inner.failure.take().is_some() {
                    tracing::info!("readings are spooled again");
                }
            }
            Err(failure) => {
                inner.lost += 1;
                if inner.failure.as_ref() != Some(&failure) {
                    tracing::error!(%failure, "readings are lost");
                }
                inner.failure = Some(failure);
                if delta.is_some() {
                    let known = (inner.known)();
                    inner.batcher.resume(&known);
                }
            }
        }
    }

    /// Batches that could not be handed over, and series or sets that could not be numbered.
    pub(crate) fn losses(&self) -> (u64, u64) {
        let inner = self.lock();
        (inner.lost, inner.batcher.refused())
    }

    // A panic in another lane leaves the numbers consistent: they change only together with the batch under way.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proto::apply_catalog;
    use shared_model::{Kind, Metric, Unit};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A taker that keeps everything, checked as the collector would.
    #[derive(Default)]
    pub(crate) struct Taken {
        pub(crate) catalog: Catalog,
        pub(crate) batches: Vec<Batch>,
    }

    impl Taken {
        /// Every value that was taken, batch by batch, as `job/instance name{label="value"} value`.
        pub(crate) fn lines(&self) -> Vec<Vec<String>> {
            self.batches.iter().map(|batch| self.lines_of(batch)).collect()
        }

        fn lines_of(&self, batch: &Batch) -> Vec<String> {
            let mut lines = Vec::new();
            for block in &batch.blocks {
                let set = self.catalog.sets.iter().find(|s| s.id == block.set).unwrap();
                for (reference, value) in set.references.iter().zip(&block.values) {
                    let def = &self.catalog.series[*reference as usize - 1];
                    let labels: Vec<_> =
                        def.labels.iter().map(|(n, v)| format!("{n}={v}")).collect();
                    let labels = labels.join(",");
                    if let Some(value) = value {
                        let (job, instance, name) = (&set.job, &set.instance, &def.name);
                        lines.push(format!("{job}/{instance} {name}{{{labels}}} {value}"));
                    }
                }
            }
            lines
        }
    }

    /// A forwarder to a taker that refuses everything while `refuse` is set.
    pub(crate) fn taker(refuse: &Arc<AtomicBool>) -> (Forwarder, Arc<Mutex<Taken>>) {
        let taken = Arc::new(Mutex::new(Taken::default()));
        let (offered, known) = (Arc::clone(&taken), Arc::clone(&taken));
        let refuse = Arc::clone(refuse);
        let offer: Offer = Box::new(move |delta, batch| {
            if refuse.load(Ordering::SeqCst) {
                return Err("no space".into());
            }
            let mut taken = offered.lock().unwrap();
            if let Some(delta) = delta {
                apply_catalog(&mut taken.catalog, delta.clone()).unwrap();
            }
            taken.batches.push(batch.clone());
            Ok(())
        });
        let known: Known = Box::new(move || known.lock().unwrap().catalog.clone());
        (Forwarder::new(offer, known), taken)
    }

    /// Scenario: the first batch, with its definitions, is refused; the next one is taken. Guarantees: the loss is counted
    /// and the definitions are sent again.
    #[test]
    fn refused_definitions_are_sent_again() {
        static UP: Metric =
            Metric { name: "up", kind: Kind::Gauge, unit: Unit::None, help: "h", source: "s" };
        let refuse = Arc::new(AtomicBool::new(true));
        let (forwarder, taken) = taker(&refuse);
        let slot = forwarder.slot("node", "");
        let mut sink = Sink::default();
        sink.begin();
        sink.put(&UP, &[], 1.0);
        forwarder.forward(Timestamp::from_secs(1), &[(slot, &sink)]);
        assert_eq!(forwarder.losses(), (1, 0));
        refuse.store(false, Ordering::SeqCst);
        forwarder.forward(Timestamp::from_secs(2), &[(slot, &sink)]);
        assert_eq!(taken.lock().unwrap().lines(), [["node/ up{} 1"]]);
        forwarder.forward(Timestamp::from_secs(3), &[]);
        assert_eq!(taken.lock().unwrap().batches.len(), 1, "an empty batch is not sent");
    }
}

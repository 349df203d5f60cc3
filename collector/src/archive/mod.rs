//! Closed incidents beyond those in memory: a thread follows the ledger's files and keeps what is closed in a store for
//! reading. It takes part in nothing that is decided or acknowledged; when the store is missing, damaged or lags, it is
//! brought up from the ledger, and meanwhile the answer is "not now", never a shorter list.

mod follow;

use anyhow::Context;
use collector_api::Archive;
use collector_domain::{Incident, IncidentId, Rule};
use collector_store::closed::{ClosedError, ClosedIncidents};
use follow::Follower;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

/// What is said while the store is brought up.
const REBUILDING: &str = "the list of closed incidents is being rebuilt from the ledger";

/// Closed incidents, as the API reads them.
#[derive(Default)]
pub(crate) struct ClosedArchive {
    /// `None` until the store holds everything that the ledger has.
    store: RwLock<Option<ClosedIncidents>>,
    /// A reader met damage.
    is_damaged: AtomicBool,
    is_stopping: AtomicBool,
}

impl ClosedArchive {
    /// Begins to follow the ledger in `ledger` into the store in `dir`.
    pub(crate) fn start(
        ledger: &Path,
        dir: &Path,
        rules: &[Rule],
    ) -> anyhow::Result<(Arc<Self>, JoinHandle<()>)> {
        let archive = Arc::new(Self::default());
        let follower = Follower::new(ledger, dir, rules, Arc::clone(&archive));
        let thread = std::thread::Builder::new()
            .name("archive".to_owned())
            .spawn(move || follower.run())
            .context("start the archive's thread")?;
        Ok((archive, thread))
    }

    /// Ends the thread within a second or so.
    pub(crate) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&ClosedIncidents) -> Result<T, ClosedError>,
    ) -> Result<T, String> {
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner);
        let store = store.as_ref().ok_or(REBUILDING)?;
        read(store).map_err(|error| {
            tracing::warn!(%error, "rebuilding the closed incidents from the ledger");
            self.is_damaged.store(true, Ordering::Relaxed);
            REBUILDING.to_owned()
        })
    }
}

impl Archive for ClosedArchive {
    fn get(&self, id: IncidentId) -> Result<Option<Incident>, String> {
        self.read(|store| store.get(id))
    }

    fn visit(&self, visit: &mut dyn FnMut(Incident)) -> Result<(), String> {
        self.read(|store| store.visit(visit))
    }
}

#[cfg(test)]
mod tests;

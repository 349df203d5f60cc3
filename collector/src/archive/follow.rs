//! Follows the ledger into the store of closed incidents.

use super::ClosedArchive;
use collector_domain::Rule;
use collector_incidents::History;
use collector_store::closed::{ClosedError, ClosedIncidents};
use collector_store::ledger::Follow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How often new entries are looked for. An incident stays in memory for the next ten thousand, so nobody waits for this.
const POLL: Duration = Duration::from_secs(1);
/// After a store could not be made, so that a full disk is not hammered.
const RETRY: Duration = Duration::from_secs(30);

/// The thread's own state.
pub(super) struct Follower {
    ledger: PathBuf,
    dir: PathBuf,
    rules: Vec<Rule>,
    archive: Arc<ClosedArchive>,
}

impl Follower {
    pub(super) fn new(
        ledger: &Path,
        dir: &Path,
        rules: &[Rule],
        archive: Arc<ClosedArchive>,
    ) -> Self {
        let (ledger, dir, rules) = (ledger.to_owned(), dir.to_owned(), rules.to_vec());
        Self { ledger, dir, rules, archive }
    }

    /// Follows until told to stop; begins anew, with an empty store, whenever the store is not to be relied on.
    pub(super) fn run(self) {
        let mut failures = 0;
        while !self.is_stopping() {
            if let Err(error) = self.follow() {
                tracing::warn!(%error, "rebuilding the closed incidents from the ledger");
                failures = if self.show(None).is_some() { 0 } else { failures + 1 };
                if failures > 1 {
                    // Not damage but the disk: an empty folder did not help either.
                    self.pause(RETRY);
                }
                if let Err(error) = ClosedIncidents::remove(&self.dir) {
                    tracing::error!(%error, dir = %self.dir.display(), "cannot remove the store of closed incidents");
                    self.pause(RETRY);
                }
            }
        }
        if let Some(store) = self.show(None)
            && let Err(error) = store.flush()
        {
            tracing::warn!(%error, "closed incidents were not flushed; the next start adds them");
        }
    }

    /// Brings the store up to the ledger, shows it, and keeps it there.
    fn follow(&self) -> Result<(), ClosedError> {
        let store = ClosedIncidents::open(&self.dir)?;
        let mut history = History::new(&self.rules);
        let mut ledger = Follow::open(&self.ledger);
        let closed = self.catch_up(&mut ledger, &mut history, &store)?;
        let held = store.count()?;
        if held > closed {
            // Of another ledger, or of one whose end was lost: what is too much cannot be told apart.
            return Err(ClosedError::too_many(held, closed));
        }
        self.archive.is_damaged.store(false, Ordering::Relaxed);
        self.show(Some(store));
        tracing::info!(closed, "closed incidents can be read");
        while !self.is_stopping() {
            self.pause(POLL);
            if self.archive.is_damaged.load(Ordering::Relaxed) {
                return Err(ClosedError::damaged());
            }
            let store = self.archive.store.read().unwrap_or_else(PoisonError::into_inner);
            let Some(store) = store.as_ref() else { return Ok(()) };
            self.catch_up(&mut ledger, &mut history, store)?;
        }
        Ok(())
    }

    /// Takes the entries that were written since the last call; returns how many incidents they closed.
    fn catch_up(
        &self,
        ledger: &mut Follow,
        history: &mut History,
        store: &ClosedIncidents,
    ) -> Result<u64, ClosedError> {
        let mut closed = 0;
        for entry in ledger.by_ref() {
            let applied = match entry {
                Ok(entry) => history.apply(&entry),
                Err(error) => {
                    tracing::error!(%error, "the ledger cannot be followed; run 'wardround-collector ledger verify'");
                    self.pause(RETRY);
                    return Ok(closed);
                }
            };
            match applied {
                Ok(Some(incident)) => {
                    store.put(&incident)?;
                    closed += 1;
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, "a ledger entry does not follow from those before it");
                }
            }
            if self.is_stopping() {
                break;
            }
        }
        Ok(closed)
    }

    /// Puts another store where readers find it; returns the one that was there.
    fn show(&self, store: Option<ClosedIncidents>) -> Option<ClosedIncidents> {
        let mut shown = self.archive.store.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *shown, store)
    }

    fn is_stopping(&self) -> bool {
        self.archive.is_stopping.load(Ordering::Relaxed)
    }

    /// Sleeps in short steps, so that a stop is not kept waiting.
    fn pause(&self, span: Duration) {
        const STEP: Duration = Duration::from_millis(100);
        let mut left = span;
        while !left.is_zero() && !self.is_stopping() {
            std::thread::sleep(STEP.min(left));
            left = left.saturating_sub(STEP);
        }
    }
}

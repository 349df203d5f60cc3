//! Revisions: which ledger entry changed each incident last. The ledger is their only source, so they survive whatever it does.

use anyhow::Context;
use collector_domain::{Entry, IncidentId};
use collector_store::ledger::Ledger;
use std::collections::BTreeMap;

/// The revision of each incident, and the newest of all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Revisions {
    newest: u64,
    of: BTreeMap<IncidentId, u64>,
}

impl Revisions {
    /// Reads them out of the whole ledger.
    pub(super) fn read(ledger: &Ledger) -> anyhow::Result<Self> {
        let mut revisions = Self::default();
        for item in ledger.iter() {
            let (stored, entry) = item.context("read the ledger")?;
            revisions.note(stored.number, &entry);
        }
        Ok(revisions)
    }

    /// Entry `number` was appended.
    pub(super) fn note(&mut self, number: u64, entry: &Entry) {
        self.newest = self.newest.max(number);
        self.of.insert(entry.incident, number);
    }

    /// The newest revision.
    pub(crate) fn newest(&self) -> u64 {
        self.newest
    }

    /// Of one incident; 0 for one that no entry tells of.
    pub(crate) fn of(&self, incident: IncidentId) -> u64 {
        self.of.get(&incident).copied().unwrap_or(0)
    }
}

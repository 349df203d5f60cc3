//! The contract's figures of a period, computed from the ledger's files and the incidents as they are.

use crate::archive::ClosedArchive;
use crate::engine::View;
use anyhow::{Context, anyhow};
use collector_api::Archive;
use collector_domain::{Figures, Incident, Period};
use collector_incidents::{Facts, figures};
use collector_store::ledger::Follow;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// What figures are computed from.
pub(crate) struct FiguresSource {
    pub(crate) ledger: PathBuf,
    pub(crate) archive: Arc<ClosedArchive>,
    pub(crate) view: Arc<View>,
}

impl FiguresSource {
    /// Reads the whole ledger: not on the network's threads.
    pub(crate) fn compute(&self, period: Period) -> anyhow::Result<Figures> {
        let mut facts = Facts::default();
        for entry in Follow::open(&self.ledger) {
            facts.take(&entry.context("read the ledger")?);
        }
        let held = &self.view.incidents.incidents;
        let ids: BTreeSet<_> = held.iter().map(|i| i.id).collect();
        let mut archived: Vec<Incident> = Vec::new();
        // Numbers are dense from 1: without a hole nothing is in the archive alone.
        if held.last().map_or(0, |i| i.id.0) != held.len() as u64 {
            let mut take = |incident: Incident| {
                if !ids.contains(&incident.id) {
                    archived.push(incident);
                }
            };
            self.archive.visit(&mut take).map_err(|why| anyhow!(why))?;
        }
        let all = archived.iter().chain(held.iter().map(|i| &*i.incident));
        Ok(figures(&facts, all, &self.view.contract, period, self.view.now))
    }
}

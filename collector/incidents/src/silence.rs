//! Silent nodes (mission §2.8.1): a monitoring gap while a second witness sees the node or its database alive, else
//! "state unknown". Never silently green.

use crate::catalogue::{INSTANCE_UP, NODE_SILENT};
use crate::machine::{Machine, Run, is_own};
use crate::raise::{Opening, sentence, words};
use crate::standing::Standing;
use collector_domain::{Condition, EntryKind};
use shared_model::Level;
use std::sync::Arc;
use std::time::Duration;

/// Samples come each second, so a node cannot be called silent sooner, whatever the time scale.
const SILENT_MIN: Duration = Duration::from_secs(3);

impl Machine {
    /// Opens, reopens or raises the incident of every node that is silent long enough.
    pub(crate) fn raise_silences(&mut self, run: &mut Run<'_>) {
        let silent: Vec<Standing> = self
            .state
            .standings
            .of_rule(NODE_SILENT)
            .filter(|s| s.condition == Condition::Breached)
            .cloned()
            .collect();
        for silence in &silent {
            self.raise_silence(run, silence);
        }
    }

    /// How long a node must be silent to be called so.
    pub(crate) fn silent_after(&self) -> Duration {
        self.contract.scaled(self.contract.silent_after).max(SILENT_MIN)
    }

    fn raise_silence(&mut self, run: &mut Run<'_>, silence: &Standing) {
        let Some(clause) = self.catalogue.rule(NODE_SILENT).map(|r| r.clause.clone()) else {
            return;
        };
        // A node whose clock runs ahead must not postpone this.
        let start = silence.since.min(silence.heard);
        let silent_after = self.silent_after();
        let unknown_after = self.contract.scaled(self.contract.unknown_after).max(silent_after);
        let is_gap = run.now >= start.plus(silent_after);
        let is_unknown = run.now >= start.plus(unknown_after);
        let witness = self.alive_witness(run, silence.witness());
        let level = match &witness {
            Some(_) if is_gap => Level::Three,
            None if is_unknown => Level::Two,
            _ => return,
        };
        let mut evidence = vec![words(silence)];
        evidence.push(witness.unwrap_or_else(|| "no second witness sees it alive".to_owned()));
        if !self.recur(run, silence) {
            let opening = Opening {
                cause: Arc::clone(&silence.rule),
                subject: silence.subject.clone(),
                clause,
                level,
                occurred: silence.since,
                value: silence.value,
                evidence,
                late: false,
            };
            self.open_or_adopt(run, opening, |_| false);
            return;
        }
        let held = self.unfinished().find(|i| is_own(i, NODE_SILENT, &silence.subject));
        if let Some(incident) = held.filter(|i| level < i.level) {
            let kind = EntryKind::Reclassified {
                cause: Arc::clone(&incident.cause),
                clause: incident.clause.clone(),
                level,
                why: sentence("no witness is left", &evidence),
                resolution_due: self.due_after_rise(run.now, incident, level),
            };
            let id = incident.id;
            self.record(run, id, kind);
        }
    }

    /// Another node that sees up a database which `host` watches too, or which runs on it; in words.
    fn alive_witness(&self, run: &Run<'_>, host: &str) -> Option<String> {
        let watched: Vec<&str> = self
            .state
            .standings
            .of_rule(INSTANCE_UP)
            .filter(|s| s.witness() == host)
            .filter_map(|s| s.subject.get("instance"))
            .collect();
        let of_host = |instance: &str| {
            watched.contains(&instance)
                || instance.rsplit_once(':').is_some_and(|(name, _)| name == host)
        };
        self.state
            .standings
            .of_rule(INSTANCE_UP)
            .filter(|s| s.witness() != host && s.subject.get("instance").is_some_and(of_host))
            .find(|s| self.vote(run.now, run.checks, s) == Some(Condition::Clear))
            .map(|s| format!("second witness: {}", words(s)))
    }
}

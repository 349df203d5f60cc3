//! Silent nodes (mission §2.8.1): the agent is dead while a second witness sees its node or its database alive, the node is dead
//! when no peer reaches it, else its state is unknown. Never silently green.

use crate::catalogue::INSTANCE_UP;
use crate::machine::{Machine, Run, is_own};
use crate::outage::LostByAppliance;
use crate::peers::ProbesByPeer;
use crate::raise::{Opening, sentence, words};
use crate::standing::Standing;
use collector_domain::{Condition, NODE_LOST, NODE_SILENT};
use shared_model::{Level, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// Samples come each second, so a node cannot be called silent sooner, whatever the time scale.
pub(crate) const SILENT_MIN: Duration = Duration::from_secs(3);

/// What a silence is, with what shows it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Verdict {
    /// A second witness sees the node or its database alive: its agent is dead.
    Gap(String),
    /// Its peers watch it, and none reaches it over any path.
    Lost(Vec<String>),
    /// Nobody can say, and it has been silent for long.
    Unknown,
    /// Nobody can say, and it may yet be heard.
    Waiting,
    /// It is too early, or a peer still tries.
    Undecided,
}

/// A silent node.
#[derive(Clone, Debug)]
pub(crate) struct SilentNode {
    pub(crate) standing: Standing,
    pub(crate) verdict: Verdict,
}

impl Verdict {
    /// Whether nothing speaks against the loss of the node.
    pub(crate) fn may_be_lost(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Unknown | Self::Waiting)
    }

    fn is_final(&self) -> bool {
        !matches!(self, Self::Waiting | Self::Undecided)
    }

    fn cause(&self) -> &'static str {
        if matches!(self, Self::Lost(_)) { NODE_LOST } else { NODE_SILENT }
    }

    fn level(&self) -> Level {
        if matches!(self, Self::Gap(_)) { Level::Three } else { Level::Two }
    }

    /// The silence and what shows what it is.
    fn evidence(self, silence: &Standing) -> Vec<String> {
        let mut evidence = vec![words(silence)];
        match self {
            Self::Gap(witness) => evidence.push(witness),
            Self::Lost(peers) => evidence.extend(peers),
            Self::Unknown | Self::Waiting | Self::Undecided => {
                evidence.push("no second witness sees it alive".to_owned());
            }
        }
        evidence
    }
}

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
        if silent.is_empty() {
            return;
        }
        let nodes = self.judged(run, silent);
        let lost = LostByAppliance::of(&nodes);
        for node in nodes.iter().filter(|node| node.verdict.is_final()) {
            let is_outage = node.verdict.may_be_lost()
                && self.raise_outage(run, &node.standing, lost.beside(&node.standing));
            if !is_outage {
                self.raise_silence(run, &node.standing, node.verdict.clone());
            }
        }
    }

    fn judged(&self, run: &Run<'_>, silent: Vec<Standing>) -> Vec<SilentNode> {
        let probes = self.probes_by_peer();
        let judge = |standing: Standing| {
            let verdict = self.verdict(run, &standing, &probes);
            SilentNode { standing, verdict }
        };
        silent.into_iter().map(judge).collect()
    }

    /// How long a node must be silent to be called so.
    pub(crate) fn silent_after(&self) -> Duration {
        self.contract.scaled(self.contract.silent_after).max(SILENT_MIN)
    }

    fn verdict(&self, run: &Run<'_>, silence: &Standing, probes: &ProbesByPeer<'_>) -> Verdict {
        let start = begun(silence);
        let silent_after = self.silent_after();
        if run.now < start.plus(silent_after) {
            return Verdict::Undecided;
        }
        let peers = self.peers_of(run, silence, probes);
        if let Some(witness) = self.alive_witness(run, silence.witness()).or(peers.reaching) {
            return Verdict::Gap(witness);
        }
        if !peers.failing.is_empty() && !peers.is_undecided {
            return Verdict::Lost(peers.failing);
        }
        let unknown_after = self.contract.scaled(self.contract.unknown_after).max(silent_after);
        match run.now >= start.plus(unknown_after) {
            true => Verdict::Unknown,
            false if peers.is_undecided => Verdict::Undecided,
            false => Verdict::Waiting,
        }
    }

    fn raise_silence(&mut self, run: &mut Run<'_>, silence: &Standing, verdict: Verdict) {
        let Some(clause) = self.catalogue.rule(NODE_SILENT).map(|r| r.clause.clone()) else {
            return;
        };
        let (cause, level) = (verdict.cause(), verdict.level());
        let evidence = verdict.evidence(silence);
        if !self.recur(run, silence) {
            let opening = Opening {
                cause: Arc::from(cause),
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
        // A node that is known to be lost stays so until it is heard again.
        let is_worse = |held: &str, at: Level| {
            level < at || (cause == NODE_LOST && held != NODE_LOST && level <= at)
        };
        if let Some(incident) = held.filter(|i| is_worse(&i.cause, i.level)) {
            let of = (Arc::from(cause), incident.clause.clone());
            let kind = self.reclassification(
                run.now,
                incident,
                of,
                level,
                sentence("no witness sees it alive any more", &evidence),
            );
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

/// When a node was heard last. A node whose clock runs ahead must not postpone this.
pub(crate) fn begun(silence: &Standing) -> Timestamp {
    silence.since.min(silence.heard)
}

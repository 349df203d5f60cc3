//! What the engine shows to everybody else: immutable snapshots, replaced after each group that changed something.

use super::fold::Fold;
use collector_domain::{Condition, Contract, Finding, Incident};
use collector_notify::Notifications;
use shared_model::{NodeIdentity, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;

/// The latest snapshot. Readers hold an `Arc` and never wait for the engine.
#[derive(Clone)]
pub(crate) struct Published(Arc<watch::Sender<Arc<View>>>);

impl Default for Published {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::default()))
    }
}

/// One snapshot.
#[derive(Clone, Default)]
pub(crate) struct View {
    /// The collector's steady time when it was made.
    pub(crate) now: Timestamp,
    /// The contract in force.
    pub(crate) contract: Contract,
    /// All incidents in memory.
    pub(crate) incidents: Arc<Vec<Incident>>,
    /// Streams of nodes that were ever heard, the newest of each node.
    pub(crate) nodes: Vec<NodeStatus>,
    /// Everything that is not clear.
    pub(crate) findings: Arc<Vec<Finding>>,
    /// Silences and deliveries.
    pub(crate) notify: Arc<Notifications>,
    /// Counters of the engine.
    pub(crate) totals: Totals,
}

/// A node as the engine sees it.
#[derive(Clone, Debug)]
pub(crate) struct NodeStatus {
    pub(crate) identity: NodeIdentity,
    pub(crate) silent: bool,
    pub(crate) last_heard: Option<Timestamp>,
    pub(crate) clock_offset_us: i64,
    pub(crate) agent_version: String,
    pub(crate) series: u64,
}

/// Counters since the start, and sizes now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) samples: u64,
    pub(crate) batches: u64,
    pub(crate) duplicates: u64,
    pub(crate) groups: u64,
    pub(crate) sessions: u64,
    pub(crate) journal_bytes: u64,
    pub(crate) ledger_entries: u64,
}

impl Published {
    /// The latest snapshot.
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.0.borrow())
    }

    /// Tells when the snapshot was replaced.
    pub(crate) fn changes(&self) -> watch::Receiver<Arc<View>> {
        self.0.subscribe()
    }

    /// Replaces the snapshot.
    pub(crate) fn publish(&self, fold: &Fold, totals: Totals) {
        let contract = fold.started.as_ref().map(|s| s.contract.clone()).unwrap_or_default();
        let view = View {
            now: fold.now,
            contract,
            incidents: Arc::new(fold.machine.incidents().values().cloned().collect()),
            nodes: nodes(fold),
            findings: Arc::new(findings(fold)),
            notify: Arc::clone(&fold.notify),
            totals,
        };
        self.0.send_replace(Arc::new(view));
    }
}

fn nodes(fold: &Fold) -> Vec<NodeStatus> {
    let mut newest: BTreeMap<&NodeIdentity, &super::source::Stream> = BTreeMap::new();
    for stream in fold.streams.values() {
        let slot = newest.entry(&stream.node).or_insert(stream);
        if stream.last_heard > slot.last_heard {
            *slot = stream;
        }
    }
    let silent: Vec<&str> = fold
        .evaluator
        .conditions()
        .filter(|(rule, _, judgement)| {
            &*rule.id == "monitoring.node_silent" && judgement.condition == Condition::Breached
        })
        .filter_map(|(_, subject, _)| subject.get("host"))
        .collect();
    newest
        .into_iter()
        .map(|(identity, stream)| NodeStatus {
            identity: identity.clone(),
            silent: silent.contains(&identity.node()),
            last_heard: stream.last_heard,
            clock_offset_us: stream.clock_offset_us,
            agent_version: stream.agent_version.clone(),
            series: stream.catalog.as_ref().map_or(0, |c| c.series.len() as u64),
        })
        .collect()
}

fn findings(fold: &Fold) -> Vec<Finding> {
    fold.evaluator
        .conditions()
        .filter(|(_, _, judgement)| judgement.condition != Condition::Clear)
        .map(|(rule, subject, judgement)| Finding {
            rule: Arc::clone(&rule.id),
            subject: subject.clone(),
            condition: judgement.condition,
            since: judgement.judged_at,
            at: judgement.judged_at,
            value: judgement.value,
            no_data: judgement.condition == Condition::Unknown,
        })
        .collect()
}

//! What the engine shows to everybody else: immutable snapshots, replaced after each group that changed something.
//!
//! An incident is copied when it changes, not when others do: a snapshot shares the others with the one before. Whoever
//! waits for changes waits for [`Published::revisions`] and then compares snapshots, so that one that is slow costs nothing.

use super::fold::Fold;
use super::revisions::Revisions;
use collector_domain::{
    Condition, Contract, Exhibit, Finding, IncidentRevision, IncidentSet, NODE_SILENT, Roster,
};
use collector_incidents::Changes;
use collector_notify::Notifications;
use shared_model::{BootTime, NodeIdentity, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The latest snapshot. Readers hold an `Arc` and never wait for the engine.
#[derive(Clone, Default)]
pub(crate) struct Published {
    view: watch::Sender<Arc<View>>,
    revision: watch::Sender<u64>,
}

/// One snapshot.
#[derive(Clone, Default)]
pub(crate) struct View {
    /// The collector's steady time when it was made.
    pub(crate) now: Timestamp,
    /// The time since boot when it was made; an old one means that the engine does not advance.
    pub(crate) made: BootTime,
    /// The contract in force.
    pub(crate) contract: Contract,
    /// All incidents in memory.
    pub(crate) incidents: Arc<IncidentSet>,
    /// Streams of nodes that were ever heard, the newest of each node.
    pub(crate) nodes: Vec<NodeStatus>,
    /// Everything that is not clear.
    pub(crate) findings: Arc<Vec<Found>>,
    /// Who is on duty.
    pub(crate) roster: Arc<Roster>,
    /// Planned changes.
    pub(crate) changes: Arc<Changes>,
    /// Silences and deliveries.
    pub(crate) notify: Arc<Notifications>,
    /// Counters of the engine.
    pub(crate) totals: Totals,
}

/// A finding, with what probes said last that explains it.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) finding: Finding,
    pub(crate) evidence: Vec<Exhibit>,
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
    /// How long the journal's fdatasync took, last and at most.
    pub(crate) sync_last_us: u64,
    pub(crate) sync_max_us: u64,
    /// When the newest state file was written.
    pub(crate) snapshot_made: Option<BootTime>,
}

impl Totals {
    /// The journal was synced, which took `span`.
    pub(super) fn synced(&mut self, span: Duration) {
        self.sync_last_us = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        self.sync_max_us = self.sync_max_us.max(self.sync_last_us);
    }
}

impl Published {
    /// The latest snapshot.
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.borrow())
    }

    /// Tells when the snapshot was replaced.
    pub(crate) fn changes(&self) -> watch::Receiver<Arc<View>> {
        self.view.subscribe()
    }

    /// The newest revision that is in the snapshot; wakes when there is a newer one.
    pub(crate) fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Replaces the snapshot, then tells of the revision.
    pub(super) fn publish(
        &self,
        fold: &Fold,
        totals: Totals,
        revisions: &Revisions,
        made: BootTime,
    ) {
        let contract = fold.started.as_ref().map(|s| s.contract.clone()).unwrap_or_default();
        let view = View {
            now: fold.now,
            made,
            contract,
            incidents: incidents(fold, &self.view().incidents, revisions),
            nodes: nodes(fold),
            findings: Arc::new(findings(fold)),
            roster: Arc::clone(fold.machine.roster()),
            changes: Arc::clone(fold.machine.changes()),
            notify: Arc::clone(&fold.notify),
            totals,
        };
        let revision = view.incidents.revision;
        self.view.send_replace(Arc::new(view));
        self.revision.send_if_modified(|told| std::mem::replace(told, revision) != revision);
    }
}

/// All incidents; those that are as they were `before` are shared with it, all of it when nothing changed.
fn incidents(fold: &Fold, before: &Arc<IncidentSet>, revisions: &Revisions) -> Arc<IncidentSet> {
    // Both are in ascending order of number, and an incident that was there once stays.
    let mut held = before.incidents.iter().peekable();
    let mut is_new = before.revision != revisions.newest();
    let all = fold.machine.incidents().values().map(|incident| {
        let revision = revisions.of(incident.id);
        let held = held.next_if(|h| h.incident.id == incident.id);
        // What is over changes only by an entry; comparing years of it each second would be waste.
        let same = |h: &&IncidentRevision| {
            h.revision == revision && (incident.state.is_over() || *h.incident == *incident)
        };
        held.filter(same).cloned().unwrap_or_else(|| {
            is_new = true;
            IncidentRevision { revision, incident: Arc::new(incident.clone()) }
        })
    });
    let incidents: Vec<IncidentRevision> = all.collect();
    if is_new {
        Arc::new(IncidentSet { revision: revisions.newest(), incidents })
    } else {
        Arc::clone(before)
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
            &*rule.id == NODE_SILENT && judgement.condition == Condition::Breached
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

fn findings(fold: &Fold) -> Vec<Found> {
    fold.evaluator
        .conditions()
        .filter(|(_, _, judgement)| judgement.condition != Condition::Clear)
        .map(|(rule, subject, judgement)| Found {
            evidence: fold.machine.evidence(&rule.id, subject).cloned().collect(),
            finding: Finding {
                rule: Arc::clone(&rule.id),
                subject: subject.clone(),
                condition: judgement.condition,
                since: judgement.judged_at,
                at: judgement.judged_at,
                value: judgement.value,
                no_data: judgement.condition == Condition::Unknown,
            },
        })
        .collect()
}

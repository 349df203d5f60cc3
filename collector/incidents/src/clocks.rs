//! The contract's clocks: starting, moving, missing, and the end of the watch.

use crate::machine::{Machine, Run};
use collector_domain::{Actor, Condition, Entry, EntryKind, Incident, IncidentId, IncidentState};
use shared_model::{Clause, Level, Timestamp};
use std::sync::Arc;

impl Machine {
    /// Writes every limit that has passed, once. At the due time itself it is still kept.
    pub(crate) fn settle_due(&mut self, entries: &mut Vec<Entry>, now: Timestamp) {
        let due: Vec<(IncidentId, EntryKind)> =
            self.unfinished().flat_map(|i| missed(i, now, self.is_restored_in_time(i))).collect();
        for (incident, kind) in due {
            self.write(entries, Entry { at: now, incident, actor: Actor::Collector, kind });
        }
    }

    /// Ends what was watched to its end. While the check is unknown nobody can say that it did not come back,
    /// so the watch goes on; nor can they while a service's classification settles.
    pub(crate) fn end_watches(&mut self, run: &mut Run<'_>) {
        let ended: Vec<(IncidentId, bool)> = self
            .unfinished()
            .filter(|i| i.state == IncidentState::Watching && i.condition == Condition::Clear)
            .filter(|i| !self.is_settling(i))
            .filter(|i| i.clocks.watch_until.is_some_and(|until| run.now >= until))
            .map(|i| (i.id, !self.contract.signature_required || i.clocks.signed.is_some()))
            .collect();
        for (id, is_signed) in ended {
            let kind = if is_signed { EntryKind::Closed } else { EntryKind::WatchEnded };
            self.record(run, id, kind);
            self.let_go(&[id]);
            if is_signed {
                self.retire(&[id]);
            }
        }
    }

    /// Closes an incident whose watch was over when the hospital signed it.
    pub(crate) fn close_signed(&mut self, run: &mut Run<'_>, id: IncidentId) {
        if self.incident(id).is_some_and(|i| i.state == IncidentState::Watched) {
            self.record(run, id, EntryKind::Closed);
            self.retire(&[id]);
        }
    }

    /// The entry that reopens an incident at its level with new clocks.
    pub(crate) fn reopening(&self, now: Timestamp, occurred: Timestamp, level: Level) -> EntryKind {
        EntryKind::Reopened {
            occurred,
            response_due: now.plus(self.contract.response_limit(level)),
            resolution_due: now.plus(self.contract.resolution_limit(level)),
            onsite_due: self.onsite_due(now, level),
        }
    }

    /// When somebody has to be at the appliance: level 1 asks for it at once (M-061).
    pub(crate) fn onsite_due(&self, now: Timestamp, level: Level) -> Option<Timestamp> {
        (level == Level::One).then(|| now.plus(self.contract.scaled(self.contract.onsite)))
    }

    /// The entry that gives an incident another cause or a more severe level. The resolution is due at the earlier of the old
    /// time and a new limit from now (M-039).
    pub(crate) fn reclassification(
        &self,
        now: Timestamp,
        incident: &Incident,
        (cause, clause): (Arc<str>, Clause),
        level: Level,
        why: String,
    ) -> EntryKind {
        let due = incident.clocks.resolution_due;
        let has_risen = level < incident.level;
        EntryKind::Reclassified {
            cause,
            clause,
            level,
            why,
            resolution_due: if has_risen {
                due.min(now.plus(self.contract.resolution_limit(level)))
            } else {
                due
            },
            onsite_due: if has_risen { self.onsite_due(now, level) } else { None },
        }
    }
}

/// Limits of this run of the clocks that have passed and were not written yet. A miss of an earlier run is not later
/// than this run's detection.
fn missed(
    incident: &Incident,
    now: Timestamp,
    is_restored: bool,
) -> impl Iterator<Item = (IncidentId, EntryKind)> {
    let clocks = &incident.clocks;
    let unwritten = |at: Option<Timestamp>| at.is_none_or(|at| at <= clocks.detected);
    let is_worked_on = matches!(incident.state, IncidentState::Open | IncidentState::Acknowledged);
    let response = incident.state == IncidentState::Open
        && now > clocks.response_due
        && unwritten(clocks.response_missed);
    let onsite = is_worked_on
        && clocks.onsite.is_none()
        && clocks.onsite_due.is_some_and(|due| now > due)
        && unwritten(clocks.onsite_missed);
    let resolution = is_worked_on
        && now > clocks.resolution_due
        && !is_restored
        && unwritten(clocks.resolution_missed);
    let id = incident.id;
    [
        (response, EntryKind::ResponseMissed),
        (onsite, EntryKind::OnsiteMissed),
        (resolution, EntryKind::ResolutionMissed),
    ]
    .into_iter()
    .filter(|(late, _)| *late)
    .map(move |(_, kind)| (id, kind))
}

//! The contract's clocks: starting, moving, missing, and the end of the watch.

use crate::machine::{Machine, Run};
use collector_domain::{Actor, Condition, Entry, EntryKind, Incident, IncidentId, IncidentState};
use shared_model::{Level, Timestamp};

impl Machine {
    /// Writes every limit that has passed, once. At the due time itself it is still kept.
    pub(crate) fn settle_due(&mut self, entries: &mut Vec<Entry>, now: Timestamp) {
        let due: Vec<(IncidentId, EntryKind)> =
            self.unfinished().flat_map(|i| missed(i, now)).collect();
        for (incident, kind) in due {
            self.write(entries, Entry { at: now, incident, actor: Actor::Collector, kind });
        }
    }

    /// Closes what was watched to its end. While the check is unknown nobody can say that it did not come back,
    /// so the watch goes on; nor can they while a service's classification settles.
    pub(crate) fn end_watches(&mut self, run: &mut Run<'_>) {
        let ended: Vec<IncidentId> = self
            .unfinished()
            .filter(|i| i.state == IncidentState::Watching && i.condition == Condition::Clear)
            .filter(|i| !self.is_settling(i))
            .filter(|i| i.clocks.watch_until.is_some_and(|until| run.now >= until))
            .map(|i| i.id)
            .collect();
        for id in &ended {
            self.record(run, *id, EntryKind::Closed);
        }
        self.forget_closed(&ended);
    }

    /// The entry that reopens an incident at its level with new clocks.
    pub(crate) fn reopening(&self, now: Timestamp, occurred: Timestamp, level: Level) -> EntryKind {
        EntryKind::Reopened {
            occurred,
            response_due: now.plus(self.contract.response_limit(level)),
            resolution_due: now.plus(self.contract.resolution_limit(level)),
        }
    }

    /// The resolution's due time after a rise to `level`: the earlier of the old one and a new limit from now (M-039).
    pub(crate) fn due_after_rise(
        &self,
        now: Timestamp,
        incident: &Incident,
        level: Level,
    ) -> Timestamp {
        let due = incident.clocks.resolution_due;
        if level < incident.level {
            due.min(now.plus(self.contract.resolution_limit(level)))
        } else {
            due
        }
    }
}

/// Limits of this run of the clocks that have passed and were not written yet. A miss of an earlier run is not later
/// than this run's detection.
fn missed(incident: &Incident, now: Timestamp) -> impl Iterator<Item = (IncidentId, EntryKind)> {
    let clocks = &incident.clocks;
    let unwritten = |at: Option<Timestamp>| at.is_none_or(|at| at <= clocks.detected);
    let response = incident.state == IncidentState::Open
        && now > clocks.response_due
        && unwritten(clocks.response_missed);
    let resolution = matches!(incident.state, IncidentState::Open | IncidentState::Acknowledged)
        && now > clocks.resolution_due
        && unwritten(clocks.resolution_missed);
    let id = incident.id;
    [(response, EntryKind::ResponseMissed), (resolution, EntryKind::ResolutionMissed)]
        .into_iter()
        .filter(|(late, _)| *late)
        .map(move |(_, kind)| (id, kind))
}

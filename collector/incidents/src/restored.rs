//! 核心恢复: what was found has been normal for as long as the level asks for (M-035, M-036).

use crate::machine::{Machine, Run};
use collector_domain::{EntryKind, Incident, IncidentId, IncidentState};
use shared_model::Timestamp;

impl Machine {
    /// Writes what has been restored for long enough. The clock stopped when it began to be normal.
    pub(crate) fn note_restored(&mut self, run: &mut Run<'_>) {
        let restored: Vec<(IncidentId, Timestamp, bool)> = self
            .unfinished()
            .filter(|i| matches!(i.state, IncidentState::Open | IncidentState::Acknowledged))
            .filter(|i| i.clocks.core_restored.is_none())
            .filter_map(|i| {
                let hold = self.contract.restored_after(i.level)?;
                let since = i.clocks.clear_since?;
                let in_time = since <= i.clocks.resolution_due;
                (run.now >= since.plus(hold)).then_some((i.id, since, in_time))
            })
            .collect();
        for (id, since, in_time) in restored {
            self.record(run, id, EntryKind::CoreRestored { since, in_time });
        }
    }

    /// Whether the resolution clock of an unrepaired incident has stopped, or may turn out to have stopped, by its due time.
    pub(crate) fn is_restored_in_time(&self, incident: &Incident) -> bool {
        let clocks = &incident.clocks;
        self.contract.restored_after(incident.level).is_some()
            && clocks
                .core_restored
                .or(clocks.clear_since)
                .is_some_and(|since| since <= clocks.resolution_due)
    }
}

//! What an incident waits for: no state may wait for nothing, or it is forgotten.

use crate::{Incident, IncidentState};
use shared_model::{Level, Timestamp};

/// One thing that an incident waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Awaited {
    /// Somebody of the provider or the hospital does this.
    Person(&'static str),
    /// The hospital does this.
    Hospital(&'static str),
    /// This instant comes.
    Time(&'static str, Timestamp),
}

impl Incident {
    /// Everything that it waits for; nothing when nothing can be done to it any more.
    pub fn awaits(&self) -> Vec<Awaited> {
        use Awaited::{Hospital, Person, Time};
        let clocks = &self.clocks;
        let mut all = Vec::new();
        match self.state {
            IncidentState::Open => all.push(Person("acknowledge")),
            IncidentState::Acknowledged => all.push(Person("resolve")),
            IncidentState::Resolved => all.push(Person("verify")),
            // Newer samples decide; where none come, a person has to.
            IncidentState::Verifying => all.push(Person("reopen")),
            IncidentState::Watching => {
                all.extend(clocks.watch_until.map(|at| Time("watch_until", at)));
            }
            IncidentState::Watched => all.push(Hospital("sign")),
            IncidentState::Closed | IncidentState::Cancelled | IncidentState::Merged => {
                return all;
            }
        }
        let of_this_run = |at: Option<Timestamp>| at.is_some_and(|at| at > clocks.detected);
        if self.state == IncidentState::Open && !of_this_run(clocks.response_missed) {
            all.push(Time("response_due", clocks.response_due));
        }
        if matches!(self.state, IncidentState::Open | IncidentState::Acknowledged) {
            let restored = self.level <= Level::Two && clocks.core_restored.is_some();
            if !of_this_run(clocks.resolution_missed) && !restored {
                all.push(Time("resolution_due", clocks.resolution_due));
            }
            if let Some(due) = clocks.onsite_due.filter(|_| clocks.onsite.is_none()) {
                all.push(Person("arrive"));
                if !of_this_run(clocks.onsite_missed) {
                    all.push(Time("onsite_due", due));
                }
            }
        }
        if self.sheet.asked.is_some() {
            all.push(Hospital("consent"));
        }
        if self.sheet.disputes.last().is_some_and(|d| d.outcome.is_none()) {
            all.push(Hospital("settle-dispute"));
        }
        all
    }
}

//! The escalation ladder (mission §2.8.2): who is told next while nobody responds. Its timers are derived from what is kept, so
//! that no restart loses one.

use crate::decide::Incidents;
use crate::profile::Receiver;
use crate::state::Notifications;
use collector_domain::{Incident, IncidentId, IncidentState, Transition};
use shared_model::Timestamp;
use std::sync::Arc;

impl Notifications {
    /// Whether [`Self::escalate`] would tell somebody.
    pub fn has_escalatable(&self, now: Timestamp, incidents: &Incidents) -> bool {
        self.escalatable(now, incidents).next().is_some()
    }

    /// Lets time pass: whoever stands on a step of the ladder whose time has come is told of what nobody has responded to.
    pub fn escalate(&mut self, now: Timestamp, incidents: &Incidents) {
        let due: Vec<(IncidentId, Arc<str>)> = self
            .escalatable(now, incidents)
            .map(|(incident, receiver)| (incident.id, Arc::clone(&receiver.name)))
            .collect();
        for (id, name) in due {
            let receiver = self.profile.receivers.iter().find(|r| r.name == name).cloned();
            let (Some(incident), Some(receiver)) = (incidents.get(&id), receiver) else { continue };
            let silences = self.muting(incident, now);
            let trace = self.traces.entry(id).or_default();
            trace.number = trace.number.saturating_add(1);
            trace.escalated.insert(name);
            if silences.is_empty() {
                self.tell(now, incident, Transition::Escalated, &receiver);
            } else {
                self.mute(now, incident, Transition::Escalated, &receiver, &silences);
            }
        }
    }

    fn escalatable<'a>(
        &'a self,
        now: Timestamp,
        incidents: &'a Incidents,
    ) -> impl Iterator<Item = (&'a Incident, &'a Receiver)> {
        let ladder: Vec<&Receiver> =
            self.profile.receivers.iter().filter(|r| !r.after.is_zero()).collect();
        // Most have no ladder, and then no incident is looked at.
        let open = incidents
            .values()
            .filter(move |i| !ladder.is_empty() && i.state == IncidentState::Open);
        open.flat_map(move |incident| {
            let receivers = self.profile.receivers.iter();
            receivers.filter(move |r| self.is_next(now, incident, r)).map(move |r| (incident, r))
        })
    }

    fn is_next(&self, now: Timestamp, incident: &Incident, receiver: &Receiver) -> bool {
        let told = self.traces.get(&incident.id).is_some_and(|trace| {
            trace.escalated.contains(&receiver.name) || trace.firing.contains(&receiver.name)
        });
        !receiver.after.is_zero()
            && !told
            && receiver.levels.contains(&incident.level)
            && now >= incident.clocks.detected.plus(receiver.after)
    }
}

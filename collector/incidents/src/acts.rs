//! What people do: respond, state a fix, ask for verification.

use crate::cause::Cause;
use crate::machine::Machine;
use crate::state::LastAct;
use collector_domain::{
    Act, ActRefused, Actor, Condition, Entry, EntryKind, Incident, IncidentState, NODES_LOST,
};
use shared_model::Timestamp;

impl Machine {
    /// Takes one act of a named person. A verification that was asked for completes on a later [`Machine::tick`].
    ///
    /// # Errors
    /// Why the act was refused; then nothing has changed.
    pub fn act(&mut self, now: Timestamp, act: &Act) -> Result<Vec<Entry>, ActRefused> {
        let id = act.incident();
        let incident = self.incident(id).ok_or(ActRefused::Unknown(id))?;
        if act.by().trim().is_empty() {
            return Err(ActRefused::Missing("the name of the account"));
        }
        self.allowed(incident, act)?;
        let now = self.advance(now);
        let mut entries = Vec::new();
        // A limit that passed since the last tick is written before the act that came too late.
        self.settle_due(&mut entries, now);
        let Some(clocks) = self.incident(id).map(|i| i.clocks.clone()) else {
            return Err(ActRefused::Unknown(id));
        };
        let kind = match act {
            Act::Acknowledge { .. } => {
                EntryKind::Acknowledged { in_time: now <= clocks.response_due }
            }
            Act::Resolve { fix, .. } => EntryKind::Resolved {
                fix: fix.trim().to_owned(),
                in_time: now <= clocks.resolution_due,
            },
            Act::Verify { .. } => EntryKind::VerifyAsked,
        };
        let by = act.by().trim().to_owned();
        self.state.last_acts.insert(id, LastAct { by: by.clone(), at: now });
        self.write(&mut entries, Entry { at: now, incident: id, actor: Actor::Person(by), kind });
        Ok(entries)
    }

    fn allowed(&self, incident: &Incident, act: &Act) -> Result<(), ActRefused> {
        let needed = match act {
            Act::Acknowledge { .. } => IncidentState::Open,
            Act::Resolve { .. } => IncidentState::Acknowledged,
            Act::Verify { .. } => IncidentState::Resolved,
        };
        if incident.state != needed {
            return Err(self.wrong_state(incident));
        }
        if let Act::Resolve { fix, .. } = act {
            if fix.trim().is_empty() {
                return Err(ActRefused::Missing("the fix"));
            }
            if incident.condition != Condition::Clear {
                let why = self.obstacle(incident);
                return Err(ActRefused::StillBreached { incident: incident.id, why });
            }
        }
        Ok(())
    }

    /// Who brought it into its state and when, and what is possible now.
    fn wrong_state(&self, incident: &Incident) -> ActRefused {
        let clocks = &incident.clocks;
        let last = self.state.last_acts.get(&incident.id);
        let who = |act: &str, next: &str| match last {
            Some(last) => format!("{act} by {} at {}; {next}", last.by, last.at),
            None => next.to_owned(),
        };
        let hint = match incident.state {
            IncidentState::Open => "acknowledge it first".to_owned(),
            IncidentState::Acknowledged => {
                let next = "state the fix to resolve it";
                match (&incident.acknowledged_by, clocks.acknowledged) {
                    (Some(by), Some(at)) => format!("acknowledged by {by} at {at}; {next}"),
                    _ => next.to_owned(),
                }
            }
            IncidentState::Resolved => who("resolved", "verify the repair"),
            IncidentState::Verifying => {
                who("verification asked for", "wait for samples newer than that")
            }
            IncidentState::Watching => {
                let until = clocks.watch_until.unwrap_or_default();
                format!("verified and watched until {until}; nothing is left to do")
            }
            IncidentState::Closed => {
                let at = clocks.closed.unwrap_or_default();
                format!("closed at {at}; a new fault opens a new incident")
            }
        };
        ActRefused::WrongState { incident: incident.id, state: incident.state.to_string(), hint }
    }

    /// Which check keeps the incident from being resolved, and its value.
    fn obstacle(&self, incident: &Incident) -> String {
        let link = incident.links.iter().find(|l| {
            l.condition == incident.condition
                && (Cause::from_id(&incident.cause).is_some() || *incident.cause == *NODES_LOST)
        });
        let (rule, subject, value) = match link {
            Some(link) => (&link.rule, &link.subject, link.value),
            None => (&incident.cause, &incident.subject, incident.value),
        };
        let condition = match (incident.condition, value) {
            (Condition::Unknown, _) => "unknown: there is no fresh data".to_owned(),
            (_, Some(value)) => format!("breached at {value}"),
            (_, None) => "breached".to_owned(),
        };
        format!("{rule} on {subject} is {condition}")
    }
}

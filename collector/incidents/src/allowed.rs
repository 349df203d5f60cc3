//! Which acts an incident takes now, and what to say of those that it does not take.

use crate::cause::Cause;
use crate::machine::Machine;
use collector_domain::{
    ActRefused, Condition, Deed, FOREIGN, Incident, IncidentState, NODES_LOST, Request, is_reported,
};
use shared_model::Level;

impl Machine {
    pub(crate) fn allowed(
        &self,
        incident: &Incident,
        by: &str,
        deed: &Deed,
    ) -> Result<(), ActRefused> {
        use IncidentState::{Acknowledged, Open, Resolved, Verifying, Watched, Watching};
        let (state, clocks, sheet) = (incident.state, &incident.clocks, &incident.sheet);
        let no =
            |why: &str| Err(ActRefused::NotAllowed { incident: incident.id, why: why.to_owned() });
        let right_state = match deed {
            Deed::Acknowledge => state == Open,
            Deed::Resolve { .. } => state == Acknowledged,
            Deed::Verify => state == Resolved,
            Deed::Reopen { .. } => matches!(state, Resolved | Verifying | Watching),
            Deed::Dispatch { .. } | Deed::Ask { .. } | Deed::Consent => {
                matches!(state, Open | Acknowledged)
            }
            Deed::ConfirmCore => !state.is_over(),
            Deed::Sign => matches!(state, Watching | Watched),
            Deed::Arrive
            | Deed::Decline { .. }
            | Deed::Separate { .. }
            | Deed::Dispute { .. }
            | Deed::SettleDispute { .. }
            | Deed::Diagnose { .. }
            | Deed::Prevent { .. }
            | Deed::BackUp { .. }
            | Deed::Note { .. } => !state.is_final(),
        };
        if !right_state {
            return Err(self.wrong_state(incident));
        }
        match deed {
            // A person said that it is broken, and now says that it is not.
            Deed::Resolve { .. } if is_reported(&incident.cause) => Ok(()),
            Deed::Resolve { .. } | Deed::ConfirmCore if incident.condition != Condition::Clear => {
                let why = self.obstacle(incident);
                Err(ActRefused::StillBreached { incident: incident.id, why })
            }
            Deed::ConfirmCore if clocks.core_confirmed.is_some() => no("it was confirmed before"),
            Deed::Arrive if clocks.onsite_due.is_none() => no("nobody was sent: dispatch first"),
            Deed::Arrive if clocks.onsite.is_some() => no("somebody is there already"),
            Deed::Ask { .. } if sheet.asked.is_some() => {
                no("the hospital has not answered the last request")
            }
            Deed::Ask { request, .. } => self.may_ask(incident, *request),
            Deed::Consent => match &sheet.asked {
                None => no("nothing was asked of the hospital"),
                Some(asked) if asked.by == by => no("who asked cannot agree: it takes two people"),
                Some(asked) => self.may_ask(incident, asked.request),
            },
            Deed::Decline { .. } if sheet.asked.is_none() => {
                no("nothing was asked of the hospital")
            }
            Deed::Separate { rule, subject, .. } => {
                let is_it = |l: &collector_domain::Link| l.rule == *rule && l.subject == *subject;
                match incident.links.iter().any(is_it) {
                    false => no("this finding is not linked to it"),
                    true if self.catalogue.rule(rule).is_none() => no("its rule is not in force"),
                    true => Ok(()),
                }
            }
            Deed::Dispute { .. } if sheet.disputes.last().is_some_and(|d| d.outcome.is_none()) => {
                no("the last dispute is open: settle it first")
            }
            Deed::SettleDispute { .. }
                if sheet.disputes.last().is_none_or(|d| d.outcome.is_some()) =>
            {
                no("no dispute is open")
            }
            Deed::Sign => unsigned(incident).map_or(Ok(()), no),
            _ => Ok(()),
        }
    }

    fn may_ask(&self, incident: &Incident, request: Request) -> Result<(), ActRefused> {
        let no = |why: String| Err(ActRefused::NotAllowed { incident: incident.id, why });
        match request {
            Request::Lower { level } if level <= incident.level => {
                no(format!("it is {} now, which is not more severe than {level}", incident.level))
            }
            Request::Lower { level: Level::Four } => {
                no("level 4 is for questions of people".to_owned())
            }
            Request::Cancel | Request::Lower { .. } => Ok(()),
            Request::Merge { into } => {
                let of_service = Cause::from_id(&incident.cause).is_some();
                if of_service || *incident.cause == *NODES_LOST {
                    return no(format!("{} gathers findings itself", incident.cause));
                }
                if *incident.cause == *FOREIGN {
                    return no("its system would say it again: cancel it".to_owned());
                }
                let other = self.incident(into).filter(|i| i.id != incident.id);
                match other.map(|i| i.state) {
                    Some(IncidentState::Open | IncidentState::Acknowledged) => Ok(()),
                    Some(state) => no(format!("{into} is {state}: a fault under repair is needed")),
                    None => no(format!("there is no other incident {into}")),
                }
            }
        }
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
                format!("verified and watched until {until}; the hospital may sign")
            }
            IncidentState::Watched => {
                "the watch is over; the hospital's signature closes it".to_owned()
            }
            IncidentState::Closed | IncidentState::Cancelled | IncidentState::Merged => {
                let at = clocks.closed.unwrap_or_default();
                format!("{} at {at}; a new fault opens a new incident", incident.state)
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

/// What the fault sheet lacks for a signature.
fn unsigned(incident: &Incident) -> Option<&'static str> {
    let sheet = &incident.sheet;
    if incident.clocks.signed.is_some() {
        Some("it is signed already")
    } else if sheet.disputes.last().is_some_and(|d| d.outcome.is_none()) {
        Some("a dispute is open: settle it first")
    } else if sheet.diagnosis.is_none() {
        Some("its sheet has no category and root cause: diagnose first")
    } else if incident.level_highest <= Level::Two && sheet.preventions.is_empty() {
        Some("levels 1 and 2 need a preventive measure with an owner and a date")
    } else {
        None
    }
}

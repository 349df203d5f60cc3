//! Keeps the conditions of incidents and of their links current. Unknown is never recovered.

use crate::catalogue::SERVICE_LINKS;
use crate::cause::Cause;
use crate::machine::{Assessments, Machine, Run};
use crate::service::Assessment;
use collector_domain::{
    Condition, EntryKind, FOREIGN, Incident, IncidentId, IncidentState, NODE_SILENT, NODES_LOST,
    check_of, is_reported,
};
use shared_model::Timestamp;

impl Machine {
    /// Brings every unfinished incident's own condition, and those of its links, up to date.
    pub(crate) fn refresh_conditions(&mut self, run: &mut Run<'_>, assessments: &Assessments) {
        let ids: Vec<IncidentId> = self.unfinished().map(|i| i.id).collect();
        for id in ids {
            self.refresh_links(id);
            let Some(incident) = self.state.incidents.get(&id) else { continue };
            let (condition, at_event, value) = self.own_condition(run.now, incident, assessments);
            if condition != incident.condition {
                self.record(run, id, EntryKind::Condition { condition, at_event, value });
            } else if let Some(incident) = self.state.incidents.get_mut(&id) {
                incident.value = value.or(incident.value);
            }
        }
    }

    fn refresh_links(&mut self, id: IncidentId) {
        let Some(incident) = self.state.incidents.get(&id) else { return };
        let current: Vec<(Condition, Option<f64>)> = incident
            .links
            .iter()
            .map(|l| {
                let (condition, standing) = self.effective(&l.rule, &l.subject);
                (condition, standing.and_then(|s| s.value))
            })
            .collect();
        if let Some(incident) = self.state.incidents.get_mut(&id) {
            for (link, (condition, value)) in incident.links.iter_mut().zip(current) {
                link.condition = condition;
                link.value = value;
            }
        }
    }

    fn own_condition(
        &self,
        now: Timestamp,
        incident: &Incident,
        assessments: &Assessments,
    ) -> (Condition, Timestamp, Option<f64>) {
        if Cause::from_id(&incident.cause).is_some() {
            let service = incident.subject.get("service").unwrap_or_default();
            let assessment = assessments.get(service);
            return (service_condition(incident, assessment), now, None);
        }
        if *incident.cause == *NODES_LOST {
            return (outage_condition(incident), now, None);
        }
        if *incident.cause == *FOREIGN {
            return (self.foreign_condition(now, incident), now, None);
        }
        if is_reported(&incident.cause) {
            // What people said last stands.
            return (incident.condition, now, None);
        }
        if incident.late && !self.is_judged_live(incident) {
            // What the late data showed last stands.
            return (incident.condition, now, incident.value);
        }
        let (condition, standing) = self.effective(&incident.cause, &incident.subject);
        let at_event = standing.filter(|s| s.condition == condition).map_or(now, |s| s.at);
        (condition, at_event, standing.and_then(|s| s.value))
    }
}

/// Clear only when every node that was lost is heard again.
fn outage_condition(incident: &Incident) -> Condition {
    let nodes = incident.links.iter().filter(|l| check_of(&l.rule) == NODE_SILENT);
    let conditions: Vec<Condition> = nodes.map(|link| link.condition).collect();
    if conditions.is_empty() { Condition::Unknown } else { worst(conditions.into_iter()) }
}

/// Breached before unknown before clear.
fn worst(conditions: impl Iterator<Item = Condition>) -> Condition {
    conditions.fold(Condition::Clear, |worst, condition| match (worst, condition) {
        (Condition::Breached, _) | (_, Condition::Breached) => Condition::Breached,
        (Condition::Unknown, _) | (_, Condition::Unknown) => Condition::Unknown,
        (Condition::Clear, Condition::Clear) => Condition::Clear,
    })
}

/// Clear only when no classification holds and every linked finding of the service is clear. Under watch it is never
/// breached: a relapse reopens, and any other fault has its own incident and says nothing about this repair.
fn service_condition(incident: &Incident, assessment: Option<&Assessment>) -> Condition {
    let watched = incident.state == IncidentState::Watching;
    if assessment.is_some_and(|a| a.cause.is_some()) {
        return if watched { incident.condition } else { Condition::Breached };
    }
    let links = incident
        .links
        .iter()
        .filter(|l| SERVICE_LINKS.contains(&&*l.rule))
        .filter(|l| !assessment.is_some_and(|a| a.is_moot(l)));
    match worst(links.map(|link| link.condition)) {
        // An accusation that no fresh witness repeats.
        Condition::Breached if watched => Condition::Unknown,
        links => links,
    }
}

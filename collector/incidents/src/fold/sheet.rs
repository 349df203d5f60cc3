//! What people write: dispatches, requests to the hospital, disputes, diagnosis, signature.

use collector_domain::{
    Actor, Asked, Dispute, Entry, EntryKind, Incident, IncidentState, LevelChange, Prevention,
    Request,
};
use shared_model::Timestamp;

/// Applies an entry that a person's word stands behind; others have no effect here.
pub(super) fn change(incident: &mut Incident, entry: &Entry) {
    let at = entry.at;
    let by = match &entry.actor {
        Actor::Person(name) => name.clone(),
        Actor::Collector => String::new(),
    };
    let (clocks, sheet) = (&mut incident.clocks, &mut incident.sheet);
    match &entry.kind {
        EntryKind::Dispatched { engineer, onsite_due } => {
            sheet.dispatched = Some(engineer.clone());
            clocks.dispatched = clocks.dispatched.or(Some(at));
            clocks.onsite_due = clocks.onsite_due.or(Some(*onsite_due));
        }
        EntryKind::Arrived { .. } => clocks.onsite = Some(at),
        EntryKind::OnsiteMissed => clocks.onsite_missed = Some(at),
        EntryKind::Asked { request, reason } => {
            sheet.asked = Some(Asked { request: *request, by, at, reason: reason.clone() });
        }
        EntryKind::Declined { .. } => sheet.asked = None,
        EntryKind::Consented { request } => consented(incident, *request, at),
        EntryKind::Disputed { about, statement } => {
            let (about, statement) = (*about, statement.clone());
            sheet.disputes.push(Dispute { about, by, at, statement, outcome: None });
        }
        EntryKind::DisputeSettled { outcome } => {
            if let Some(dispute) = sheet.disputes.last_mut() {
                dispute.outcome = Some((at, outcome.clone()));
            }
        }
        EntryKind::Diagnosed { category, root_cause } => {
            sheet.diagnosis = Some((*category, root_cause.clone()));
        }
        EntryKind::Prevention { measure, owner, due } => {
            let (measure, owner, due) = (measure.clone(), owner.clone(), *due);
            sheet.preventions.push(Prevention { measure, owner, due });
        }
        EntryKind::BackedUp { reference, waived } => {
            sheet.backup = Some((reference.clone(), *waived));
        }
        EntryKind::Signed => {
            clocks.signed = Some(at);
            sheet.signed_by = Some(by);
        }
        _ => {}
    }
}

fn consented(incident: &mut Incident, request: Request, at: Timestamp) {
    let asked = incident.sheet.asked.take();
    let ended = match request {
        Request::Cancel => IncidentState::Cancelled,
        Request::Merge { into } => {
            incident.sheet.merged_into = Some(into);
            IncidentState::Merged
        }
        Request::Lower { level } => {
            let why = asked.map_or_else(String::new, |a| a.reason);
            incident.level = level;
            incident.levels.push(LevelChange { at, level, why });
            return;
        }
    };
    incident.state = ended;
    incident.clocks.closed = Some(at);
}

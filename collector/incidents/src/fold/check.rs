//! Which entries an incident can take, by its state and its clocks.

use super::FoldError;
use collector_domain::{Entry, EntryKind, Incident, IncidentState, Request};
use shared_model::{Level, Timestamp};

/// Whether the incident can take this entry.
pub(super) fn check(incident: &Incident, entry: &Entry) -> Result<(), FoldError> {
    if !is_possible(incident, &entry.kind) {
        let (incident, state, at) = (incident.id, incident.state, entry.at);
        return Err(FoldError::Impossible { incident, state, at });
    }
    match claim(incident, entry) {
        Some((false, due)) => {
            Err(FoldError::Punctuality { incident: incident.id, at: entry.at, due })
        }
        _ => Ok(()),
    }
}

fn is_possible(incident: &Incident, kind: &EntryKind) -> bool {
    use IncidentState::{Acknowledged, Open, Resolved, Verifying, Watched, Watching};
    let (state, clocks, sheet) = (incident.state, &incident.clocks, &incident.sheet);
    let is_worked_on = matches!(state, Open | Acknowledged);
    match kind {
        EntryKind::Opened { .. } => true,
        EntryKind::Linked { .. }
        | EntryKind::Condition { .. }
        | EntryKind::LateCondition { .. }
        | EntryKind::Evidence { .. } => !state.is_over(),
        // The machine never lowers a level.
        EntryKind::Reclassified { level, .. } => !state.is_over() && *level <= incident.level,
        EntryKind::Acknowledged { .. } | EntryKind::ResponseMissed => state == Open,
        EntryKind::ResolutionMissed
        | EntryKind::CoreRestored { .. }
        | EntryKind::Dispatched { .. } => is_worked_on,
        EntryKind::Arrived { .. } => clocks.onsite_due.is_some() && clocks.onsite.is_none(),
        EntryKind::OnsiteMissed => is_worked_on && clocks.onsite.is_none(),
        EntryKind::CoreConfirmed => !state.is_over() && clocks.core_confirmed.is_none(),
        EntryKind::Resolved { .. } => state == Acknowledged,
        EntryKind::VerifyAsked => state == Resolved,
        EntryKind::VerifyFailed { .. } | EntryKind::Verified { .. } => state == Verifying,
        EntryKind::Reopened { .. } => matches!(state, Resolved | Verifying | Watching),
        EntryKind::Asked { .. } => is_worked_on && sheet.asked.is_none(),
        EntryKind::Consented { request } => {
            let is_milder = |level: Level| level > incident.level;
            is_worked_on
                && sheet.asked.as_ref().is_some_and(|asked| asked.request == *request)
                && !matches!(request, Request::Lower { level } if !is_milder(*level))
        }
        EntryKind::Declined { .. } => sheet.asked.is_some(),
        EntryKind::Separated { rule, subject, .. } => {
            !state.is_final()
                && incident.links.iter().any(|l| l.rule == *rule && l.subject == *subject)
        }
        EntryKind::DisputeSettled { .. } => {
            sheet.disputes.last().is_some_and(|d| d.outcome.is_none())
        }
        EntryKind::Disputed { .. } => {
            !state.is_final() && sheet.disputes.last().is_none_or(|d| d.outcome.is_some())
        }
        EntryKind::Diagnosed { .. }
        | EntryKind::Prevention { .. }
        | EntryKind::BackedUp { .. }
        | EntryKind::Noted { .. } => !state.is_final(),
        EntryKind::WatchEnded => state == Watching,
        EntryKind::Signed => matches!(state, Watching | Watched) && clocks.signed.is_none(),
        EntryKind::Closed => matches!(state, Watching | Watched),
        // Facts of no incident.
        EntryKind::ServiceState { .. }
        | EntryKind::RosterSet { .. }
        | EntryKind::ChangeSubmitted { .. }
        | EntryKind::ChangeApproved { .. }
        | EntryKind::ChangeDeclined { .. }
        | EntryKind::ChangeWithdrawn { .. }
        | EntryKind::ChangeRescheduled { .. } => false,
    }
}

/// What an entry says of its punctuality: whether it is true, and the due time it is about.
fn claim(incident: &Incident, entry: &Entry) -> Option<(bool, Timestamp)> {
    let (clocks, at) = (&incident.clocks, entry.at);
    let is_so = |in_time: bool, at: Timestamp, due: Timestamp| Some((in_time == (at <= due), due));
    match entry.kind {
        EntryKind::Acknowledged { in_time } => is_so(in_time, at, clocks.response_due),
        EntryKind::ResponseMissed => is_so(false, at, clocks.response_due),
        // Levels 1 and 2 may be in time by the restored core.
        EntryKind::Resolved { in_time: true, .. } if incident.level <= Level::Two => {
            let stopped = clocks.core_restored.or(clocks.clear_since).map_or(at, |s| s.min(at));
            is_so(true, stopped, clocks.resolution_due)
        }
        EntryKind::Resolved { in_time, .. } => is_so(in_time, at, clocks.resolution_due),
        EntryKind::ResolutionMissed => is_so(false, at, clocks.resolution_due),
        EntryKind::CoreRestored { since, in_time } => is_so(in_time, since, clocks.resolution_due),
        EntryKind::Arrived { in_time } => is_so(in_time, at, clocks.onsite_due?),
        EntryKind::OnsiteMissed => is_so(false, at, clocks.onsite_due?),
        _ => None,
    }
}

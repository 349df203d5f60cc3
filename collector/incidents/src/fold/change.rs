//! What an entry does to its incident.

use super::sheet;
use crate::LINKS_MAX;
use crate::catalogue::Catalogue;
use collector_domain::{
    Actor, Clocks, Condition, Entry, EntryKind, Incident, IncidentState, LevelChange, Link, Sheet,
};
use shared_model::{Labels, Timestamp};
use std::sync::Arc;

pub(super) fn opened(entry: &Entry, catalogue: &Catalogue) -> Option<Incident> {
    let EntryKind::Opened {
        cause,
        subject,
        clause,
        level,
        occurred,
        value,
        response_due,
        resolution_due,
        late,
        onsite_due,
        started,
        ..
    } = &entry.kind
    else {
        return None;
    };
    let (title, advice) = catalogue.texts(cause, *level);
    let why = "opened".to_owned();
    Some(Incident {
        id: entry.incident,
        cause: Arc::clone(cause),
        subject: subject.clone(),
        clause: clause.clone(),
        title,
        advice,
        level: *level,
        level_highest: *level,
        levels: vec![LevelChange { at: entry.at, level: *level, why }],
        state: IncidentState::Open,
        condition: Condition::Breached,
        value: *value,
        late: *late,
        clocks: Clocks {
            onsite_due: *onsite_due,
            ..Clocks::started(
                *occurred,
                started.unwrap_or(entry.at),
                *response_due,
                *resolution_due,
            )
        },
        links: Vec::new(),
        reopened: 0,
        acknowledged_by: None,
        fix: None,
        notes: Vec::new(),
        evidence: Vec::new(),
        sheet: Sheet::default(),
    })
}

pub(super) fn change(incident: &mut Incident, entry: &Entry, catalogue: &Catalogue) {
    let at = entry.at;
    match &entry.kind {
        EntryKind::Opened { .. } | EntryKind::LateCondition { .. } => {}
        EntryKind::Linked { rule, subject } => link(incident, rule, subject, at),
        EntryKind::Reclassified { .. } => reclassify(incident, entry, catalogue),
        EntryKind::Condition { condition, value, .. } => {
            set_condition(incident, *condition, at);
            incident.value = *value;
        }
        EntryKind::Evidence { exhibit } => incident.evidence.push(exhibit.clone()),
        EntryKind::Acknowledged { .. } => {
            incident.state = IncidentState::Acknowledged;
            incident.clocks.acknowledged = Some(at);
            incident.acknowledged_by = match &entry.actor {
                Actor::Person(name) => Some(name.clone()),
                Actor::Collector => None,
            };
        }
        EntryKind::ResponseMissed => incident.clocks.response_missed = Some(at),
        EntryKind::ResolutionMissed => incident.clocks.resolution_missed = Some(at),
        EntryKind::Resolved { fix, .. } => {
            incident.state = IncidentState::Resolved;
            incident.clocks.resolved = Some(at);
            incident.fix = Some(fix.clone());
        }
        EntryKind::VerifyAsked => incident.state = IncidentState::Verifying,
        EntryKind::VerifyFailed { .. } => {
            incident.state = IncidentState::Acknowledged;
            incident.clocks.resolved = None;
        }
        EntryKind::Verified { watch_until } => {
            incident.state = IncidentState::Watching;
            incident.clocks.verified = Some(at);
            incident.clocks.watch_until = Some(*watch_until);
        }
        EntryKind::Reopened { occurred, response_due, resolution_due, onsite_due } => {
            let before = incident.clocks.clone();
            incident.clocks = Clocks {
                // A limit that was missed stays missed; the run that begins now may add its own.
                response_missed: before.response_missed,
                resolution_missed: before.resolution_missed,
                onsite_missed: before.onsite_missed,
                onsite_due: *onsite_due,
                ..Clocks::started(*occurred, at, *response_due, *resolution_due)
            };
            incident.state = IncidentState::Open;
            incident.condition = Condition::Breached;
            incident.reopened = incident.reopened.saturating_add(1);
            incident.acknowledged_by = None;
            incident.fix = None;
        }
        EntryKind::CoreRestored { since, .. } => incident.clocks.core_restored = Some(*since),
        EntryKind::CoreConfirmed => incident.clocks.core_confirmed = Some(at),
        EntryKind::Separated { rule, subject, .. } => {
            incident.links.retain(|l| l.rule != *rule || l.subject != *subject);
        }
        EntryKind::WatchEnded => incident.state = IncidentState::Watched,
        EntryKind::Closed => {
            incident.state = IncidentState::Closed;
            incident.clocks.closed = Some(at);
        }
        _ => sheet::change(incident, entry),
    }
}

/// What is restored counts only for as long as it holds.
fn set_condition(incident: &mut Incident, condition: Condition, at: Timestamp) {
    incident.condition = condition;
    let clocks = &mut incident.clocks;
    clocks.clear_since = (condition == Condition::Clear).then_some(at);
    if condition == Condition::Breached {
        clocks.core_restored = None;
        clocks.core_confirmed = None;
    }
}

fn link(incident: &mut Incident, rule: &Arc<str>, subject: &Labels, at: Timestamp) {
    let known = incident.links.iter().any(|l| l.rule == *rule && l.subject == *subject);
    if !known && incident.links.len() < LINKS_MAX {
        incident.links.push(Link {
            rule: Arc::clone(rule),
            subject: subject.clone(),
            at,
            condition: Condition::Breached,
            value: None,
        });
    }
}

/// When the new cause was linked before, it and the check that the incident stood for change places: a symptom
/// that was confirmed a moment before its cause becomes the cause's incident.
fn reclassify(incident: &mut Incident, entry: &Entry, catalogue: &Catalogue) {
    let EntryKind::Reclassified { cause, clause, level, why, resolution_due, onsite_due } =
        &entry.kind
    else {
        return;
    };
    if *cause != incident.cause
        && let Some(place) = incident.links.iter().rposition(|l| l.rule == *cause)
    {
        let own = incident.links.remove(place);
        incident.links.push(Link {
            rule: Arc::clone(&incident.cause),
            subject: incident.subject.clone(),
            at: entry.at,
            condition: incident.condition,
            value: incident.value,
        });
        incident.subject = own.subject;
        set_condition(incident, own.condition, entry.at);
        incident.value = own.value;
    }
    if *level != incident.level {
        incident.levels.push(LevelChange { at: entry.at, level: *level, why: why.clone() });
    }
    incident.cause = Arc::clone(cause);
    incident.clause = clause.clone();
    incident.level = *level;
    incident.level_highest = incident.level_highest.more_severe(*level);
    incident.clocks.resolution_due = *resolution_due;
    incident.clocks.onsite_due = onsite_due.or(incident.clocks.onsite_due);
    (incident.title, incident.advice) = catalogue.texts(cause, *level);
}

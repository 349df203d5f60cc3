//! Incidents in the messages of `wardround.noc.v1`.

use collector_domain::{
    Clocks, Condition, Incident, IncidentRevision, IncidentState, LevelChange, Link, Note, Text,
};
use proto::noc::wire;
use shared_model::{Labels, Level, Timestamp};
use std::collections::HashMap;

/// An incident at its revision.
pub(super) fn incident(incident: &IncidentRevision) -> wire::Incident {
    let IncidentRevision { revision, incident } = incident;
    let Incident { id, cause, subject, clause, title, advice, level, level_highest, .. } =
        &**incident;
    wire::Incident {
        id: id.to_string(),
        revision: *revision,
        cause: cause.to_string(),
        subject: labels(subject),
        clause: clause.to_string(),
        title: Some(text(title)),
        advice: Some(text(advice)),
        level: level_to_wire(*level).into(),
        level_highest: level_to_wire(*level_highest).into(),
        levels: incident.levels.iter().map(level_change).collect(),
        state: state_to_wire(incident.state).into(),
        condition: condition(incident.condition).into(),
        value: incident.value,
        late: incident.late,
        clocks: Some(clocks(&incident.clocks)),
        links: incident.links.iter().map(link).collect(),
        reopened: incident.reopened,
        acknowledged_by: incident.acknowledged_by.clone(),
        fix: incident.fix.clone(),
        notes: incident.notes.iter().map(note).collect(),
    }
}

/// A state that was asked for; `None` for the unspecified one.
pub(super) fn state_from_wire(state: wire::State) -> Option<IncidentState> {
    Some(match state {
        wire::State::Unspecified => return None,
        wire::State::Open => IncidentState::Open,
        wire::State::Acknowledged => IncidentState::Acknowledged,
        wire::State::Resolved => IncidentState::Resolved,
        wire::State::Verifying => IncidentState::Verifying,
        wire::State::Watching => IncidentState::Watching,
        wire::State::Closed => IncidentState::Closed,
        wire::State::Watched => IncidentState::Watched,
        wire::State::Cancelled => IncidentState::Cancelled,
        wire::State::Merged => IncidentState::Merged,
    })
}

fn state_to_wire(state: IncidentState) -> wire::State {
    match state {
        IncidentState::Open => wire::State::Open,
        IncidentState::Acknowledged => wire::State::Acknowledged,
        IncidentState::Resolved => wire::State::Resolved,
        IncidentState::Verifying => wire::State::Verifying,
        IncidentState::Watching => wire::State::Watching,
        IncidentState::Closed => wire::State::Closed,
        IncidentState::Watched => wire::State::Watched,
        IncidentState::Cancelled => wire::State::Cancelled,
        IncidentState::Merged => wire::State::Merged,
    }
}

fn level_to_wire(level: Level) -> wire::Level {
    wire::Level::try_from(i32::from(level.number())).unwrap_or(wire::Level::Unspecified)
}

fn condition(condition: Condition) -> wire::Condition {
    match condition {
        Condition::Clear => wire::Condition::Clear,
        Condition::Breached => wire::Condition::Breached,
        Condition::Unknown => wire::Condition::Unknown,
    }
}

fn clocks(clocks: &Clocks) -> wire::Clocks {
    let us = |at: Option<Timestamp>| at.map(Timestamp::as_micros);
    wire::Clocks {
        occurred_us: clocks.occurred.as_micros(),
        detected_us: clocks.detected.as_micros(),
        response_due_us: clocks.response_due.as_micros(),
        resolution_due_us: clocks.resolution_due.as_micros(),
        acknowledged_us: us(clocks.acknowledged),
        resolved_us: us(clocks.resolved),
        verified_us: us(clocks.verified),
        watch_until_us: us(clocks.watch_until),
        closed_us: us(clocks.closed),
        response_missed_us: us(clocks.response_missed),
        resolution_missed_us: us(clocks.resolution_missed),
        dispatched_us: us(clocks.dispatched),
        onsite_due_us: us(clocks.onsite_due),
        onsite_us: us(clocks.onsite),
        onsite_missed_us: us(clocks.onsite_missed),
        core_restored_us: us(clocks.core_restored),
        core_confirmed_us: us(clocks.core_confirmed),
        signed_us: us(clocks.signed),
    }
}

fn level_change(change: &LevelChange) -> wire::LevelChange {
    let LevelChange { at, level, why } = change;
    let level = level_to_wire(*level).into();
    wire::LevelChange { at_us: at.as_micros(), level, why: why.clone() }
}

fn link(link: &Link) -> wire::Link {
    wire::Link {
        rule: link.rule.to_string(),
        subject: labels(&link.subject),
        at_us: link.at.as_micros(),
        condition: condition(link.condition).into(),
        value: link.value,
    }
}

fn note(note: &Note) -> wire::Note {
    let Note { at, by, text } = note;
    wire::Note { at_us: at.as_micros(), by: by.clone(), text: text.clone() }
}

fn text(text: &Text) -> wire::Text {
    wire::Text { zh: text.zh.clone(), en: text.en.clone() }
}

fn labels(labels: &Labels) -> HashMap<String, String> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

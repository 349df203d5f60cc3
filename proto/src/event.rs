//! Events on the wire.

use crate::field::{FieldError, Problem, at_most};
use crate::limits::{MAX_EVENT_BODY_BYTES, MAX_EVENT_KEY_BYTES, MAX_TEXT_BYTES, MAX_TOPIC_BYTES};
use crate::wire;
use prost::Message;
use shared_model::{
    BootTime, EVIDENCE_LINE_MAX_BYTES, EVIDENCE_LINES_MAX, Event, EventContent, Seq, Timestamp,
    evidence_lines,
};
use std::time::Duration;

/// The event under its own number `seq`. Texts past their limits are cut, so that what is made here is never refused.
pub fn event_to_wire(seq: Seq, event: &Event) -> wire::Event {
    let (kind, body) = content_to_wire(&event.content);
    wire::Event {
        seq: seq.0,
        at_us: event.at.as_micros(),
        boot_us: event.boot.as_micros(),
        kind,
        key: cut(&event.key, MAX_EVENT_KEY_BYTES),
        body: body.into(),
    }
}

/// The number of the event and what happened. A kind that is not known is kept, as [`EventContent::Other`].
pub fn event_from_wire(event: &wire::Event) -> Result<(Seq, Event), FieldError> {
    if event.seq == 0 || event.seq == u64::MAX {
        return Err(FieldError::number("Event.seq", event.seq));
    }
    at_most("Event.key", event.key.len(), MAX_EVENT_KEY_BYTES)?;
    at_most("Event.body", event.body.len(), MAX_EVENT_BODY_BYTES)?;
    let content = event_content(event.kind, &event.body)?;
    let (at, boot) = (Timestamp::from_micros(event.at_us), BootTime::from_micros(event.boot_us));
    Ok((Seq(event.seq), Event { at, boot, key: event.key.as_str().into(), content }))
}

/// What an event of this kind says in its body.
pub fn event_content(kind: i32, body: &[u8]) -> Result<EventContent, FieldError> {
    Ok(match wire::EventKind::try_from(kind) {
        Ok(wire::EventKind::ClockStep) => {
            let wire::ClockStep { step_us } = decoded(body)?;
            EventContent::ClockStep { step_us }
        }
        Ok(wire::EventKind::AgentStarted) => {
            let wire::AgentStarted { agent_version } = decoded(body)?;
            EventContent::AgentStarted { version: agent_version.into() }
        }
        Ok(wire::EventKind::SpoolDegraded) => {
            let wire::SpoolDegraded { reason } = decoded(body)?;
            EventContent::SpoolDegraded { reason: reason.into() }
        }
        Ok(wire::EventKind::SpoolRestored) => {
            let wire::SpoolRestored { degraded_us } = decoded(body)?;
            EventContent::SpoolRestored { degraded: Duration::from_micros(degraded_us) }
        }
        Ok(wire::EventKind::Evidence) => {
            let wire::Evidence { topic, lines } = decoded(body)?;
            at_most("Evidence.topic", topic.len(), MAX_TOPIC_BYTES)?;
            at_most("Evidence.lines", lines.len(), EVIDENCE_LINES_MAX)?;
            for line in &lines {
                at_most("Evidence.lines", line.len(), EVIDENCE_LINE_MAX_BYTES)?;
            }
            let lines = lines.into_iter().map(String::into_boxed_str).collect();
            EventContent::Evidence { topic: topic.into(), lines }
        }
        Ok(wire::EventKind::Unspecified) => return Err(FieldError::number("Event.kind", 0)),
        Err(_) => EventContent::Other { kind, body: body.into() },
    })
}

/// Kind and body.
fn content_to_wire(content: &EventContent) -> (i32, Vec<u8>) {
    match content {
        EventContent::ClockStep { step_us } => {
            let body = wire::ClockStep { step_us: *step_us };
            (wire::EventKind::ClockStep.into(), body.encode_to_vec())
        }
        EventContent::AgentStarted { version } => {
            let body = wire::AgentStarted { agent_version: cut(version, MAX_TEXT_BYTES) };
            (wire::EventKind::AgentStarted.into(), body.encode_to_vec())
        }
        EventContent::SpoolDegraded { reason } => {
            let body = wire::SpoolDegraded { reason: cut(reason, MAX_TEXT_BYTES) };
            (wire::EventKind::SpoolDegraded.into(), body.encode_to_vec())
        }
        EventContent::SpoolRestored { degraded } => {
            let degraded_us = u64::try_from(degraded.as_micros()).unwrap_or(u64::MAX);
            let body = wire::SpoolRestored { degraded_us };
            (wire::EventKind::SpoolRestored.into(), body.encode_to_vec())
        }
        EventContent::Evidence { topic, lines } => {
            let lines = evidence_lines(lines.iter().map(ToString::to_string));
            let body = wire::Evidence {
                topic: cut(topic, MAX_TOPIC_BYTES),
                lines: lines.into_iter().map(String::from).collect(),
            };
            (wire::EventKind::Evidence.into(), body.encode_to_vec())
        }
        EventContent::Other { kind, body } => (*kind, body.to_vec()),
    }
}

fn decoded<M: Message + Default>(body: &[u8]) -> Result<M, FieldError> {
    M::decode(body).map_err(|error| FieldError {
        field: "Event.body",
        problem: Problem::Text(error.to_string()),
    })
}

fn cut(text: &str, limit: usize) -> String {
    text.get(..text.floor_char_boundary(limit)).unwrap_or_default().to_owned()
}

//! A delivery as JSON.

use super::scalar::TimeJson;
use collector_domain::{Delivery, Fate};
use serde::Serialize;

/// What was decided about one transition and one receiver, and what became of it.
#[derive(Serialize, Debug)]
pub(crate) struct DeliveryJson {
    /// The `Idempotency-Key` of every try.
    key: String,
    receiver: String,
    /// Number of the transition among those that are told, from 1.
    number: u32,
    /// `opened`, `raised`, `response_missed`, `resolution_missed`, `reopened`, `verify_failed` or `resolved`.
    transition: &'static str,
    decided: TimeJson,
    /// `pending`, `silenced`, `told`, `refused`, `gave_up` or `left_out`.
    state: &'static str,
    /// When it got there; `null` while it is pending or silenced.
    at: Option<TimeJson>,
    /// HTTP status of the receiver's answer.
    status: Option<u16>,
    /// Why it was refused or left out.
    why: Option<String>,
    /// Silences that muted it when it was decided.
    silences: Vec<String>,
    /// When it was let go because its silences had ended.
    released: Option<TimeJson>,
    /// Tries that failed.
    attempts: u32,
    /// Why the last of them failed.
    last_error: Option<String>,
}

impl From<&Delivery> for DeliveryJson {
    fn from(delivery: &Delivery) -> Self {
        let (at, status, why) = match &delivery.fate {
            Fate::Pending | Fate::Silenced => (None, None, None),
            Fate::Told { at, status } => (Some(*at), Some(*status), None),
            Fate::Refused { at, status, why } => (Some(*at), Some(*status), Some(why.clone())),
            Fate::GaveUp { at } => (Some(*at), None, None),
            Fate::LeftOut { at, why } => (Some(*at), None, Some(why.clone())),
        };
        Self {
            key: delivery.key.to_string(),
            receiver: delivery.receiver.to_string(),
            number: delivery.number,
            transition: delivery.transition.as_str(),
            decided: TimeJson(delivery.decided),
            state: delivery.fate.as_str(),
            at: at.map(TimeJson),
            status,
            why,
            silences: delivery.silences.iter().map(ToString::to_string).collect(),
            released: delivery.released.map(TimeJson),
            attempts: delivery.attempts,
            last_error: delivery.last_error.clone(),
        }
    }
}

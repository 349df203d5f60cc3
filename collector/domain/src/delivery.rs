//! Deliveries: what was decided about telling somebody of an incident, and what became of it.

use crate::{IncidentId, SilenceId};
use serde::{Deserialize, Serialize};
use shared_model::Timestamp;
use std::sync::Arc;

/// The transitions of an incident that people are told of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// It was opened.
    Opened,
    /// Its level became more severe, or its cause another one.
    Raised,
    /// Nobody responded in time.
    ResponseMissed,
    /// It was not repaired in time.
    ResolutionMissed,
    /// It came back after a repair.
    Reopened,
    /// Verification found the repair wanting.
    VerifyFailed,
    /// A person stated the fix and the check was normal.
    Resolved,
    /// Nobody has responded for as long as a step of the escalation ladder waits.
    Escalated,
    /// Nobody was at the appliance in time.
    OnsiteMissed,
    /// Core business runs again.
    CoreRestored,
    /// The provider asked the hospital to agree to something.
    ConsentAsked,
    /// It was cancelled or merged with the hospital's consent.
    Withdrawn,
}

impl Transition {
    /// The word used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Raised => "raised",
            Self::ResponseMissed => "response_missed",
            Self::ResolutionMissed => "resolution_missed",
            Self::Reopened => "reopened",
            Self::VerifyFailed => "verify_failed",
            Self::Resolved => "resolved",
            Self::Escalated => "escalated",
            Self::OnsiteMissed => "onsite_missed",
            Self::CoreRestored => "core_restored",
            Self::ConsentAsked => "consent_asked",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether there is nothing left to do for who is told.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Resolved | Self::Withdrawn)
    }
}

/// What was decided about one transition and one receiver, and what became of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Delivery {
    /// The idempotency key: the same over any crash, replay and repetition.
    pub key: Arc<str>,
    /// Name of the receiver.
    pub receiver: Arc<str>,
    /// The incident.
    pub incident: IncidentId,
    /// Number of the transition among those of its incident that are told, from 1.
    pub number: u32,
    /// What is told.
    pub transition: Transition,
    /// When it was decided.
    pub decided: Timestamp,
    /// Silences that muted it when it was decided.
    pub silences: Vec<SilenceId>,
    /// When it was let go because its silences had ended.
    pub released: Option<Timestamp>,
    /// Tries that failed and are repeated.
    pub attempts: u32,
    /// Why the last of them failed.
    pub last_error: Option<String>,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a delivery.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "fate", rename_all = "snake_case")]
pub enum Fate {
    /// It is being tried until it is taken.
    Pending,
    /// A silence mutes it.
    Silenced,
    /// The receiver took it.
    Told {
        /// When.
        at: Timestamp,
        /// The HTTP status of its answer.
        status: u16,
    },
    /// The receiver refused it; repeating would not help.
    Refused {
        /// When.
        at: Timestamp,
        /// The HTTP status of its answer.
        status: u16,
        /// What it said.
        why: String,
    },
    /// It was tried for as long as its level allows.
    GaveUp {
        /// When.
        at: Timestamp,
    },
    /// It was not even tried: too many were pending, or its receiver is no longer configured.
    LeftOut {
        /// When.
        at: Timestamp,
        /// Why.
        why: String,
    },
}

impl Fate {
    /// The word used in JSON and metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Silenced => "silenced",
            Self::Told { .. } => "told",
            Self::Refused { .. } => "refused",
            Self::GaveUp { .. } => "gave_up",
            Self::LeftOut { .. } => "left_out",
        }
    }
}

/// What a try of a delivery led to: an input of the collector's decisions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeliveryReport {
    /// Key of the delivery.
    pub key: Arc<str>,
    /// What came of it.
    pub outcome: DeliveryOutcome,
}

/// What came of one try.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum DeliveryOutcome {
    /// The receiver took it.
    Told {
        /// HTTP status.
        status: u16,
    },
    /// The receiver refused it for good.
    Refused {
        /// HTTP status.
        status: u16,
        /// What it said.
        why: String,
    },
    /// It failed and will be tried again.
    Failed {
        /// Why.
        why: String,
    },
    /// It failed and its time is over.
    GaveUp {
        /// Why it failed the last time.
        why: String,
    },
}

//! Silences: who is not to be told of what, from when to when, and why.
//!
//! A silence mutes people. It never stops a clock, hides an incident or keeps anything out of the ledger.

use crate::{Incident, check_of};
use serde::{Deserialize, Serialize};
use shared_model::Timestamp;
use std::fmt;
use std::time::Duration;

/// Longest silence: whoever needs more has to say so again every month.
pub const SILENCE_SPAN_MAX: Duration = Duration::from_secs(30 * 86_400);
/// Silences that have not ended: each is compared with each incident that is told.
pub const SILENCES_MAX: usize = 1_000;
/// Matchers of one silence.
pub const SILENCE_MATCHERS_MAX: usize = 16;
/// Alternatives of one matcher.
pub const SILENCE_VALUES_MAX: usize = 64;
/// Characters of a name or value, as labels have them.
pub const SILENCE_TEXT_MAX_CHARS: usize = 256;
/// Characters of a reason, which is shown in lists.
pub const SILENCE_REASON_MAX_CHARS: usize = 1_000;

/// A silence's number, given in order from 1. Printed `S-000001`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SilenceId(pub u64);

impl fmt::Display for SilenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S-{:06}", self.0)
    }
}

impl std::str::FromStr for SilenceId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix("S-").unwrap_or(text).parse().map(Self)
    }
}

/// One condition on an incident. All conditions of a silence must hold.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct SilenceMatcher {
    /// `rule` (also `alertname`), `level` (1 to 4), `clause`, `incident`, or a label of the incident's subject.
    pub name: String,
    /// The value equals one of these. A missing label equals none.
    pub values: Vec<String>,
}

impl SilenceMatcher {
    /// Whether the incident satisfies this condition.
    pub fn matches(&self, incident: &Incident) -> bool {
        let is_one = |value: &str| self.values.iter().any(|v| v == value);
        match self.name.as_str() {
            // Who silences that a node is silent means its loss as well; that of several is named by itself.
            "rule" | "alertname" => is_one(&incident.cause) || is_one(check_of(&incident.cause)),
            "level" => is_one(&incident.level.number().to_string()),
            "clause" => is_one(incident.clause.as_str()),
            "incident" => is_one(&incident.id.to_string()),
            label => incident.subject.get(label).is_some_and(is_one),
        }
    }
}

/// What a person asks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NewSilence {
    /// The conditions, at least one.
    pub matchers: Vec<SilenceMatcher>,
    /// Account name of the owner.
    pub by: String,
    /// Why; required.
    pub reason: String,
    /// From when on, in the collector's steady time; `None` is now.
    pub start: Option<Timestamp>,
    /// Until when.
    pub end: Timestamp,
}

/// A silence as it was granted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Silence {
    /// Its number.
    pub id: SilenceId,
    /// The conditions.
    pub matchers: Vec<SilenceMatcher>,
    /// Account name of the owner.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When it was made.
    pub created: Timestamp,
    /// It mutes from here on.
    pub start: Timestamp,
    /// It no longer mutes at this instant: the end that was asked for, or the moment it was ended by hand.
    pub end: Timestamp,
    /// Who ended it before its time.
    pub ended_by: Option<String>,
}

/// Where a silence stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SilenceState {
    /// It has not begun.
    Pending,
    /// It mutes.
    Active,
    /// It has ended.
    Expired,
}

impl SilenceState {
    /// The word used in JSON, which is Alertmanager's.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Expired => "expired",
        }
    }
}

impl Silence {
    /// Where it stands at an instant of the collector's steady time.
    pub fn state(&self, now: Timestamp) -> SilenceState {
        if now >= self.end {
            SilenceState::Expired
        } else if now < self.start {
            SilenceState::Pending
        } else {
            SilenceState::Active
        }
    }

    /// Whether it keeps people from being told of this incident now.
    pub fn mutes(&self, incident: &Incident, now: Timestamp) -> bool {
        self.state(now) == SilenceState::Active && self.matchers.iter().all(|m| m.matches(incident))
    }
}

/// What people do with silences.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum SilenceChange {
    /// Make one.
    Create(NewSilence),
    /// End one before its time.
    Expire {
        /// Which.
        id: SilenceId,
        /// Account name.
        by: String,
    },
}

impl SilenceChange {
    /// Who asks.
    pub fn by(&self) -> &str {
        match self {
            Self::Create(new) => &new.by,
            Self::Expire { by, .. } => by,
        }
    }
}

/// Why a silence was refused. Nothing changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SilenceRefused {
    /// No such silence.
    #[error("silence {0} does not exist")]
    Unknown(SilenceId),
    /// It has ended already.
    #[error("silence {id} ended at {end}")]
    Ended {
        /// Which.
        id: SilenceId,
        /// When.
        end: Timestamp,
    },
    /// A required text is missing.
    #[error("{0} is required")]
    Missing(&'static str),
    /// Something is out of its limits; says what and what the limits are.
    #[error("{0}")]
    Invalid(String),
    /// Too many silences at once.
    #[error("there are {SILENCES_MAX} silences that have not ended: end one first")]
    TooMany,
}

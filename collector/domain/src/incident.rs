//! Incidents as everybody reads them. Only `collector-incidents` changes one.

use serde::{Deserialize, Serialize};
use shared_model::{Clause, Labels, Level, Timestamp};
use std::fmt;
use std::sync::Arc;

use crate::{Condition, Text};

/// An incident's number, given in order of opening from 1. Printed `W-000001`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(pub u64);

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "W-{:06}", self.0)
    }
}

impl std::str::FromStr for IncidentId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix("W-").unwrap_or(text).parse().map(Self)
    }
}

/// States of mission §2.8.3, as far as they are built.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// Nobody has responded.
    Open,
    /// A named person responded.
    Acknowledged,
    /// A fix is stated and the check was normal.
    Resolved,
    /// Verification was asked for; waiting for samples newer than the click.
    Verifying,
    /// Verified and under the 24 h watch.
    Watching,
    /// The watch ended without a relapse.
    Closed,
}

impl fmt::Display for IncidentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::Verifying => "verifying",
            Self::Watching => "watching",
            Self::Closed => "closed",
        })
    }
}

/// Every instant of an incident. `None` means not yet. All but `occurred` are the collector's steady time, which steps of
/// the wall clock do not move.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Clocks {
    /// Event time of the first bad sample on the node.
    pub occurred: Timestamp,
    /// When the collector decided: the response clock starts here.
    pub detected: Timestamp,
    /// Response is due.
    pub response_due: Timestamp,
    /// Resolution is due.
    pub resolution_due: Timestamp,
    /// A named person responded.
    pub acknowledged: Option<Timestamp>,
    /// Fix stated with the check normal.
    pub resolved: Option<Timestamp>,
    /// Verified on newer samples.
    pub verified: Option<Timestamp>,
    /// End of the watch.
    pub watch_until: Option<Timestamp>,
    /// Closed.
    pub closed: Option<Timestamp>,
    /// The response came too late or not at all: when that was certain.
    pub response_missed: Option<Timestamp>,
    /// The resolution came too late or not at all: when that was certain.
    pub resolution_missed: Option<Timestamp>,
}

/// A change of level.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LevelChange {
    /// When.
    pub at: Timestamp,
    /// The level from then on.
    pub level: Level,
    /// Why, in one English sentence.
    pub why: String,
}

/// A finding that an incident explains; it has no incident of its own.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Link {
    /// The finding's rule.
    pub rule: Arc<str>,
    /// Its subject.
    pub subject: Labels,
    /// When it was linked.
    pub at: Timestamp,
    /// Its condition now.
    pub condition: Condition,
    /// Its last value.
    pub value: Option<f64>,
}

/// What a probe said beside its numbers, such as the chain of sessions that block each other.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Exhibit {
    /// The node's wall clock when it was said.
    pub at: Timestamp,
    /// What it speaks of, as in the label `instance`; a node is its own.
    pub instance: String,
    /// One of [`shared_model::topic`].
    pub topic: String,
    /// Names of objects, accounts and processes, within the limits of [`shared_model::evidence_lines`].
    pub lines: Vec<String>,
}

/// A line of the handling record (处理过程).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// Account name, or `wardround`.
    pub by: String,
    /// What happened.
    pub text: String,
}

/// An incident (故障).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Incident {
    /// Its number.
    pub id: IncidentId,
    /// The rule or classification that it stands for, such as `os.cpu_busy` or `db.down`.
    pub cause: Arc<str>,
    /// What it concerns.
    pub subject: Labels,
    /// Clause of the standard.
    pub clause: Clause,
    /// Title in both languages.
    pub title: Text,
    /// Runbook.
    pub advice: Text,
    /// Level now.
    pub level: Level,
    /// The highest level held; KPIs use it (M-039).
    pub level_highest: Level,
    /// All levels it held, first to last.
    pub levels: Vec<LevelChange>,
    /// State.
    pub state: IncidentState,
    /// Where its own check stands.
    pub condition: Condition,
    /// Value judged last.
    pub value: Option<f64>,
    /// Opened from data that arrived late.
    pub late: bool,
    /// The instants.
    pub clocks: Clocks,
    /// Findings that it explains.
    pub links: Vec<Link>,
    /// How often it came back after a repair.
    pub reopened: u32,
    /// Who acknowledged it last.
    pub acknowledged_by: Option<String>,
    /// The stated fix.
    pub fix: Option<String>,
    /// Handling record.
    pub notes: Vec<Note>,
    /// What probes said of it, oldest first. A snapshot of an older release has none.
    #[serde(default)]
    pub evidence: Vec<Exhibit>,
}

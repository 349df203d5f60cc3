//! Incidents as everybody reads them. Only `collector-incidents` changes one.

use serde::{Deserialize, Serialize};
use shared_model::{Clause, Labels, Level, Timestamp};
use std::fmt;
use std::sync::Arc;

use crate::{Category, Condition, Disputed, Request, Text};

/// An incident's number, given in order of opening from 1. Printed `W-000001`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(pub u64);

impl IncidentId {
    /// The number of no incident.
    pub const NONE: Self = Self(0);
}

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

/// States of mission §2.8.3. Dispatch, arrival, restored core and signature are instants of [`Clocks`], since they come in any order.
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
    /// The watch ended without a relapse; the hospital has not signed.
    Watched,
    /// The watch ended without a relapse and the hospital signed, where the contract asks for that.
    Closed,
    /// The hospital agreed that it was no fault.
    Cancelled,
    /// The hospital agreed that another incident is the same fault.
    Merged,
}

impl IncidentState {
    /// All states, in the order in which an incident goes through them.
    pub const ALL: [Self; 9] = [
        Self::Open,
        Self::Acknowledged,
        Self::Resolved,
        Self::Verifying,
        Self::Watching,
        Self::Watched,
        Self::Closed,
        Self::Cancelled,
        Self::Merged,
    ];

    /// Whether the fault is over: its checks have no effect on it any more.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Watched) || self.is_final()
    }

    /// Whether nothing can be done to it any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Closed | Self::Cancelled | Self::Merged)
    }
}

impl fmt::Display for IncidentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::Verifying => "verifying",
            Self::Watching => "watching",
            Self::Watched => "watched",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
            Self::Merged => "merged",
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
    /// Somebody was sent to the appliance.
    pub dispatched: Option<Timestamp>,
    /// Somebody has to be at the appliance by then.
    pub onsite_due: Option<Timestamp>,
    /// Somebody was there.
    pub onsite: Option<Timestamp>,
    /// Nobody was there in time: when that was certain.
    pub onsite_missed: Option<Timestamp>,
    /// Its own check is normal since then; `None` while it is breached or unknown.
    pub clear_since: Option<Timestamp>,
    /// Core business runs again since then, as the machine saw it.
    pub core_restored: Option<Timestamp>,
    /// A person confirmed that.
    pub core_confirmed: Option<Timestamp>,
    /// The hospital signed.
    pub signed: Option<Timestamp>,
}

impl Clocks {
    /// Clocks that have just begun to run.
    pub const fn started(
        occurred: Timestamp,
        detected: Timestamp,
        response_due: Timestamp,
        resolution_due: Timestamp,
    ) -> Self {
        Self {
            occurred,
            detected,
            response_due,
            resolution_due,
            acknowledged: None,
            resolved: None,
            verified: None,
            watch_until: None,
            closed: None,
            response_missed: None,
            resolution_missed: None,
            dispatched: None,
            onsite_due: None,
            onsite: None,
            onsite_missed: None,
            clear_since: None,
            core_restored: None,
            core_confirmed: None,
            signed: None,
        }
    }
}

/// What the provider asked the hospital to agree to.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// What.
    pub request: Request,
    /// Account that asked.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// A dispute (异议).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Dispute {
    /// What is doubted.
    pub about: Disputed,
    /// Who doubts it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The hospital's statement.
    pub statement: String,
    /// What both agreed on, and when.
    pub outcome: Option<(Timestamp, String)>,
}

/// A preventive measure (预防措施).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Prevention {
    /// What.
    pub measure: String,
    /// Who is responsible.
    pub owner: String,
    /// Until when.
    pub due: Timestamp,
}

/// What people wrote on the fault sheet (M-094), beside the fix and the handling record.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Sheet {
    /// Category and root cause.
    pub diagnosis: Option<(Category, String)>,
    /// Preventive measures.
    pub preventions: Vec<Prevention>,
    /// The backup before the repair, or the reason for none and `true`.
    pub backup: Option<(String, bool)>,
    /// What the hospital was asked and has not answered.
    pub asked: Option<Asked>,
    /// Disputes, oldest first; the last one may be open.
    pub disputes: Vec<Dispute>,
    /// Who was sent to the appliance.
    pub dispatched: Option<String>,
    /// Who signed for the hospital.
    pub signed_by: Option<String>,
    /// The incident that took over its findings.
    pub merged_into: Option<IncidentId>,
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
    /// What people wrote on the fault sheet. A snapshot of an older release has none.
    #[serde(default)]
    pub sheet: Sheet,
}

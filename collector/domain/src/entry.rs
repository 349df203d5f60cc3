//! Entries of the ledger (故障台账). This shape is on disk for ever: fields may be added, never changed or taken away.

use crate::{Exhibit, IncidentId};
use serde::{Deserialize, Serialize};
use shared_model::{Clause, Labels, Level, Timestamp};
use std::sync::Arc;

/// Who caused an entry.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The collector itself.
    Collector,
    /// A named account.
    Person(String),
}

/// One entry: a transition of one incident.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The collector's steady time in microseconds since the epoch.
    pub at: Timestamp,
    /// Whose transition.
    pub incident: IncidentId,
    /// Who caused it.
    pub actor: Actor,
    /// What happened.
    #[serde(flatten)]
    pub kind: EntryKind,
}

/// What happened to an incident.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EntryKind {
    /// Opened, with its clocks.
    Opened {
        /// Rule or classification.
        cause: Arc<str>,
        /// What it concerns.
        subject: Labels,
        /// Clause of the standard.
        clause: Clause,
        /// Level at opening.
        level: Level,
        /// Event time of the first bad sample.
        occurred: Timestamp,
        /// The value that decided.
        value: Option<f64>,
        /// Response due.
        response_due: Timestamp,
        /// Resolution due.
        resolution_due: Timestamp,
        /// What was known when it was opened: predicates and witnesses, in words.
        evidence: Vec<String>,
        /// Opened from data that arrived late: it lay in a spool while the node had no session.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        late: bool,
    },
    /// A finding was linked to it.
    Linked {
        /// Rule of the finding.
        rule: Arc<str>,
        /// Subject of the finding.
        subject: Labels,
    },
    /// Its level or cause changed.
    Reclassified {
        /// Cause from now on.
        cause: Arc<str>,
        /// Clause from now on.
        clause: Clause,
        /// Level from now on.
        level: Level,
        /// Why.
        why: String,
        /// New due time of the resolution.
        resolution_due: Timestamp,
    },
    /// Its own check changed condition.
    Condition {
        /// `clear`, `breached` or `unknown`.
        condition: crate::Condition,
        /// Event time.
        at_event: Timestamp,
        /// The value.
        value: Option<f64>,
    },
    /// Data that arrived late shows where a check stood in the past. For the record and for downtime, which runs on event time:
    /// it changes neither state nor condition.
    LateCondition {
        /// Rule of the check: the incident's own or one linked to it.
        rule: Arc<str>,
        /// Its subject.
        subject: Labels,
        /// `clear` or `breached`, from then on.
        condition: crate::Condition,
        /// Event time of the first sample that was so.
        at_event: Timestamp,
        /// The value.
        value: Option<f64>,
    },
    /// A probe said something that explains the incident. For the record: it changes neither state nor condition.
    Evidence {
        /// What it said.
        exhibit: Exhibit,
    },
    /// A person responded.
    Acknowledged {
        /// Whether in time.
        in_time: bool,
    },
    /// The response limit passed without a response.
    ResponseMissed,
    /// The resolution limit passed without a resolution.
    ResolutionMissed,
    /// A fix was stated and the check is normal.
    Resolved {
        /// What was done.
        fix: String,
        /// Whether in time.
        in_time: bool,
    },
    /// Verification was asked for.
    VerifyAsked,
    /// Verification found the check breached.
    VerifyFailed {
        /// Which check.
        why: String,
    },
    /// Verified on newer samples; the watch begins.
    Verified {
        /// End of the watch.
        watch_until: Timestamp,
    },
    /// The fault came back.
    Reopened {
        /// Event time of the first bad sample.
        occurred: Timestamp,
        /// New due times.
        response_due: Timestamp,
        /// New due times.
        resolution_due: Timestamp,
    },
    /// The watch ended without a relapse.
    Closed,
}

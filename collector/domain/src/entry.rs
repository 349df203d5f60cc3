//! Entries of the ledger (故障台账). This shape is on disk for ever: fields may be added, never changed or taken away.

use crate::{
    Category, Change, ChangeId, Disputed, Exhibit, IncidentId, Period, Request, ServiceState, Shift,
};
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

/// One entry: a transition of one incident, or a fact that the figures need.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The collector's steady time in microseconds since the epoch.
    pub at: Timestamp,
    /// Whose transition; [`IncidentId::NONE`] for what is of no incident.
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
        /// Somebody has to be at the appliance by then, which level 1 asks for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        onsite_due: Option<Timestamp>,
        /// The clocks started then rather than when it was opened: somebody called.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        started: Option<Timestamp>,
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
        /// Somebody has to be at the appliance by then, which level 1 asks for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        onsite_due: Option<Timestamp>,
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
        /// Somebody has to be at the appliance by then, which level 1 asks for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        onsite_due: Option<Timestamp>,
    },
    /// Somebody was sent to the appliance.
    Dispatched {
        /// Who goes.
        engineer: String,
        /// When he has to be there.
        onsite_due: Timestamp,
    },
    /// A person is at the appliance.
    Arrived {
        /// Whether in time.
        in_time: bool,
    },
    /// The on-site limit passed and nobody was there.
    OnsiteMissed,
    /// What was found when it was opened has been normal for as long as its level asks (M-035, M-036).
    CoreRestored {
        /// Normal since then, in the collector's steady time: stops the resolution clock of levels 1 and 2.
        since: Timestamp,
        /// Whether in time.
        in_time: bool,
    },
    /// A person confirms that core business runs again.
    CoreConfirmed,
    /// The provider asks the hospital to agree.
    Asked {
        /// To what.
        #[serde(flatten)]
        request: Request,
        /// Why.
        reason: String,
    },
    /// The hospital agreed, with what follows from it.
    Consented {
        /// To what.
        #[serde(flatten)]
        request: Request,
    },
    /// The hospital did not agree.
    Declined {
        /// Why.
        reason: String,
    },
    /// A linked finding was taken out and has an incident of its own.
    Separated {
        /// Rule of the finding.
        rule: Arc<str>,
        /// Its subject.
        subject: Labels,
        /// Its own incident.
        into: IncidentId,
        /// Why.
        reason: String,
    },
    /// The hospital doubts something.
    Disputed {
        /// What.
        about: Disputed,
        /// Its statement.
        statement: String,
    },
    /// The dispute is over.
    DisputeSettled {
        /// What both agreed on.
        outcome: String,
    },
    /// Category and root cause were stated.
    Diagnosed {
        /// Category.
        category: Category,
        /// Root cause.
        root_cause: String,
    },
    /// A preventive measure was agreed.
    Prevention {
        /// What.
        measure: String,
        /// Who.
        owner: String,
        /// Until when.
        due: Timestamp,
    },
    /// A backup before the repair, or why there is none.
    BackedUp {
        /// The backup, or the reason.
        reference: String,
        /// Whether it was done without.
        waived: bool,
    },
    /// A line of the handling record.
    Noted {
        /// What was done or found.
        text: String,
    },
    /// The watch ended without a relapse; the hospital's signature is missing.
    WatchEnded,
    /// The hospital signed.
    Signed,
    /// The watch ended without a relapse and what the contract asks for is signed.
    Closed,
    /// A core database service is in another state. Of no incident.
    ServiceState {
        /// The service.
        service: String,
        /// Its state from then on.
        state: ServiceState,
        /// Since when: event time where a sample shows it.
        since: Timestamp,
    },
    /// A part of the duty roster was written anew. Of no incident.
    RosterSet {
        /// The time that was written anew.
        period: Period,
        /// Who is on duty within it.
        shifts: Vec<Shift>,
    },
    /// A planned change was handed in. Of no incident.
    ChangeSubmitted {
        /// The change.
        change: Change,
    },
    /// The hospital approved a change. Of no incident.
    ChangeApproved {
        /// Which.
        change: ChangeId,
    },
    /// The hospital did not approve a change. Of no incident.
    ChangeDeclined {
        /// Which.
        change: ChangeId,
        /// Why.
        reason: String,
    },
    /// A change will not be done. Of no incident.
    ChangeWithdrawn {
        /// Which.
        change: ChangeId,
        /// Why.
        reason: String,
    },
    /// A year's notice of holidays moved the earliest begin of a change, or made it certain. Of no incident.
    ChangeRescheduled {
        /// Which.
        change: ChangeId,
        /// Its window may begin from here on.
        earliest: Timestamp,
        /// Whether that is not certain yet.
        provisional: bool,
    },
}

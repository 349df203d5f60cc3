//! The collector's vocabulary: series and their readers, rules, findings, incidents, acts, the contract.
//!
//! Decisions (`collector-promql`, `-standards`, `-incidents`) are pure and meet here; what is serialised here is
//! either the state snapshot (may change with a release) or the ledger's [`Entry`] (versioned, never changed).

mod act;
mod audit;
mod awaited;
mod calendar;
mod change;
mod contract;
mod delivery;
mod entry;
mod figures;
mod finding;
mod foreign;
mod incident;
mod report;
mod revision;
mod roster;
mod rule;
mod series;
mod service_state;
mod silence;
mod silent_node;

pub use act::{ACT_TEXT_MAX_CHARS, Act, ActRefused, Category, Deed, Disputed, Request, Role};
pub use audit::{AuditAction, AuditEvent, AuditOutcome, Auditor, Settled};
pub use awaited::Awaited;
pub use calendar::{Calendar, CalendarYear, WorkingDay};
pub use change::{
    CHANGE_DOCUMENTS_MAX, CHANGE_SERVICES_MAX, CHANGE_TEXT_MAX_CHARS, Change, ChangeAct,
    ChangeDeed, ChangeId, ChangeRefused, ChangeState, Document, DocumentKind, NewChange,
};
pub use contract::{Contract, CoreService, DatabaseService, Notice, Topology};
pub use delivery::{Delivery, DeliveryOutcome, DeliveryReport, Fate, Transition};
pub use entry::{Actor, Entry, EntryKind};
pub use figures::{Downtime, Figures, Period, Ratio};
pub use finding::{Checks, Condition, Finding, Judgement};
pub use foreign::{
    FOREIGN, FOREIGN_ALERTS_MAX, FOREIGN_KEPT_MAX, FOREIGN_LABEL_MAX_CHARS, FOREIGN_LABELS_MAX,
    FOREIGN_SUMMARY_MAX_CHARS, ForeignAlert,
};
pub use incident::{
    Asked, Clocks, Dispute, Exhibit, Incident, IncidentId, IncidentState, LevelChange, Link, Note,
    Prevention, Sheet,
};
pub use report::{
    REPORT_NAME_MAX_CHARS, REPORT_TEXT_MAX_CHARS, REPORTED_FAULT, REPORTED_QUESTION, Report,
    ReportRefused, is_reported,
};
pub use revision::{IncidentRevision, IncidentSet};
pub use roster::{
    DutyRank, ROSTER_SHIFTS_MAX, ROSTER_SPAN_MAX, Roster, RosterChange, RosterRefused, Shift,
};
pub use rule::{Component, ExplainedBy, Rule, Text, Tier};
pub use series::{Matcher, MatcherOp, SeriesData, SeriesId, SeriesReader};
pub use service_state::ServiceState;
pub use silence::{
    NewSilence, SILENCE_MATCHERS_MAX, SILENCE_REASON_MAX_CHARS, SILENCE_SPAN_MAX,
    SILENCE_TEXT_MAX_CHARS, SILENCE_VALUES_MAX, SILENCES_MAX, Silence, SilenceChange, SilenceId,
    SilenceMatcher, SilenceRefused, SilenceState,
};
pub use silent_node::{NODE_LOST, NODE_SILENT, NODES_LOST, check_of};

//! The collector's vocabulary: series and their readers, rules, findings, incidents, acts, the contract.
//!
//! Decisions (`collector-promql`, `-standards`, `-incidents`) are pure and meet here; what is serialised here is
//! either the state snapshot (may change with a release) or the ledger's [`Entry`] (versioned, never changed).

mod act;
mod audit;
mod contract;
mod delivery;
mod entry;
mod finding;
mod incident;
mod revision;
mod rule;
mod series;
mod silence;
mod silent_node;

pub use act::{ACT_TEXT_MAX_CHARS, Act, ActRefused, Category, Deed, Disputed, Request, Role};
pub use audit::{AuditAction, AuditEvent, AuditOutcome, Auditor, Settled};
pub use contract::{Contract, CoreService, DatabaseService, Topology};
pub use delivery::{Delivery, DeliveryOutcome, DeliveryReport, Fate, Transition};
pub use entry::{Actor, Entry, EntryKind};
pub use finding::{Checks, Condition, Finding, Judgement};
pub use incident::{
    Asked, Clocks, Dispute, Exhibit, Incident, IncidentId, IncidentState, LevelChange, Link, Note,
    Prevention, Sheet,
};
pub use revision::{IncidentRevision, IncidentSet};
pub use rule::{Component, ExplainedBy, Rule, Text, Tier};
pub use series::{Matcher, MatcherOp, SeriesData, SeriesId, SeriesReader};
pub use silence::{
    NewSilence, SILENCE_MATCHERS_MAX, SILENCE_REASON_MAX_CHARS, SILENCE_SPAN_MAX,
    SILENCE_TEXT_MAX_CHARS, SILENCE_VALUES_MAX, SILENCES_MAX, Silence, SilenceChange, SilenceId,
    SilenceMatcher, SilenceRefused, SilenceState,
};
pub use silent_node::{NODE_LOST, NODE_SILENT, NODES_LOST, check_of};

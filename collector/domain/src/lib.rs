//! The collector's vocabulary: series and their readers, rules, findings, incidents, acts, the contract.
//!
//! Decisions (`collector-promql`, `-standards`, `-incidents`) are pure and meet here; what is serialised here is
//! either the state snapshot (may change with a release) or the ledger's [`Entry`] (versioned, never changed).

mod act;
mod audit;
mod contract;
mod entry;
mod finding;
mod incident;
mod rule;
mod series;

pub use act::{Act, ActRefused, Role};
pub use audit::{AuditAction, AuditEvent, AuditOutcome, Auditor, Settled};
pub use contract::{Contract, CoreService, DatabaseService, Topology};
pub use entry::{Actor, Entry, EntryKind};
pub use finding::{Checks, Condition, Finding, Judgement};
pub use incident::{Clocks, Incident, IncidentId, IncidentState, LevelChange, Link, Note};
pub use rule::{Component, ExplainedBy, Rule, Text, Tier};
pub use series::{Matcher, MatcherOp, SeriesData, SeriesId, SeriesReader};

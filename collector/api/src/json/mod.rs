//! The JSON of the REST API: types of its own, converted from the collector's vocabulary here and nowhere else.
//!
//! Conventions: snake_case, instants as RFC 3339 in UTC with milliseconds, durations in seconds under names that end in
//! `_seconds`, missing values as `null`.

mod audit;
mod change;
pub(crate) mod deed;
mod delivery;
mod figures;
mod finding;
mod incident;
mod node;
mod roster;
mod rule;
mod scalar;
mod sheet;
mod silence;

pub(crate) use audit::AuditJson;
pub(crate) use change::{ChangeJson, DocumentJson};
pub(crate) use delivery::DeliveryJson;
pub(crate) use figures::FiguresJson;
pub(crate) use finding::FindingJson;
pub(crate) use incident::{Countdown, IncidentJson};
pub(crate) use node::NodeJson;
pub(crate) use roster::{RosterJson, ShiftJson};
pub(crate) use rule::RuleJson;
pub(crate) use scalar::{TimeJson, role_word};
pub(crate) use silence::{MatcherJson, SilenceJson};

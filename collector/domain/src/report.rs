//! What people report by phone or in person: faults that no check saw, and questions (M-062, M-033).

use serde::{Deserialize, Serialize};
use shared_model::{Level, Timestamp};

/// The cause of an incident that a person reported as a fault.
pub const REPORTED_FAULT: &str = "report.fault";
/// The cause of a question, which is level 4.
pub const REPORTED_QUESTION: &str = "report.question";
/// Characters of a symptom.
pub const REPORT_TEXT_MAX_CHARS: usize = 4_000;
/// Characters of a name or phone number.
pub const REPORT_NAME_MAX_CHARS: usize = 128;

/// Whether a person said so rather than a check: there is nothing that a machine could judge again.
pub fn is_reported(cause: &str) -> bool {
    matches!(cause, REPORTED_FAULT | REPORTED_QUESTION)
}

/// A report, taken down by somebody on duty.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Account that took it down.
    pub by: String,
    /// 2 to 4; level 1 comes from the predicates of the standard alone.
    pub level: Level,
    /// What is wrong, or what is asked.
    pub symptom: String,
    /// Who called.
    pub caller: String,
    /// How to call back; may be empty.
    pub phone: String,
    /// When the call came: the clocks start here. `None` is now.
    pub called: Option<Timestamp>,
}

/// Why a report was refused. Nothing changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReportRefused {
    /// A required text is missing.
    #[error("{0} is required")]
    Missing(&'static str),
    /// Something is out of its limits; says what and what the limits are.
    #[error("{0}")]
    Invalid(String),
}

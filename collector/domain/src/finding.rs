//! Findings: what judging a rule on a subject yields.

use serde::{Deserialize, Serialize};
use shared_model::{Labels, Timestamp};
use std::sync::Arc;

/// The three values of a judgement. Missing is never clear.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Within the limit, with enough samples to say so.
    Clear,
    /// Beyond the limit for the rule's covered time.
    Breached,
    /// Too few samples to say.
    Unknown,
}

/// A change of condition of one rule on one subject.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// The rule.
    pub rule: Arc<str>,
    /// What it was judged on: the labels of the rule's value (`host`, `instance`, `device`, …), without a name.
    pub subject: Labels,
    /// The condition from now on.
    pub condition: Condition,
    /// Event time of the first sample of this condition (for a breach, of the first bad sample).
    pub since: Timestamp,
    /// Event time of the sample, or time of the tick, that decided it.
    pub at: Timestamp,
    /// The value that was judged last, if there was one.
    pub value: Option<f64>,
    /// Decided by the absence of data rather than by a value.
    pub no_data: bool,
}

/// Where a rule stands on a subject.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Judgement {
    /// The condition now. A pending breach (within `for`) still reads `Clear` here.
    pub condition: Condition,
    /// Event time of the newest sample that was judged.
    pub judged_at: Timestamp,
    /// Whether that newest sample was within the limit.
    pub within_limit: bool,
    /// The value judged last.
    pub value: Option<f64>,
}

/// Reads where the rules stand. Implemented by `collector-standards`, asked by the incident machine to verify a repair.
pub trait Checks {
    /// Where `rule` stands on `subject`; `None` when it never judged it.
    fn judgement(&self, rule: &str, subject: &Labels) -> Option<Judgement>;
}

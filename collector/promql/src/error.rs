//! What can be wrong with a query.

use shared_model::Labels;
use std::time::Duration;

/// Why an expression was refused or could not be evaluated. The text names the construct and says what is allowed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QueryError {
    /// The text is longer than the parser is given.
    #[error("the expression has {bytes} bytes, at most {max} are allowed")]
    TooLong {
        /// Length of the text.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The expression is nested or chained too deeply.
    #[error("the expression has more than {max} {what}")]
    TooDeep {
        /// What there are too many of.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// The text is not PromQL.
    #[error("not PromQL: {0}")]
    Syntax(String),
    /// PromQL outside the subset.
    #[error("`{construct}`{place} is not supported: {allowed}")]
    Unsupported {
        /// The refused part, as it is written.
        construct: String,
        /// ` at character N`, or empty when the part cannot be found in the text.
        place: String,
        /// What may be written instead.
        allowed: &'static str,
    },
    /// The expression is good for the history API, but a rule cannot use it.
    #[error("{construct} cannot be used in a rule: {allowed}")]
    NotForRules {
        /// The refused part.
        construct: String,
        /// What may be written instead.
        allowed: &'static str,
    },
    /// More than one series of a side has the same matching labels.
    #[error(
        "several series on the {side} side have the matching labels {labels}: \
         at most one may, or use group_left or group_right"
    )]
    ManyToMany {
        /// `left`, `right` or, with grouping, `one`.
        side: &'static str,
        /// The matching labels.
        labels: Labels,
    },
    /// Two series of a result would have the same labels.
    #[error("two series of the result of {construct} have the same labels {labels}")]
    SameLabels {
        /// The operation.
        construct: &'static str,
        /// The labels they share.
        labels: Labels,
    },
    /// Too many series are selected.
    #[error("the query selects more than {max} series")]
    TooManySeries {
        /// The limit.
        max: usize,
    },
    /// Too many samples have to be looked at.
    #[error(
        "the query looks at more than {max} samples: shorten the time or the ranges, or widen the step"
    )]
    TooManyPoints {
        /// The limit.
        max: usize,
    },
    /// Too many steps.
    #[error("the query has {steps} steps, at most {max} are allowed: widen the step")]
    TooManySteps {
        /// Steps asked for.
        steps: u128,
        /// The limit.
        max: usize,
    },
    /// The start is after the end.
    #[error("the start of the query is after its end")]
    EndBeforeStart,
    /// The step is below a millisecond.
    #[error("the step is {step:?}, at least 1 ms is needed")]
    StepTooShort {
        /// The step asked for.
        step: Duration,
    },
}

//! How far back a value counts, and how much work a query may cause.

use crate::error::QueryError;
use shared_model::{Labels, Timestamp};
use std::cell::Cell;
use std::time::Duration;

/// Prometheus' default lookback (`--query.lookback-delta`).
pub const DEFAULT_LOOKBACK: Duration = Duration::from_secs(300);

/// How long the newest sample of a series counts as its value. A sample counts while it is younger than this.
pub trait Lookback {
    /// For one series at one instant.
    fn of(&self, labels: &Labels, at: Timestamp) -> Duration;
    /// The longest that [`Lookback::of`] may answer.
    fn longest(&self) -> Duration;
}

/// The same for all series.
impl Lookback for Duration {
    fn of(&self, _: &Labels, _: Timestamp) -> Duration {
        *self
    }

    fn longest(&self) -> Duration {
        *self
    }
}

/// How much work a query may cause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Series of one selector.
    pub series: usize,
    /// Samples read or looked at while evaluating, over all steps.
    pub points: usize,
    /// Steps of a range query.
    pub steps: usize,
}

/// 20,000 series are those of 25 nodes; 50,000,000 points are Prometheus' `--query.max-samples`; 11,000 steps are its
/// limit too, enough for a minute's resolution over a week.
impl Default for Limits {
    fn default() -> Self {
        Self { series: 20_000, points: 50_000_000, steps: 11_000 }
    }
}

/// What is left of a query's [`Limits`].
pub(super) struct Budget {
    limits: Limits,
    points_left: Cell<usize>,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, points_left: Cell::new(limits.points) }
    }

    pub(super) fn spend(&self, points: usize) -> Result<(), QueryError> {
        let left = self.points_left.get().checked_sub(points);
        let left = left.ok_or(QueryError::TooManyPoints { max: self.limits.points })?;
        self.points_left.set(left);
        Ok(())
    }

    pub(super) fn check_series(&self, series: usize) -> Result<(), QueryError> {
        if series > self.limits.series {
            return Err(QueryError::TooManySeries { max: self.limits.series });
        }
        Ok(())
    }
}

//! One function over one sliding window of one slot.

use super::state::{Extreme, Newest, Pairs, Sum};
use crate::language::RangeFunction;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Samples that one window holds at most: 30 minutes at the densest spacing of 200 ms, 150 KB.
pub const MAX_WINDOW_SAMPLES: usize = 9_000;

/// The longest range of a rule: a month, the period of the contract's reports.
pub const MAX_RANGE: Duration = Duration::from_secs(31 * 86_400);

/// The longest range of a function whose result depends on every sample: [`MAX_WINDOW_SAMPLES`] still hold 2 h at 800 ms.
const MAX_EXACT_RANGE: Duration = Duration::from_secs(2 * 3_600);

/// The longest range that a rule may use with a function. The others are allowed longer ones because thinned samples
/// change their results by 1/9,000 of the range at most.
pub(super) const fn max_range(function: RangeFunction) -> Duration {
    match function {
        RangeFunction::SumOverTime
        | RangeFunction::CountOverTime
        | RangeFunction::Changes
        | RangeFunction::Resets => MAX_EXACT_RANGE,
        _ => MAX_RANGE,
    }
}

/// A sample as windows hold it: microseconds, value.
pub(super) type Sample = (i64, f64);

/// Sliding state; time only moves forward.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Window {
    function: RangeFunction,
    range: Duration,
    range_us: i64,
    /// Samples nearer than this to the previous one are not held.
    min_gap_us: i64,
    state: State,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum State {
    Pairs(Pairs),
    Sum(Sum),
    Extreme(Extreme),
    Newest(Newest),
}

impl Window {
    pub(super) fn new(function: RangeFunction, range: Duration) -> Self {
        let range_us = i64::try_from(range.as_micros()).unwrap_or(i64::MAX);
        let state = match function {
            RangeFunction::Rate
            | RangeFunction::Increase
            | RangeFunction::Delta
            | RangeFunction::Changes
            | RangeFunction::Resets => State::Pairs(Pairs::default()),
            RangeFunction::AvgOverTime
            | RangeFunction::SumOverTime
            | RangeFunction::CountOverTime => State::Sum(Sum::default()),
            RangeFunction::MinOverTime => State::Extreme(Extreme::of_smallest()),
            RangeFunction::MaxOverTime => State::Extreme(Extreme::of_largest()),
            RangeFunction::Irate | RangeFunction::Idelta | RangeFunction::LastOverTime => {
                State::Newest(Newest::default())
            }
        };
        Self { function, range, range_us, min_gap_us: range_us / MAX_WINDOW_SAMPLES as i64, state }
    }

    pub(super) fn key(&self) -> (RangeFunction, Duration) {
        (self.function, self.range)
    }

    /// Drops all samples.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.function, self.range);
    }

    /// Takes in a sample after all others and drops those that have left the window.
    pub(super) fn push(&mut self, sample: Sample) {
        let start = sample.0.saturating_sub(self.range_us);
        match &mut self.state {
            State::Pairs(pairs) => pairs.push(sample, start, self.min_gap_us),
            State::Sum(sum) => sum.push(sample, start, self.min_gap_us),
            State::Extreme(extreme) => extreme.push(sample, start, self.min_gap_us),
            State::Newest(newest) => newest.push(sample),
        }
    }

    /// The function over `(at - range, at]`; `at` is not before the newest sample.
    pub(super) fn read(&self, at: i64) -> Option<f64> {
        let start = at.saturating_sub(self.range_us);
        match &self.state {
            State::Pairs(pairs) => pairs.read(self.function, self.range, start, at),
            State::Sum(sum) => sum.read(self.function, self.range, start, at),
            State::Extreme(extreme) => extreme.read(start),
            State::Newest(newest) => newest.read(self.function, start),
        }
    }
}

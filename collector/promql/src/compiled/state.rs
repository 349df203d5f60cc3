//! Incremental operators. Each push is O(1) amortised; each read looks only at samples that have left since the last push.
//!
//! Sums are [`ExactSum`]s, so what is taken out leaves no rounding error. Where one is inexact (magnitudes far apart,
//! infinities, NaN) the operator adds up anew, so a result never depends on samples that are gone.

use super::window::Sample;
use crate::language::RangeFunction;
use crate::numeric::{ExactSum, Slope, changed, extrapolated, instantaneous, over_time};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

fn expired(samples: &VecDeque<Sample>, start: i64) -> usize {
    samples.iter().take_while(|(at, _)| *at <= start).count()
}

fn too_near(samples: &VecDeque<Sample>, at: i64, min_gap_us: i64) -> bool {
    samples.back().is_some_and(|(last, _)| at - last < min_gap_us)
}

/// Functions of neighbouring samples: the extrapolated ones, `changes`, `resets`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Pairs {
    samples: VecDeque<Sample>,
    steps: Steps,
}

/// What the pairs of neighbours amount to.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Steps {
    changes: u32,
    resets: u32,
    /// Sum of the values that counters had before they were reset.
    before_resets: ExactSum,
}

impl Steps {
    fn enter(&mut self, before: f64, after: f64) {
        self.changes += u32::from(changed(before, after));
        if after < before {
            self.resets += 1;
            self.before_resets.add(before);
        }
    }

    fn leave(&mut self, before: f64, after: f64) {
        self.changes -= u32::from(changed(before, after));
        if after < before {
            self.resets -= 1;
            self.before_resets.take_out(before);
        }
    }
}

impl Pairs {
    pub(super) fn push(&mut self, sample: Sample, start: i64, min_gap_us: i64) {
        if !too_near(&self.samples, sample.0, min_gap_us) {
            if let Some((_, before)) = self.samples.back() {
                self.steps.enter(*before, sample.1);
            }
            self.samples.push_back(sample);
        }
        let mut left = false;
        while let Some((_, before)) = self.samples.pop_front_if(|(at, _)| *at <= start) {
            if let Some((_, after)) = self.samples.front() {
                self.steps.leave(before, *after);
            }
            left = true;
        }
        if left && self.steps.before_resets.is_inexact() {
            self.steps = Steps::default();
            for i in 1..self.samples.len() {
                self.steps.enter(self.samples[i - 1].1, self.samples[i].1);
            }
        }
    }

    pub(super) fn read(
        &self,
        function: RangeFunction,
        range: Duration,
        start: i64,
        at: i64,
    ) -> Option<f64> {
        let expired = expired(&self.samples, start);
        let first = *self.samples.get(expired)?;
        let last = *self.samples.back()?;
        let mut steps = self.steps;
        for i in 0..expired {
            steps.leave(self.samples[i].1, self.samples[i + 1].1);
        }
        let mut rise = match function {
            RangeFunction::Changes => return Some(f64::from(steps.changes)),
            RangeFunction::Resets => return Some(f64::from(steps.resets)),
            RangeFunction::Delta => ExactSum::default(),
            _ => steps.before_resets,
        };
        rise.add(last.1);
        rise.take_out(first.1);
        if rise.is_inexact() {
            return over_time(function, range, at, self.samples.range(expired..).copied());
        }
        let slope = Slope { first, last, count: self.samples.len() - expired, rise: rise.total() };
        extrapolated(function, range, at, slope)
    }
}

/// Sum, mean and count.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Sum {
    samples: VecDeque<Sample>,
    sum: ExactSum,
}

impl Sum {
    pub(super) fn push(&mut self, sample: Sample, start: i64, min_gap_us: i64) {
        if !too_near(&self.samples, sample.0, min_gap_us) {
            self.samples.push_back(sample);
            self.sum.add(sample.1);
        }
        let mut left = false;
        while let Some((_, value)) = self.samples.pop_front_if(|(at, _)| *at <= start) {
            self.sum.take_out(value);
            left = true;
        }
        if left && self.sum.is_inexact() {
            self.sum = self.samples.iter().map(|(_, value)| *value).collect();
        }
    }

    pub(super) fn read(
        &self,
        function: RangeFunction,
        range: Duration,
        start: i64,
        at: i64,
    ) -> Option<f64> {
        let expired = expired(&self.samples, start);
        let count = self.samples.len() - expired;
        if count == 0 {
            return None;
        }
        if function == RangeFunction::CountOverTime {
            return Some(count as f64);
        }
        let mut sum = self.sum;
        for (_, value) in self.samples.range(..expired) {
            sum.take_out(*value);
        }
        if sum.is_inexact() {
            return over_time(function, range, at, self.samples.range(expired..).copied());
        }
        Some(match function {
            RangeFunction::AvgOverTime => sum.total() / count as f64,
            _ => sum.total(),
        })
    }
}

/// Smallest and largest value: a queue whose values only get less extreme, so its front is the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Extreme {
    is_largest: bool,
    queue: VecDeque<Sample>,
    /// NaN is the answer only when the window holds nothing else.
    newest_nan: Option<i64>,
}

impl Extreme {
    pub(super) fn of_smallest() -> Self {
        Self { is_largest: false, queue: VecDeque::new(), newest_nan: None }
    }

    pub(super) fn of_largest() -> Self {
        Self { is_largest: true, ..Self::of_smallest() }
    }

    /// Two samples of the same `bucket_us` become one: the more extreme value, which then lasts a bucket longer at most.
    pub(super) fn push(&mut self, (at, value): Sample, start: i64, bucket_us: i64) {
        while self.queue.pop_front_if(|(at, _)| *at <= start).is_some() {}
        if value.is_nan() {
            self.newest_nan = Some(at);
            return;
        }
        let is_largest = self.is_largest;
        let yields = |other: f64| {
            if is_largest { other <= value } else { other >= value }
        };
        while self.queue.pop_back_if(|(_, other)| yields(*other)).is_some() {}
        let bucket = |at: i64| at.div_euclid(bucket_us.max(1));
        match self.queue.back_mut() {
            Some(last) if bucket(last.0) == bucket(at) => last.0 = at,
            _ => self.queue.push_back((at, value)),
        }
    }

    pub(super) fn read(&self, start: i64) -> Option<f64> {
        let extreme = self.queue.iter().find(|(at, _)| *at > start);
        let nan = self.newest_nan.filter(|at| *at > start).map(|_| f64::NAN);
        extreme.map(|(_, value)| *value).or(nan)
    }
}

/// The last two samples.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Newest {
    before: Option<Sample>,
    last: Option<Sample>,
}

impl Newest {
    pub(super) fn push(&mut self, sample: Sample) {
        self.before = self.last.replace(sample);
    }

    pub(super) fn read(&self, function: RangeFunction, start: i64) -> Option<f64> {
        let last = self.last.filter(|(at, _)| *at > start)?;
        if function == RangeFunction::LastOverTime {
            return Some(last.1);
        }
        let before = self.before.filter(|(at, _)| *at > start)?;
        instantaneous(function, before, last)
    }
}

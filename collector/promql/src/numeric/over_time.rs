//! Functions over the samples of one series in a range.

use super::{ExactSum, greater, less};
use crate::language::RangeFunction;
use std::time::Duration;

/// What [`extrapolated`] needs of a window: first and last sample (microseconds, value), how many there are, and by how much
/// the value rose with counter resets undone.
#[derive(Clone, Copy)]
pub(crate) struct Slope {
    pub(crate) first: (i64, f64),
    pub(crate) last: (i64, f64),
    pub(crate) count: usize,
    pub(crate) rise: f64,
}

/// `rate`, `increase` and `delta` over `(end - range, end]`: Prometheus' `extrapolatedRate` (promql/functions.go).
///
/// Near a boundary (less than 1.1 mean gaps away) the slope is taken to reach it, otherwise to reach half a mean gap
/// beyond the sample; a counter is not extrapolated below zero. None with fewer than two samples.
pub(crate) fn extrapolated(
    function: RangeFunction,
    range: Duration,
    end: i64,
    slope: Slope,
) -> Option<f64> {
    if slope.count < 2 {
        return None;
    }
    let seconds = |micros: i64| micros as f64 / 1e6;
    let is_counter = function != RangeFunction::Delta;
    let start = end.saturating_sub(i64::try_from(range.as_micros()).unwrap_or(i64::MAX));
    let mut to_start = seconds(slope.first.0 - start);
    let mut to_end = seconds(end - slope.last.0);
    let sampled = seconds(slope.last.0 - slope.first.0);
    let mean_gap = sampled / (slope.count - 1) as f64;
    let threshold = mean_gap * 1.1;
    if to_start >= threshold {
        to_start = mean_gap / 2.0;
    }
    if is_counter && slope.rise > 0.0 && slope.first.1 >= 0.0 {
        let to_zero = sampled * (slope.first.1 / slope.rise);
        if to_zero < to_start {
            to_start = to_zero;
        }
    }
    if to_end >= threshold {
        to_end = mean_gap / 2.0;
    }
    let mut factor = (sampled + to_start + to_end) / sampled;
    if function == RangeFunction::Rate {
        factor /= range.as_secs_f64();
    }
    Some(slope.rise * factor)
}

/// A function over `samples` (microseconds, value), which are those in `(end - range, end]` in ascending time.
pub(crate) fn over_time(
    function: RangeFunction,
    range: Duration,
    end: i64,
    samples: impl DoubleEndedIterator<Item = (i64, f64)> + Clone,
) -> Option<f64> {
    let mut newest_first = samples.clone().rev();
    let last = newest_first.next()?;
    let values = samples.clone().map(|(_, value)| value);
    let pairs = || values.clone().zip(values.clone().skip(1));
    Some(match function {
        RangeFunction::Rate | RangeFunction::Increase | RangeFunction::Delta => {
            let first = samples.clone().next()?;
            let mut rise = ExactSum::default();
            rise.add(last.1);
            rise.take_out(first.1);
            if function != RangeFunction::Delta {
                for (before, _) in pairs().filter(|(before, after)| after < before) {
                    rise.add(before);
                }
            }
            let slope = Slope { first, last, count: samples.count(), rise: rise.total() };
            return extrapolated(function, range, end, slope);
        }
        RangeFunction::Irate | RangeFunction::Idelta => {
            return instantaneous(function, newest_first.next()?, last);
        }
        RangeFunction::Changes => pairs().filter(|&(a, b)| changed(a, b)).count() as f64,
        RangeFunction::Resets => pairs().filter(|(a, b)| b < a).count() as f64,
        RangeFunction::AvgOverTime => {
            let sum: ExactSum = values.clone().collect();
            sum.total() / values.count() as f64
        }
        RangeFunction::MinOverTime => values.fold(f64::NAN, less),
        RangeFunction::MaxOverTime => values.fold(f64::NAN, greater),
        RangeFunction::SumOverTime => values.collect::<ExactSum>().total(),
        RangeFunction::CountOverTime => values.count() as f64,
        RangeFunction::LastOverTime => last.1,
    })
}

/// `irate` and `idelta` of the last two samples.
pub(crate) fn instantaneous(
    function: RangeFunction,
    before: (i64, f64),
    last: (i64, f64),
) -> Option<f64> {
    let seconds = (last.0 - before.0) as f64 / 1e6;
    if seconds <= 0.0 {
        return None;
    }
    Some(match function {
        RangeFunction::Irate if last.1 < before.1 => last.1 / seconds,
        RangeFunction::Irate => (last.1 - before.1) / seconds,
        _ => last.1 - before.1,
    })
}

/// Whether two following values count as a change: NaN after NaN does not.
#[allow(clippy::float_cmp, reason = "any difference is a change")]
pub(crate) fn changed(before: f64, after: f64) -> bool {
    before != after && !(before.is_nan() && after.is_nan())
}

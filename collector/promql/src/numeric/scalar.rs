//! Operators and functions of single numbers, with Prometheus' treatment of NaN.

use super::ExactSum;
use crate::language::{Aggregation, Arithmetic, Comparison, Function};

/// Arithmetic by IEEE 754.
pub(crate) fn arithmetic(op: Arithmetic, a: f64, b: f64) -> f64 {
    match op {
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide => a / b,
        Arithmetic::Modulo => a % b,
        Arithmetic::Power => a.powf(b),
    }
}

/// A comparison; NaN is unequal to everything, itself included.
#[allow(
    clippy::float_cmp,
    reason = "`==` of PromQL is the comparison of the bits' values, without a tolerance"
)]
pub(crate) fn compare(op: Comparison, a: f64, b: f64) -> bool {
    match op {
        Comparison::Equal => a == b,
        Comparison::NotEqual => a != b,
        Comparison::Greater => a > b,
        Comparison::Less => a < b,
        Comparison::GreaterOrEqual => a >= b,
        Comparison::LessOrEqual => a <= b,
    }
}

/// A function with its scalar argument, which only `round` and the clamps look at. `timestamp` is the caller's.
pub(crate) fn call(function: Function, value: f64, argument: Option<f64>) -> f64 {
    match (function, argument) {
        (Function::Abs, _) => value.abs(),
        (Function::Ceil, _) => value.ceil(),
        (Function::Floor, _) => value.floor(),
        (Function::Round, nearest) => {
            // Prometheus multiplies by the inverse, which hides rounding errors of tenths.
            let inverse = 1.0 / nearest.unwrap_or(1.0);
            (value * inverse + 0.5).floor() / inverse
        }
        (Function::ClampMin | Function::ClampMax, Some(limit))
            if limit.is_nan() || value.is_nan() =>
        {
            f64::NAN
        }
        (Function::ClampMin, Some(limit)) => value.max(limit),
        (Function::ClampMax, Some(limit)) => value.min(limit),
        (Function::ClampMin | Function::ClampMax | Function::Timestamp, _) => value,
    }
}

/// The larger value; NaN only when both are.
pub(crate) fn greater(a: f64, b: f64) -> f64 {
    a.max(b)
}

/// The smaller value; NaN only when both are.
pub(crate) fn less(a: f64, b: f64) -> f64 {
    a.min(b)
}

/// Aggregates values; none when there are none.
pub(crate) fn aggregate(op: Aggregation, values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values = values.peekable();
    values.peek()?;
    Some(match op {
        Aggregation::Sum => values.collect::<ExactSum>().total(),
        Aggregation::Avg => {
            let mut count = 0_u32;
            let sum: ExactSum = values.inspect(|_| count += 1).collect();
            sum.total() / f64::from(count)
        }
        Aggregation::Min => values.fold(f64::NAN, less),
        Aggregation::Max => values.fold(f64::NAN, greater),
        Aggregation::Count => values.count() as f64,
    })
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "the results have exact representations")]
mod tests {
    use super::*;

    /// Scenario: functions at signs, halves and NaN. Guarantees: Prometheus' documented results.
    #[test]
    fn functions_follow_prometheus() {
        for (function, value, argument, expected) in [
            (Function::Abs, -1.5, None, 1.5),
            (Function::Ceil, -1.5, None, -1.0),
            (Function::Floor, -1.5, None, -2.0),
            (Function::Round, 2.5, None, 3.0),
            (Function::Round, -2.5, None, -2.0),
            (Function::Round, 7.3, Some(0.5), 7.5),
            (Function::Round, 7.0, Some(5.0), 5.0),
            (Function::ClampMin, 1.0, Some(2.0), 2.0),
            (Function::ClampMin, 3.0, Some(2.0), 3.0),
            (Function::ClampMax, 3.0, Some(2.0), 2.0),
        ] {
            assert_eq!(call(function, value, argument), expected, "{function:?} {value}");
        }
        assert!(call(Function::ClampMin, f64::NAN, Some(2.0)).is_nan());
        assert!(call(Function::ClampMax, 2.0, Some(f64::NAN)).is_nan());
    }

    /// Scenario: aggregations with and without NaN. Guarantees: NaN wins sums, loses extremes unless alone; nothing gives none.
    #[test]
    fn aggregations_treat_nan_as_prometheus_does() {
        let with = |op, values: &[f64]| aggregate(op, values.iter().copied());
        assert_eq!(with(Aggregation::Max, &[f64::NAN, 1.0, 2.0]), Some(2.0));
        assert_eq!(with(Aggregation::Min, &[3.0, f64::NAN]), Some(3.0));
        assert!(with(Aggregation::Min, &[f64::NAN]).is_some_and(f64::is_nan));
        assert!(with(Aggregation::Avg, &[f64::NAN, 1.0]).is_some_and(f64::is_nan));
        assert_eq!(with(Aggregation::Count, &[f64::NAN, 1.0]), Some(2.0));
        assert_eq!(with(Aggregation::Avg, &[1.0, 2.0]), Some(1.5));
        assert_eq!(with(Aggregation::Sum, &[]), None);
    }

    /// Scenario: arithmetic at zero and below. Guarantees: IEEE 754, remainder with the dividend's sign.
    #[test]
    fn arithmetic_is_ieee() {
        assert_eq!(arithmetic(Arithmetic::Divide, 1.0, 0.0), f64::INFINITY);
        assert!(arithmetic(Arithmetic::Divide, 0.0, 0.0).is_nan());
        assert_eq!(arithmetic(Arithmetic::Modulo, -5.0, 3.0), -2.0);
        assert_eq!(arithmetic(Arithmetic::Power, 2.0, -1.0), 0.5);
        assert!(!compare(Comparison::Equal, f64::NAN, f64::NAN));
        assert!(compare(Comparison::NotEqual, f64::NAN, f64::NAN));
    }
}

//! A sum that forgets nothing: values can be taken out again without leaving a rounding error behind.

use serde::{Deserialize, Serialize};

/// A running sum as an unevaluated pair of numbers (Dekker's double-double, Knuth's error-free two-sum).
///
/// While `inexact` is false, `hi + lo` is the sum without any rounding, whatever was added and taken out; the pair is
/// then unique, so the order does not matter. Magnitudes within 2^50 of each other stay exact; otherwise the owner
/// adds up anew when it takes something out.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ExactSum {
    hi: f64,
    lo: f64,
    inexact: bool,
}

impl ExactSum {
    /// Adds a value; a NaN or an infinity stays in the sum for good.
    pub(crate) fn add(&mut self, value: f64) {
        let (hi, carried) = two_sum(self.hi, value);
        if !hi.is_finite() {
            *self = Self { hi, lo: 0.0, inexact: true };
            return;
        }
        let (lo, lost) = two_sum(self.lo, carried);
        let (hi, lo) = two_sum(hi, lo);
        self.hi = hi;
        self.lo = lo;
        // Zero is exact here: any bit that fell out makes it non-zero.
        self.inexact |= lost != 0.0;
    }

    /// Takes a value out that was added before.
    pub(crate) fn take_out(&mut self, value: f64) {
        self.add(-value);
    }

    /// Whether rounding has happened.
    pub(crate) fn is_inexact(&self) -> bool {
        self.inexact
    }

    /// The sum, rounded once.
    pub(crate) fn total(&self) -> f64 {
        self.hi + self.lo
    }
}

impl FromIterator<f64> for ExactSum {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut sum = Self::default();
        for value in values {
            sum.add(value);
        }
        sum
    }
}

fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    let error = (a - (sum - b_part)) + (b - b_part);
    (sum, error)
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "sums are exact here")]
mod tests {
    use super::*;

    /// Scenario: values that cancel, and a long row of tenths added and taken out. Guarantees: nothing is left over.
    #[test]
    fn nothing_is_left_over() {
        assert_eq!([1.0, 1e15, 0.25, -1e15].into_iter().collect::<ExactSum>().total(), 1.25);
        let mut sum = ExactSum::default();
        for i in 0..10_000 {
            sum.add(f64::from(i) * 0.1);
        }
        for i in 0..10_000 {
            sum.take_out(f64::from(i) * 0.1);
        }
        assert_eq!((sum.total(), sum.is_inexact()), (0.0, false));
    }

    /// Scenario: magnitudes too far apart, and an infinity. Guarantees: the loss is reported.
    #[test]
    fn loss_is_reported() {
        assert!([1e300, 1.0, 1e-300].into_iter().collect::<ExactSum>().is_inexact());
        let sum: ExactSum = [1.0, f64::INFINITY].into_iter().collect();
        assert!(sum.is_inexact() && sum.total().is_infinite());
        assert!(
            [f64::INFINITY, f64::NEG_INFINITY].into_iter().collect::<ExactSum>().total().is_nan()
        );
    }
}

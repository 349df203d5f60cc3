//! Comparisons with a limit: `> 0.70`, `<= 5`, `== 1`.

use std::fmt;
use std::str::FromStr;

/// Values this close to a limit, relative to it, count as equal to it. A share computed from counters carries rounding
/// errors near 1e-16; without this a CPU busy for exactly 70 % would breach "at most 70 %" on some days.
const TOLERANCE: f64 = 1e-9;

/// How a value is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Op {
    Above,
    AtLeast,
    Below,
    AtMost,
    Equal,
    NotEqual,
}

/// The comparisons as they are written. Longer signs come first so that `>=` is not read as `>`.
const SIGNS: &[(&str, Op)] = &[
    (">=", Op::AtLeast),
    ("<=", Op::AtMost),
    ("==", Op::Equal),
    ("!=", Op::NotEqual),
    (">", Op::Above),
    ("<", Op::Below),
];

/// A comparison with a limit, such as `> 0.70`. The limit itself is finite.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Limit {
    op: Op,
    value: f64,
}

impl Limit {
    /// Whether `value` satisfies the comparison. Never for NaN.
    pub fn holds(self, value: f64) -> bool {
        if value.is_nan() {
            return false;
        }
        let equal = (value - self.value).abs() <= TOLERANCE * self.value.abs();
        match self.op {
            Op::Above => value > self.value && !equal,
            Op::AtLeast => value > self.value || equal,
            Op::Below => value < self.value && !equal,
            Op::AtMost => value < self.value || equal,
            Op::Equal => equal,
            Op::NotEqual => !equal,
        }
    }

    /// The number compared with.
    pub fn value(self) -> f64 {
        self.value
    }

    /// Whether some value satisfies both comparisons.
    ///
    /// Each comparison changes its answer only around its own limit, so both limits, points just beside them, a point
    /// between and points far out stand for all values.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        let beside = |limit: Self| {
            let step = 1e-6 * limit.value.abs().max(1e-3);
            [limit.value - step, limit.value, limit.value + step]
        };
        let between = f64::midpoint(self.value, other.value);
        beside(self)
            .into_iter()
            .chain(beside(other))
            .chain([between, f64::INFINITY, f64::NEG_INFINITY])
            .any(|v| self.holds(v) && other.holds(v))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = SIGNS.iter().find(|(_, op)| *op == self.op);
        write!(f, "{} {}", sign.map_or("", |(sign, _)| sign), self.value)
    }
}

/// A text that is not a comparison with a finite number.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a comparison: write for example '> 0.70'")]
pub struct InvalidLimit(pub String);

impl FromStr for Limit {
    type Err = InvalidLimit;

    fn from_str(text: &str) -> Result<Self, InvalidLimit> {
        let wrong = || InvalidLimit(text.chars().take(40).collect());
        let found = SIGNS
            .iter()
            .find_map(|&(sign, op)| text.trim().strip_prefix(sign).map(|rest| (op, rest)));
        let (op, rest) = found.ok_or_else(wrong)?;
        let value: f64 = rest.trim().parse().map_err(|_| wrong())?;
        if !value.is_finite() {
            return Err(wrong());
        }
        Ok(Self { op, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: every comparison just below, at and above its limit, and with no number at all. Guarantees: the sign
    /// means what it says, rounding errors count as equal, NaN satisfies nothing.
    #[test]
    fn comparisons_are_exact_at_the_limit() {
        for (text, below, at, above) in [
            ("> 0.7", false, false, true),
            (">= 0.7", false, true, true),
            ("<0.7", true, false, false),
            ("<= 0.7", true, true, false),
            ("== 0.7", false, true, false),
            ("!= 0.7", true, false, true),
        ] {
            let limit: Limit = text.parse().unwrap();
            assert_eq!(limit.holds(0.699), below, "{text}");
            assert_eq!(limit.holds(0.7), at, "{text}");
            assert_eq!(limit.holds(0.1 + 0.6 + 1e-16), at, "{text}");
            assert_eq!(limit.holds(0.701), above, "{text}");
            assert!(!limit.holds(f64::NAN), "{text}");
        }
    }

    /// Scenario: pairs of comparisons. Guarantees: an overlap is seen wherever one value satisfies both.
    #[test]
    fn overlaps_are_seen() {
        for (a, b, overlap) in [
            ("> 0.7", "< 0.65", false),
            ("> 0.7", "<= 0.7", false),
            ("> 0.7", "< 0.8", true),
            (">= 1", "<= 1", true),
            ("== 1", "!= 1", false),
            ("== 1", "< 1", false),
            ("!= 0", "< -5", true),
            ("> 0", "== 0", false),
        ] {
            let (a, b): (Limit, Limit) = (a.parse().unwrap(), b.parse().unwrap());
            assert_eq!(a.overlaps(b), overlap, "{a} and {b}");
        }
    }

    /// Scenario: texts that are not comparisons. Guarantees: refused with the text.
    #[test]
    fn nonsense_is_refused() {
        for text in ["", "0.7", "> ", "> x", "=> 1", "> NaN", "< inf"] {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
    }
}

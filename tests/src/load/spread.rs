//! The middle and the edges of repeated measurements.

use std::fmt;

/// Median, smallest and largest of some measurements.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Spread {
    /// The middle one; the mean of the two middle ones of an even number.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of at least one measurement; `None` when there is none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let sorted = sorted(values);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let half = sorted.len() / 2;
        let upper = *sorted.get(half)?;
        let lower = if sorted.len().is_multiple_of(2) { *sorted.get(half - 1)? } else { upper };
        Some(Self { median: f64::midpoint(lower, upper), min, max })
    }

    /// Each of the three multiplied.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { median: self.median * factor, min: self.min * factor, max: self.max * factor }
    }
}

/// `median [min..max]`; the precision is the formatter's, by default 2.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(2);
        write!(f, "{:.digits$} [{:.digits$}..{:.digits$}]", self.median, self.min, self.max)
    }
}

/// The smallest value that at least the share `q` (0 to 1) of all values do not exceed (nearest rank).
pub fn percentile(values: &[f64], q: f64) -> Option<f64> {
    let sorted = sorted(values);
    let rank = (q * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank - 1).copied()
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: none, one, an odd and an even number of values in any order. Guarantees: the middle and the edges.
    #[test]
    fn spread_is_the_middle_and_the_edges() {
        assert_eq!(Spread::of(&[]), None);
        for (values, median, min, max) in [
            (vec![4.0], 4.0, 4.0, 4.0),
            (vec![3.0, 1.0, 2.0], 2.0, 1.0, 3.0),
            (vec![4.0, 1.0, 2.0, 3.0], 2.5, 1.0, 4.0),
        ] {
            assert_eq!(Spread::of(&values), Some(Spread { median, min, max }), "{values:?}");
        }
    }

    /// Scenario: shares at and between ranks. Guarantees: nearest rank, no interpolation, nothing of no values.
    #[test]
    fn percentile_is_the_nearest_rank() {
        let values: Vec<f64> = (1..=20).rev().map(f64::from).collect();
        for (q, expected) in
            [(0.0, 1.0), (0.5, 10.0), (0.51, 11.0), (0.95, 19.0), (0.96, 20.0), (1.0, 20.0)]
        {
            assert_eq!(percentile(&values, q), Some(expected), "{q}");
        }
        assert_eq!(percentile(&[], 0.5), None);
    }
}

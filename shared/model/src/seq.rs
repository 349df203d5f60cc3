//! Sequence numbers of a spool and sets of them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The number of a record in one agent's spool. Starts at 1, never reused within a stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

/// A closed interval of sequence numbers, `from <= to`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SeqRange {
    /// First number in the interval.
    pub from: Seq,
    /// Last number in the interval.
    pub to: Seq,
}

impl SeqRange {
    /// The interval, or `None` when `from` is after `to`.
    pub fn new(from: Seq, to: Seq) -> Option<Self> {
        (from <= to).then_some(Self { from, to })
    }

    /// How many numbers it holds.
    pub fn count(self) -> u64 {
        (self.to.0 - self.from.0).saturating_add(1)
    }
}

/// A set of sequence numbers, kept as sorted intervals that neither overlap nor touch.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SeqSet(Vec<SeqRange>);

impl SeqSet {
    /// Adds one number. Returns whether it was new.
    pub fn insert(&mut self, seq: Seq) -> bool {
        if self.contains(seq) {
            return false;
        }
        self.insert_range(SeqRange { from: seq, to: seq });
        true
    }

    /// Adds an interval, merging what overlaps or touches.
    pub fn insert_range(&mut self, range: SeqRange) {
        // The common case of a live stream: the next number in order.
        if let Some(last) = self.0.last_mut()
            && range.from.0 == last.to.0.saturating_add(1)
        {
            last.to = range.to;
            return;
        }
        let start = self.0.partition_point(|r| r.to.0.saturating_add(1) < range.from.0);
        let end = self.0.partition_point(|r| r.from.0 <= range.to.0.saturating_add(1));
        let mut merged = range;
        for touched in self.0.drain(start..end) {
            merged.from = merged.from.min(touched.from);
            merged.to = merged.to.max(touched.to);
        }
        self.0.insert(start, merged);
    }

    /// Whether the number is in the set.
    pub fn contains(&self, seq: Seq) -> bool {
        let at = self.0.partition_point(|r| r.to < seq);
        self.0.get(at).is_some_and(|r| r.from <= seq)
    }

    /// Whether every number of the interval is in the set.
    pub fn covers(&self, range: SeqRange) -> bool {
        let at = self.0.partition_point(|r| r.to < range.from);
        self.0.get(at).is_some_and(|r| r.from <= range.from && range.to <= r.to)
    }

    /// The intervals, in order.
    pub fn ranges(&self) -> &[SeqRange] {
        &self.0
    }

    /// The greatest number, if there is one.
    pub fn max(&self) -> Option<Seq> {
        self.0.last().map(|r| r.to)
    }

    /// How many numbers it holds.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|r| r.count()).sum()
    }
}

impl FromIterator<SeqRange> for SeqSet {
    fn from_iter<I: IntoIterator<Item = SeqRange>>(ranges: I) -> Self {
        let mut set = Self::default();
        ranges.into_iter().for_each(|r| set.insert_range(r));
        set
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for SeqRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.from, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        /// Scenario: intervals in any order, overlapping and touching.
        /// Guarantees: the set holds exactly their union, in sorted intervals with a hole between any two.
        #[test]
        fn equals_a_plain_set(parts in prop::collection::vec((1u64..200, 0u64..12), 0..40)) {
            let mut model = BTreeSet::new();
            let mut set = SeqSet::default();
            for (from, len) in parts {
                model.extend(from..=from + len);
                set.insert_range(SeqRange { from: Seq(from), to: Seq(from + len) });
            }
            let flat: Vec<u64> = set.ranges().iter().flat_map(|r| r.from.0..=r.to.0).collect();
            prop_assert_eq!(&flat, &model.iter().copied().collect::<Vec<_>>());
            prop_assert!(set.ranges().windows(2).all(|w| w[0].to.0 + 1 < w[1].from.0));
            prop_assert_eq!(set.count(), model.len() as u64);
            prop_assert_eq!(set.max().map(|s| s.0), model.last().copied());
            for n in 0..220 {
                prop_assert_eq!(set.contains(Seq(n)), model.contains(&n));
            }
        }
    }
}

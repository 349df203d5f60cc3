//! Sets of sequence numbers on the wire.

use crate::field::{FieldError, Problem, at_most};
use crate::limits::MAX_RANGES;
use crate::wire;
use shared_model::{Seq, SeqRange, SeqSet};

/// The set's intervals in order, at most [`MAX_RANGES`] of them; the highest ones are left out beyond that.
pub fn ranges_to_wire(set: &SeqSet) -> Vec<wire::Range> {
    let ranges = set.ranges().iter().take(MAX_RANGES);
    ranges.map(|&range| range_to_wire(range)).collect()
}

/// The set in `field`'s intervals, in any order.
pub fn ranges_from_wire(field: &'static str, ranges: &[wire::Range]) -> Result<SeqSet, FieldError> {
    at_most(field, ranges.len(), MAX_RANGES)?;
    ranges.iter().map(|range| range_from_wire(field, range)).collect()
}

pub(crate) fn range_to_wire(range: SeqRange) -> wire::Range {
    wire::Range { from: range.from.0, to: range.to.0 }
}

pub(crate) fn range_from_wire(
    field: &'static str,
    range: &wire::Range,
) -> Result<SeqRange, FieldError> {
    let &wire::Range { from, to } = range;
    // The greatest number is left free, so that "the next one" always exists.
    let valid = from > 0 && to < u64::MAX;
    SeqRange::new(Seq(from), Seq(to))
        .filter(|_| valid)
        .ok_or(FieldError { field, problem: Problem::Interval { from, to } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Scenario: any set. Guarantees: comes back whole while it has no more intervals than allowed, else its
        /// lowest intervals come back.
        #[test]
        fn sets_round_trip(parts in prop::collection::vec((1u64..100_000, 0u64..9), 0..600)) {
            let set: SeqSet = parts.iter().filter_map(|&(f, l)| SeqRange::new(Seq(f), Seq(f + l))).collect();
            let back = ranges_from_wire("Ack.durable", &ranges_to_wire(&set)).unwrap();
            let kept = set.ranges().len().min(MAX_RANGES);
            prop_assert_eq!(back.ranges(), &set.ranges()[..kept]);
        }
    }

    /// Scenario: intervals at the edges of what is allowed. Guarantees: number 0, the greatest number and reversed
    /// ends are refused.
    #[test]
    fn edges_are_refused() {
        for (from, to, ok) in [
            (1, 1, true),
            (0, 1, false),
            (2, 1, false),
            (1, u64::MAX - 1, true),
            (1, u64::MAX, false),
        ] {
            let got = ranges_from_wire("Ack.durable", &[wire::Range { from, to }]);
            assert_eq!(got.is_ok(), ok, "{from}..{to}: {got:?}");
        }
        let many = vec![wire::Range { from: 1, to: 1 }; MAX_RANGES + 1];
        assert!(ranges_from_wire("Ack.durable", &many).is_err());
        assert!(ranges_from_wire("Ack.durable", &many[1..]).is_ok());
    }
}

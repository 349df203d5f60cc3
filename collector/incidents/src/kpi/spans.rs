//! Sets of instants as disjoint spans: what is down, what is planned, and what both have in common.

use collector_domain::Period;
use shared_model::Timestamp;
use std::time::Duration;

/// Disjoint spans in ascending order, none empty, none touching the next.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Spans(Vec<Period>);

impl Spans {
    /// The union of any spans; what ends before it begins is nothing.
    pub(super) fn union(spans: impl IntoIterator<Item = Period>) -> Self {
        let mut sorted: Vec<Period> = spans.into_iter().filter(|s| s.from < s.to).collect();
        sorted.sort_by_key(|s| (s.from, s.to));
        let mut joined: Vec<Period> = Vec::with_capacity(sorted.len());
        for span in sorted {
            match joined.last_mut() {
                Some(last) if span.from <= last.to => last.to = last.to.max(span.to),
                _ => joined.push(span),
            }
        }
        Self(joined)
    }

    /// What is in both.
    pub(super) fn common(&self, other: &Self) -> Self {
        let pairs = self.0.iter().flat_map(|a| other.0.iter().map(move |b| (a, b)));
        Self::union(pairs.map(|(a, b)| Period { from: a.from.max(b.from), to: a.to.min(b.to) }))
    }

    /// How long they last together.
    pub(super) fn total(&self) -> Duration {
        self.0.iter().map(|s| s.to.since(s.from)).sum()
    }
}

/// The part of a span that lies within another.
pub(super) fn clipped(span: Period, within: Period) -> Period {
    let from: Timestamp = span.from.max(within.from);
    Period { from, to: span.to.min(within.to).max(from) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: i64, to: i64) -> Period {
        Period { from: Timestamp::from_secs(from), to: Timestamp::from_secs(to) }
    }

    /// Scenario: spans that overlap, touch, contain each other, are empty or the wrong way round.
    /// Guarantees: the union counts each instant once; what is common is in both.
    #[test]
    fn instants_are_counted_once() {
        let a =
            Spans::union([span(5, 9), span(0, 3), span(3, 4), span(6, 7), span(8, 8), span(9, 2)]);
        assert_eq!(a, Spans(vec![span(0, 4), span(5, 9)]));
        assert_eq!(a.total(), Duration::from_secs(8));
        let b = Spans::union([span(2, 6), span(8, 20)]);
        assert_eq!(a.common(&b), Spans(vec![span(2, 4), span(5, 6), span(8, 9)]));
        assert_eq!(a.common(&Spans::default()).total(), Duration::ZERO);
    }
}

//! The series of an expression's selectors, read once per query.

use super::limits::{Budget, Lookback};
use crate::error::QueryError;
use crate::language::{Expr, Selector};
use collector_domain::{SeriesData, SeriesReader};
use shared_model::{Labels, NAME, Timestamp};
use std::time::Duration;

/// A series with its labels as functions return them.
pub(super) struct Series {
    pub(super) data: SeriesData,
    pub(super) nameless: Labels,
}

impl Series {
    /// The samples in `(end - range, end]`.
    pub(super) fn within(&self, range: Duration, end: Timestamp) -> &[(Timestamp, f64)] {
        let samples = self.data.samples.as_slice();
        let start = end.minus(range);
        let to = samples.partition_point(|(at, _)| *at <= end);
        let from = samples[..to].partition_point(|(at, _)| *at <= start);
        &samples[from..to]
    }
}

/// The series of each selector, in the order in which an evaluation meets them.
pub(super) struct Fetched(Vec<Vec<Series>>);

impl Fetched {
    /// Reads what evaluations from `start` to `end` need.
    pub(super) fn read(
        expr: &Expr,
        start: Timestamp,
        end: Timestamp,
        lookback: &dyn Lookback,
        reader: &dyn SeriesReader,
        budget: &Budget,
    ) -> Result<Self, QueryError> {
        let mut spans = Vec::new();
        collect(expr, lookback.longest(), &mut spans);
        let mut all = Vec::with_capacity(spans.len());
        for (selector, span) in spans {
            let from = start.minus(span);
            let mut found = reader.select(&selector.matchers, from, end);
            budget.check_series(found.len())?;
            budget.spend(found.iter().map(|series| series.samples.len()).sum())?;
            // The reader's interval is closed, ours is open on the left.
            for series in &mut found {
                series.samples.retain(|(at, _)| *at > from);
            }
            found.retain(|series| !series.samples.is_empty());
            found.sort_by(|a, b| a.labels.cmp(&b.labels));
            let series = found
                .into_iter()
                .map(|data| Series { nameless: data.labels.only(|name| name != NAME), data });
            all.push(series.collect());
        }
        Ok(Self(all))
    }

    pub(super) fn selector(&self, index: usize) -> &[Series] {
        self.0.get(index).map_or(&[], Vec::as_slice)
    }

    /// The samples of all selectors.
    pub(super) fn into_samples(self) -> Vec<SeriesData> {
        let series = self.0.into_iter().flatten();
        series.map(|series| series.data).collect()
    }
}

fn collect<'a>(expr: &'a Expr, lookback: Duration, spans: &mut Vec<(&'a Selector, Duration)>) {
    match expr {
        Expr::Number(_) | Expr::Time => {}
        Expr::Selector(selector) => spans.push((selector, lookback)),
        Expr::Range(selector, range) | Expr::Windowed { selector, range, .. } => {
            spans.push((selector, *range));
        }
        Expr::Call(_, args) => {
            for arg in args {
                collect(arg, lookback, spans);
            }
        }
        Expr::Aggregate { arg, .. } | Expr::Negate(arg) | Expr::Absent(arg) => {
            collect(arg, lookback, spans);
        }
        Expr::Binary(binary) => {
            collect(&binary.lhs, lookback, spans);
            collect(&binary.rhs, lookback, spans);
        }
    }
}

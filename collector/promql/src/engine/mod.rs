//! The general engine: instant and range queries over a [`SeriesReader`], with Prometheus' semantics.
//!
//! Series are read once per selector for the whole time of the query, then each step is evaluated over them. One budget
//! ([`Limits::points`]) pays for every sample read or looked at, so the work of a query is bounded before it is done.

mod evaluation;
mod fetch;
mod limits;
mod matching;

pub use limits::{DEFAULT_LOOKBACK, Limits, Lookback};

use crate::error::QueryError;
use crate::language::Expr;
use collector_domain::{SeriesData, SeriesReader};
use evaluation::{Evaluation, Operand};
use fetch::Fetched;
use limits::Budget;
use shared_model::{Labels, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// The answer to a query. Vectors and matrices are sorted by labels, which are unique.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// One number.
    Scalar(f64),
    /// One number per series.
    Vector(Vec<(Labels, f64)>),
    /// Several samples per series.
    Matrix(Vec<SeriesData>),
}

/// Evaluates an expression at one instant. A range selector by itself gives its raw samples.
///
/// # Errors
/// A limit is exceeded, series do not match one to one, or a result would have the same labels twice.
pub fn instant(
    expr: &Expr,
    at: Timestamp,
    lookback: &dyn Lookback,
    reader: &dyn SeriesReader,
    limits: &Limits,
) -> Result<Value, QueryError> {
    let budget = Budget::new(*limits);
    let fetched = Fetched::read(expr, at, at, lookback, reader, &budget)?;
    if matches!(expr, Expr::Range(..)) {
        return Ok(Value::Matrix(fetched.into_samples()));
    }
    let operand = Evaluation::new(&fetched, at, lookback, &budget).run(expr)?;
    Ok(match operand {
        Operand::Scalar(value) => Value::Scalar(value),
        Operand::Vector(mut elements) => {
            elements.sort_by(|a, b| a.0.cmp(&b.0));
            matching::check_unique(&elements, "the expression")?;
            Value::Vector(elements)
        }
    })
}

/// Evaluates an expression at `start`, `start + step`, … up to `end`. Always a matrix; a scalar expression gives one series
/// with empty labels.
///
/// # Errors
/// As [`instant`], and when the times make no sense or the expression is a range selector.
pub fn range(
    expr: &Expr,
    start: Timestamp,
    end: Timestamp,
    step: Duration,
    lookback: &dyn Lookback,
    reader: &dyn SeriesReader,
    limits: &Limits,
) -> Result<Value, QueryError> {
    if matches!(expr, Expr::Range(..)) {
        return Err(QueryError::Unsupported {
            construct: expr.to_string(),
            place: String::new(),
            allowed: "a range query needs a number per series at each step, such as rate(a[5m])",
        });
    }
    if start > end {
        return Err(QueryError::EndBeforeStart);
    }
    if step < Duration::from_millis(1) {
        return Err(QueryError::StepTooShort { step });
    }
    let steps = end.since(start).as_micros() / step.as_micros() + 1;
    if steps > limits.steps as u128 {
        let max = limits.steps;
        return Err(QueryError::TooManySteps { steps, max });
    }
    let budget = Budget::new(*limits);
    let fetched = Fetched::read(expr, start, end, lookback, reader, &budget)?;
    let mut series: BTreeMap<Labels, Vec<(Timestamp, f64)>> = BTreeMap::new();
    let mut at = start;
    for _ in 0..steps {
        match Evaluation::new(&fetched, at, lookback, &budget).run(expr)? {
            Operand::Scalar(value) => {
                series.entry(Labels::default()).or_default().push((at, value));
            }
            Operand::Vector(elements) => {
                for (labels, value) in elements {
                    let samples = series.entry(labels.clone()).or_default();
                    if samples.last().is_some_and(|(last, _)| *last == at) {
                        let construct = "the expression";
                        return Err(QueryError::SameLabels { construct, labels });
                    }
                    samples.push((at, value));
                }
            }
        }
        at = at.plus(step);
    }
    let series = series.into_iter();
    Ok(Value::Matrix(series.map(|(labels, samples)| SeriesData { labels, samples }).collect()))
}

//! One expression at one instant.

use super::fetch::{Fetched, Series};
use super::limits::{Budget, Lookback};
use super::matching;
use crate::error::QueryError;
use crate::language::{
    Aggregation, Binary, BinaryOp, Comparison, Expr, Function, LabelScope, Selector,
};
use crate::numeric;
use collector_domain::MatcherOp;
use shared_model::{Labels, NAME, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A value of an expression at the instant.
pub(super) enum Operand {
    Scalar(f64),
    Vector(Vec<Element>),
}

/// One series of a vector.
pub(super) type Element = (Labels, f64);

pub(super) struct Evaluation<'a> {
    fetched: &'a Fetched,
    /// Index of the next selector: every walk meets them in the order in which they were read.
    next_selector: usize,
    at: Timestamp,
    lookback: &'a dyn Lookback,
    budget: &'a Budget,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(
        fetched: &'a Fetched,
        at: Timestamp,
        lookback: &'a dyn Lookback,
        budget: &'a Budget,
    ) -> Self {
        Self { fetched, next_selector: 0, at, lookback, budget }
    }

    pub(super) fn run(&mut self, expr: &Expr) -> Result<Operand, QueryError> {
        Ok(match expr {
            Expr::Number(value) => Operand::Scalar(*value),
            Expr::Time => Operand::Scalar(self.at.as_secs_f64()),
            Expr::Selector(_) => Operand::Vector(
                self.newest(|series, (_, value)| (series.data.labels.clone(), value))?,
            ),
            // The parser lets a range selector stand only where `instant` has taken it.
            Expr::Range(..) => Operand::Vector(Vec::new()),
            Expr::Windowed { function, range, .. } => {
                let mut elements = Vec::new();
                let keeps_name = *function == crate::language::RangeFunction::LastOverTime;
                for series in self.next_series() {
                    let samples = series.within(*range, self.at);
                    self.budget.spend(samples.len())?;
                    let micros = samples.iter().map(|(at, value)| (at.as_micros(), *value));
                    let value = numeric::over_time(*function, *range, self.at.as_micros(), micros);
                    let labels = if keeps_name { &series.data.labels } else { &series.nameless };
                    elements.extend(value.map(|value| (labels.clone(), value)));
                }
                matching::check_unique(&elements, function.as_str())?;
                Operand::Vector(elements)
            }
            Expr::Call(function, args) => self.call(*function, args)?,
            Expr::Aggregate { op, grouping, arg } => {
                Operand::Vector(aggregate(*op, grouping, self.vector(arg)?))
            }
            Expr::Binary(binary) => self.binary(binary)?,
            Expr::Negate(arg) => match self.run(arg)? {
                Operand::Scalar(value) => Operand::Scalar(-value),
                Operand::Vector(elements) => {
                    let negated = elements.into_iter();
                    let negated = negated.map(|(labels, value)| (nameless(&labels), -value));
                    Operand::Vector(unique(negated.collect(), "the unary minus")?)
                }
            },
            Expr::Absent(arg) => Operand::Vector(if self.vector(arg)?.is_empty() {
                vec![(absent_labels(arg), 1.0)]
            } else {
                Vec::new()
            }),
        })
    }

    fn next_series(&mut self) -> &'a [Series] {
        let series = self.fetched.selector(self.next_selector);
        self.next_selector += 1;
        series
    }

    /// The newest sample of each series of the next selector, where it still counts.
    fn newest(
        &mut self,
        element: impl Fn(&Series, (Timestamp, f64)) -> Element,
    ) -> Result<Vec<Element>, QueryError> {
        let series = self.next_series();
        self.budget.spend(series.len())?;
        let newest = series.iter().filter_map(|series| {
            let lookback = self.lookback.of(&series.data.labels, self.at);
            let sample = series.within(lookback, self.at).last()?;
            Some(element(series, *sample))
        });
        Ok(newest.collect())
    }

    fn vector(&mut self, expr: &Expr) -> Result<Vec<Element>, QueryError> {
        Ok(match self.run(expr)? {
            Operand::Vector(elements) => elements,
            // Types were checked by the parser; a number alone is a series without labels.
            Operand::Scalar(value) => vec![(Labels::default(), value)],
        })
    }

    fn call(&mut self, function: Function, args: &[Expr]) -> Result<Operand, QueryError> {
        let Some((vector, arguments)) = args.split_first() else {
            return Ok(Operand::Vector(Vec::new()));
        };
        let elements = match (function, vector) {
            (Function::Timestamp, Expr::Selector(_)) => {
                let labelled = |series: &Series, (at, _): (Timestamp, f64)| {
                    (series.nameless.clone(), at.as_secs_f64())
                };
                self.newest(labelled)?
            }
            _ => self.vector(vector)?,
        };
        let argument = match arguments.first().map(|expr| self.run(expr)).transpose()? {
            Some(Operand::Scalar(value)) => Some(value),
            _ => None,
        };
        let now = self.at.as_secs_f64();
        let elements = elements.into_iter().map(|(labels, value)| {
            let value = match (function, vector) {
                (Function::Timestamp, Expr::Selector(_)) => value,
                (Function::Timestamp, _) => now,
                _ => numeric::call(function, value, argument),
            };
            (nameless(&labels), value)
        });
        Ok(Operand::Vector(unique(elements.collect(), function.as_str())?))
    }

    fn binary(&mut self, binary: &Binary) -> Result<Operand, QueryError> {
        let (lhs, rhs) = (self.run(&binary.lhs)?, self.run(&binary.rhs)?);
        Ok(match (lhs, rhs) {
            (Operand::Scalar(a), Operand::Scalar(b)) => Operand::Scalar(match binary.op {
                BinaryOp::Arithmetic(op) => numeric::arithmetic(op, a, b),
                BinaryOp::Comparison(op) => truth(op, a, b),
                BinaryOp::Set(_) => f64::NAN,
            }),
            (Operand::Vector(elements), Operand::Scalar(b)) => {
                with_scalar(binary, elements, |value| (value, b))?
            }
            (Operand::Scalar(a), Operand::Vector(elements)) => {
                with_scalar(binary, elements, |value| (a, value))?
            }
            (Operand::Vector(lhs), Operand::Vector(rhs)) => {
                self.budget.spend(lhs.len() + rhs.len())?;
                Operand::Vector(match binary.op {
                    BinaryOp::Set(op) => matching::set(op, &binary.matching.scope, lhs, rhs),
                    _ => matching::join(binary, lhs, rhs)?,
                })
            }
        })
    }
}

/// 1 or 0 of a comparison with `bool`.
pub(super) fn truth(op: Comparison, a: f64, b: f64) -> f64 {
    f64::from(u8::from(numeric::compare(op, a, b)))
}

fn nameless(labels: &Labels) -> Labels {
    if labels.name().is_empty() {
        return labels.clone();
    }
    labels.only(|name| name != NAME)
}

fn unique(elements: Vec<Element>, construct: &'static str) -> Result<Vec<Element>, QueryError> {
    matching::check_unique(&elements, construct)?;
    Ok(elements)
}

/// A vector with a scalar on either side; `sides` puts a value and the scalar in their places.
fn with_scalar(
    binary: &Binary,
    elements: Vec<Element>,
    sides: impl Fn(f64) -> (f64, f64),
) -> Result<Operand, QueryError> {
    let computed = elements.into_iter().filter_map(|(labels, value)| {
        let (a, b) = sides(value);
        match binary.op {
            BinaryOp::Arithmetic(op) => Some((nameless(&labels), numeric::arithmetic(op, a, b))),
            BinaryOp::Comparison(op) if binary.returns_bool => {
                Some((nameless(&labels), truth(op, a, b)))
            }
            BinaryOp::Comparison(op) => numeric::compare(op, a, b).then_some((labels, value)),
            BinaryOp::Set(_) => None,
        }
    });
    let elements = unique(computed.collect(), binary.op.as_str())?;
    Ok(Operand::Vector(elements))
}

fn aggregate(op: Aggregation, grouping: &LabelScope, elements: Vec<Element>) -> Vec<Element> {
    let mut groups: BTreeMap<Labels, Vec<f64>> = BTreeMap::new();
    for (labels, value) in elements {
        groups.entry(grouping.apply(&labels)).or_default().push(value);
    }
    let groups = groups.into_iter();
    groups
        .filter_map(|(labels, values)| Some((labels, numeric::aggregate(op, values.into_iter())?)))
        .collect()
}

/// The labels that a selector's equality matchers fix; a label named twice is left out, as in Prometheus.
fn absent_labels(arg: &Expr) -> Labels {
    let Expr::Selector(Selector { matchers }) = arg else {
        return Labels::default();
    };
    let (mut fixed, mut seen) = (Vec::new(), BTreeSet::new());
    for matcher in matchers.iter().filter(|m| *m.name != *NAME) {
        let first = seen.insert(&*matcher.name);
        if first && matcher.op == MatcherOp::Equal {
            fixed.push((&*matcher.name, matcher.values.concat()));
        } else {
            fixed.retain(|(name, _)| *name != &*matcher.name);
        }
    }
    Labels::from_pairs(fixed)
}

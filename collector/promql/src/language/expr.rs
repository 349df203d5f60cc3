//! The syntax tree of the subset.

use super::operators::{Aggregation, BinaryOp, Function, RangeFunction};
use collector_domain::Matcher;
use shared_model::{Labels, NAME};
use std::time::Duration;

/// The shortest range that [`Expr::scaled`] produces: two samples of the fastest probes (1 s) must fit.
pub const MIN_SCALED_RANGE: Duration = Duration::from_secs(2);

/// An expression of the subset. Made by [`crate::parse`], so its types fit: a function of a vector is never given a scalar.
#[derive(Clone, PartialEq, Debug)]
pub enum Expr {
    /// A number literal.
    Number(f64),
    /// `time()`: seconds since the epoch of the instant that is evaluated.
    Time,
    /// An instant vector selector.
    Selector(Selector),
    /// A range selector by itself: the raw samples. Only as the whole expression of an instant query.
    Range(Selector, Duration),
    /// A function over the samples of a range.
    Windowed {
        /// The function.
        function: RangeFunction,
        /// Which series.
        selector: Selector,
        /// How far back, at least 1 ms.
        range: Duration,
    },
    /// A function of each value of a vector; the first argument is the vector, any others are scalars.
    Call(Function, Vec<Expr>),
    /// An aggregation over the series of a vector.
    Aggregate {
        /// How values are put together.
        op: Aggregation,
        /// Which labels form the groups.
        grouping: LabelScope,
        /// What is aggregated.
        arg: Box<Expr>,
    },
    /// A binary operation.
    Binary(Box<Binary>),
    /// Unary minus.
    Negate(Box<Expr>),
    /// `absent(v)`: 1 when the vector is empty. History queries only.
    Absent(Box<Expr>),
}

/// Which series are selected: all matchers must hold.
#[derive(Clone, PartialEq, Debug)]
pub struct Selector {
    /// At least one of them does not accept an empty value.
    pub matchers: Vec<Matcher>,
}

/// A binary operation with its matching.
#[derive(Clone, PartialEq, Debug)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// Left operand.
    pub lhs: Expr,
    /// Right operand.
    pub rhs: Expr,
    /// `bool`: a comparison yields 0 or 1 instead of filtering.
    pub returns_bool: bool,
    /// How series of two vectors find each other. Without meaning when an operand is a scalar.
    pub matching: Matching,
}

/// How series of two vectors find each other.
#[derive(Clone, PartialEq, Debug)]
pub struct Matching {
    /// `on` or `ignoring`.
    pub scope: LabelScope,
    /// Which side may have several series for the same labels.
    pub cardinality: Cardinality,
}

/// Which side of a matching may have several series for the same labels.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cardinality {
    /// Neither. Set operators have this one too, and it does not limit them.
    OneToOne,
    /// `group_left`: the left one; the labels are taken over from the right side.
    GroupLeft(Vec<Box<str>>),
    /// `group_right`: the right one; the labels are taken over from the left side.
    GroupRight(Vec<Box<str>>),
}

/// A choice of labels: `by`/`on` name those that stay, `without`/`ignoring` those that go (the metric name always goes).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LabelScope {
    /// `by (…)`, `on (…)`.
    Only(Vec<Box<str>>),
    /// `without (…)`, `ignoring (…)`.
    Except(Vec<Box<str>>),
}

impl LabelScope {
    /// The chosen labels of a series.
    pub fn apply(&self, labels: &Labels) -> Labels {
        labels.only(|name| self.includes(name))
    }

    /// Whether the label is chosen.
    pub fn includes(&self, label: &str) -> bool {
        match self {
            Self::Only(names) => names.iter().any(|n| **n == *label),
            Self::Except(names) => label != NAME && names.iter().all(|n| **n != *label),
        }
    }
}

impl Matching {
    /// Plain matching on all labels.
    pub fn plain() -> Self {
        Self { scope: LabelScope::Except(Vec::new()), cardinality: Cardinality::OneToOne }
    }

    /// Labels of a result: those of the "many" side, cut to the matching labels when it is one-to-one, with the labels
    /// that `group_left`/`group_right` take over from the "one" side.
    pub(crate) fn result_labels(
        &self,
        many: &Labels,
        one: &Labels,
        op: BinaryOp,
        returns_bool: bool,
    ) -> Labels {
        let drops_name = returns_bool || matches!(op, BinaryOp::Arithmetic(_));
        let taken = match &self.cardinality {
            Cardinality::OneToOne => &[],
            Cardinality::GroupLeft(taken) | Cardinality::GroupRight(taken) => taken.as_slice(),
        };
        let one_to_one = self.cardinality == Cardinality::OneToOne;
        let stays = |name: &str| {
            let matched = match &self.scope {
                _ if !one_to_one => true,
                // `ignoring` leaves the name to the operator.
                LabelScope::Except(_) if name == NAME => true,
                scope => scope.includes(name),
            };
            matched && !(drops_name && name == NAME) && taken.iter().all(|t| **t != *name)
        };
        let own = many.iter().filter(|(name, _)| stays(name));
        let taken = taken.iter().map(|name| (&**name, one.get(name).unwrap_or("")));
        Labels::from_pairs(own.chain(taken))
    }
}

impl Expr {
    /// Whether the expression yields one number instead of a vector.
    pub fn is_scalar(&self) -> bool {
        match self {
            Self::Number(_) | Self::Time => true,
            Self::Negate(arg) => arg.is_scalar(),
            Self::Binary(binary) => binary.lhs.is_scalar() && binary.rhs.is_scalar(),
            _ => false,
        }
    }

    /// The same expression with every range divided by `time_scale` (0 counts as 1), rounded down to a millisecond and
    /// not below [`MIN_SCALED_RANGE`]. A range that is shorter than that to begin with stays.
    #[must_use]
    pub fn scaled(&self, time_scale: u32) -> Self {
        let shorter = |range: Duration| {
            let divided = (range / time_scale.max(1)).as_millis();
            let divided = Duration::from_millis(u64::try_from(divided).unwrap_or(u64::MAX));
            divided.max(MIN_SCALED_RANGE).min(range)
        };
        match self {
            Self::Number(_) | Self::Time | Self::Selector(_) => self.clone(),
            Self::Range(selector, range) => Self::Range(selector.clone(), shorter(*range)),
            Self::Windowed { function, selector, range } => Self::Windowed {
                function: *function,
                selector: selector.clone(),
                range: shorter(*range),
            },
            Self::Call(function, args) => {
                Self::Call(*function, args.iter().map(|arg| arg.scaled(time_scale)).collect())
            }
            Self::Aggregate { op, grouping, arg } => Self::Aggregate {
                op: *op,
                grouping: grouping.clone(),
                arg: Box::new(arg.scaled(time_scale)),
            },
            Self::Binary(binary) => Self::Binary(Box::new(Binary {
                lhs: binary.lhs.scaled(time_scale),
                rhs: binary.rhs.scaled(time_scale),
                ..(**binary).clone()
            })),
            Self::Negate(arg) => Self::Negate(Box::new(arg.scaled(time_scale))),
            Self::Absent(arg) => Self::Absent(Box::new(arg.scaled(time_scale))),
        }
    }
}

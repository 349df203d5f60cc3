//! Functions and operators, each with its name in PromQL.

use serde::{Deserialize, Serialize};

/// Declares an enumeration whose variants have a name in PromQL.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// As it is written in PromQL.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            pub(crate) fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }
    };
}

named! {
    /// Functions over the samples of one series in a range. Semantics are those of Prometheus.
    RangeFunction {
        /// Increase per second of a counter, extrapolated to the range.
        Rate = "rate",
        /// Increase of a counter, extrapolated to the range.
        Increase = "increase",
        /// Difference of last and first value of a gauge, extrapolated to the range.
        Delta = "delta",
        /// Increase per second between the last two samples of a counter.
        Irate = "irate",
        /// Difference of the last two samples of a gauge.
        Idelta = "idelta",
        /// How often the value changed.
        Changes = "changes",
        /// How often the value went down.
        Resets = "resets",
        /// Mean.
        AvgOverTime = "avg_over_time",
        /// Smallest value; NaN only when there is nothing else.
        MinOverTime = "min_over_time",
        /// Largest value; NaN only when there is nothing else.
        MaxOverTime = "max_over_time",
        /// Sum.
        SumOverTime = "sum_over_time",
        /// Number of samples.
        CountOverTime = "count_over_time",
        /// Newest value.
        LastOverTime = "last_over_time",
    }
}

named! {
    /// Functions of each value of a vector.
    Function {
        /// Absolute value.
        Abs = "abs",
        /// Next integer above.
        Ceil = "ceil",
        /// Next integer below.
        Floor = "floor",
        /// Nearest multiple of the second argument (1), halves up.
        Round = "round",
        /// At least the second argument.
        ClampMin = "clamp_min",
        /// At most the second argument.
        ClampMax = "clamp_max",
        /// When the sample of a selector was taken, or the evaluated instant for any other vector, in seconds.
        Timestamp = "timestamp",
    }
}

named! {
    /// Aggregations over the series of a vector.
    Aggregation {
        /// Sum.
        Sum = "sum",
        /// Mean.
        Avg = "avg",
        /// Smallest value; NaN only when there is nothing else.
        Min = "min",
        /// Largest value; NaN only when there is nothing else.
        Max = "max",
        /// Number of series.
        Count = "count",
    }
}

named! {
    /// Arithmetic.
    Arithmetic {
        /// Sum.
        Add = "+",
        /// Difference.
        Subtract = "-",
        /// Product.
        Multiply = "*",
        /// Quotient; by IEEE 754, so a division by zero is infinite or NaN.
        Divide = "/",
        /// Remainder with the sign of the dividend.
        Modulo = "%",
        /// Power.
        Power = "^",
    }
}

named! {
    /// Comparisons.
    Comparison {
        /// Equal.
        Equal = "==",
        /// Not equal.
        NotEqual = "!=",
        /// Greater.
        Greater = ">",
        /// Less.
        Less = "<",
        /// Greater or equal.
        GreaterOrEqual = ">=",
        /// Less or equal.
        LessOrEqual = "<=",
    }
}

named! {
    /// Set operators of two vectors.
    SetOperation {
        /// Left series that have a partner on the right.
        And = "and",
        /// Left series, and right ones without a partner on the left.
        Or = "or",
        /// Left series without a partner on the right.
        Unless = "unless",
    }
}

/// A binary operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BinaryOp {
    /// Arithmetic.
    Arithmetic(Arithmetic),
    /// A comparison.
    Comparison(Comparison),
    /// A set operator.
    Set(SetOperation),
}

impl BinaryOp {
    /// As it is written in PromQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Arithmetic(op) => op.as_str(),
            Self::Comparison(op) => op.as_str(),
            Self::Set(op) => op.as_str(),
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let arithmetic = Arithmetic::from_name(name).map(Self::Arithmetic);
        let comparison = || Comparison::from_name(name).map(Self::Comparison);
        let set = || SetOperation::from_name(name).map(Self::Set);
        arithmetic.or_else(comparison).or_else(set)
    }

    /// Higher binds tighter (Prometheus' `generated_parser.y`).
    pub(crate) const fn precedence(self) -> u8 {
        match self {
            Self::Set(SetOperation::Or) => 1,
            Self::Set(_) => 2,
            Self::Comparison(_) => 3,
            Self::Arithmetic(Arithmetic::Add | Arithmetic::Subtract) => 4,
            Self::Arithmetic(Arithmetic::Power) => 6,
            Self::Arithmetic(_) => 5,
        }
    }
}

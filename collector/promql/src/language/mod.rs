//! The language: syntax tree, parser, printer and what can be said of an expression without data.

mod analysis;
mod display;
mod expr;
mod operators;
mod parse;
mod pattern;

pub use analysis::{keeps_label, required_matchers};
pub use expr::{Binary, Cardinality, Expr, LabelScope, MIN_SCALED_RANGE, Matching, Selector};
pub use operators::{
    Aggregation, Arithmetic, BinaryOp, Comparison, Function, RangeFunction, SetOperation,
};
pub use parse::parse;

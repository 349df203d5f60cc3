//! The query engine: a documented subset of PromQL, evaluated in two ways.
//!
//! * [`instant`] and [`range`] answer questions over history (the HTTP API, reports).
//! * [`bind`] resolves labels once and yields scalar [`Program`]s over input [`Slot`]s; [`Windows`] keeps their sliding
//!   state. Rules are judged on arrival with these.
//!
//! Both agree on every expression of the subset (`tests/compiled_equals_general.rs`). Everything here is pure: samples are
//! handed in, no I/O, no clock. Ranges and lookbacks are open on the left, `(at - range, at]`, as in Prometheus 3.

mod compiled;
mod engine;
mod error;
mod language;
mod numeric;

pub use compiled::{
    BoundSeries, MAX_RANGE, MAX_WINDOW_SAMPLES, MIN_SPACING, Need, Program, Pushed, Requirement,
    Slot, SlotReader, Windows, bind,
};
pub use engine::{DEFAULT_LOOKBACK, Limits, Lookback, Value, instant, range};
pub use error::QueryError;
pub use language::{
    Aggregation, Arithmetic, Binary, BinaryOp, Cardinality, Comparison, Expr, Function, LabelScope,
    MIN_SCALED_RANGE, Matching, RangeFunction, Selector, SetOperation, keeps_label, parse,
    required_matchers,
};

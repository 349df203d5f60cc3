//! Arithmetic that both engines share, so that they cannot differ in it.

mod exact_sum;
mod over_time;
mod scalar;

pub(crate) use exact_sum::ExactSum;
pub(crate) use over_time::{Slope, changed, extrapolated, instantaneous, over_time};
pub(crate) use scalar::{aggregate, arithmetic, call, compare, greater, less};

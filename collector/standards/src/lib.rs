//! The standards: rules as data, and their evaluation.
//!
//! A [`Pack`] is the contract's rules, read from YAML and checked as a whole. An [`Evaluator`] judges rows of samples by
//! a pack when they arrive and yields a [`collector_domain::Finding`] whenever a rule changes its condition on a
//! subject. A [`Scenario`] is a test of a rule, written as data beside it.
//!
//! Everything here is pure: the same inputs in the same order give the same findings. Time is passed in.

mod evaluator;
mod export;
mod machine;
mod pack;
mod scenario;

pub use evaluator::{Evaluator, Problem, Snapshot};
pub use pack::{
    InvalidLimit, InvalidSpan, Limit, NoData, Pack, PackFile, Standard, Wrong, WrongPack,
};
pub use scenario::{Kind, Mismatch, Scenario};

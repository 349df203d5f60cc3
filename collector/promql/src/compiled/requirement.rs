//! What programs read: slots, and the state that must be kept for them.

use crate::language::RangeFunction;
use serde::{Deserialize, Serialize};
use shared_model::Timestamp;
use std::time::Duration;

/// The evaluator's number for an input series, dense from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slot(pub u32);

/// One thing that must be kept for a slot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Requirement {
    /// Of which input.
    pub slot: Slot,
    /// What.
    pub need: Need,
}

/// What must be kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Need {
    /// The newest sample.
    Last,
    /// A function over a sliding window.
    Window {
        /// The function.
        function: RangeFunction,
        /// Length of the window.
        range: Duration,
    },
}

/// Where a program reads its inputs. [`super::Windows`] is the product's.
pub trait SlotReader {
    /// The newest sample, if it is not after `at` and fresh then.
    fn last(&self, slot: Slot, at: Timestamp) -> Option<(Timestamp, f64)>;

    /// A function over the samples in `(at - range, at]`; none when there are too few, or when samples after `at` are known.
    fn window(
        &self,
        slot: Slot,
        function: RangeFunction,
        range: Duration,
        at: Timestamp,
    ) -> Option<f64>;

    /// Whether the slot has a fresh value.
    fn is_fresh(&self, slot: Slot, at: Timestamp) -> bool {
        self.last(slot, at).is_some()
    }
}

//! The compiled form: labels resolved once, then scalar programs over the sliding state of their inputs.

mod bind;
mod fanout;
mod program;
mod requirement;
mod state;
mod window;
mod windows;

pub use bind::{BoundSeries, bind};
pub use program::Program;
pub use requirement::{Need, Requirement, Slot, SlotReader};
pub use window::{MAX_RANGE, MAX_WINDOW_SAMPLES};
pub use windows::{MIN_SPACING, Pushed, Windows};

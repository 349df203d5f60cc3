//! The sliding state of all inputs of an evaluator.

use super::requirement::{Need, Requirement, Slot, SlotReader};
use super::window::Window;
use crate::language::RangeFunction;
use serde::{Deserialize, Serialize};
use shared_model::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Windows take no sample nearer than this to the last one they took, so that their size is bounded. The newest value is the
/// newest all the same: what a source tells at once is judged at once.
pub const MIN_SPACING: Duration = Duration::from_millis(200);

/// A value is fresh for at least this long, whatever the spacing (design: other nodes' values count for 5 s).
const MIN_FRESHNESS_US: i64 = 5_000_000;

/// The longest spacing that is believed: that of the slowest probes.
const MAX_SPACING_US: i64 = 900_000_000;

/// Per-slot state: the newest sample, the observed spacing, and the windows that were asked for.
///
/// Serialise it in a format that keeps every `f64` (NaN among them): what is read back goes on bit for bit. The slots are the
/// caller's numbers, so the caller keeps its table of labels beside it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Windows {
    slots: Vec<State>,
}

/// What became of a sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a refused sample is not to be judged"]
pub enum Pushed {
    /// It is the newest one now.
    Kept,
    /// It is the newest one now, but less than [`MIN_SPACING`] after the last one that the windows took.
    Dense,
    /// Refused: not after the newest one.
    OutOfOrder,
    /// Nothing is required of this slot.
    Unknown,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    newest: Option<(Timestamp, f64)>,
    /// Smoothed gap between samples.
    spacing_us: Option<i64>,
    /// How old the newest sample may get.
    freshness_us: i64,
    needs_last: bool,
    windows: Vec<Window>,
    /// When the newest sample in the windows was taken.
    #[serde(default)]
    windowed: Option<Timestamp>,
}

impl Windows {
    /// State for these requirements, without samples. Slots should be dense: the highest one decides the size.
    pub fn new(requirements: impl IntoIterator<Item = Requirement>) -> Self {
        let mut windows = Self::default();
        for requirement in requirements {
            windows.require(requirement);
        }
        windows
    }

    /// Adds a requirement. A new window starts empty; one that is already there is left alone.
    pub fn require(&mut self, requirement: Requirement) {
        let index = requirement.slot.0 as usize;
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, State::default);
        }
        let state = &mut self.slots[index];
        match requirement.need {
            Need::Last => state.needs_last = true,
            Need::Window { function, range } => {
                if state.windows.iter().all(|w| w.key() != (function, range)) {
                    state.windows.push(Window::new(function, range));
                }
            }
        }
    }

    /// Makes these the requirements; what was required before and still is keeps its samples.
    pub fn rebind(&mut self, requirements: impl IntoIterator<Item = Requirement>) {
        let mut wanted: BTreeMap<Slot, BTreeSet<Need>> = BTreeMap::new();
        for Requirement { slot, need } in requirements {
            wanted.entry(slot).or_default().insert(need);
        }
        for (slot, state) in (0..).map(Slot).zip(&mut self.slots) {
            let Some(needs) = wanted.get(&slot) else {
                *state = State::default();
                continue;
            };
            state.needs_last = needs.contains(&Need::Last);
            state.windows.retain(|window| {
                let (function, range) = window.key();
                needs.contains(&Need::Window { function, range })
            });
        }
        for (slot, needs) in wanted {
            for need in needs {
                self.require(Requirement { slot, need });
            }
        }
    }

    /// Drops the samples of a slot: its clock was set back, or its number is given to another series.
    pub fn forget(&mut self, slot: Slot) {
        if let Some(state) = self.slots.get_mut(slot.0 as usize) {
            (state.newest, state.windowed) = (None, None);
            state.spacing_us = None;
            state.freshness_us = MIN_FRESHNESS_US;
            state.windows.iter_mut().for_each(Window::clear);
        }
    }

    /// Takes in the next sample of a slot.
    pub fn push(&mut self, slot: Slot, at: Timestamp, value: f64) -> Pushed {
        let Some(state) = self.slots.get_mut(slot.0 as usize) else {
            return Pushed::Unknown;
        };
        if !state.needs_last && state.windows.is_empty() {
            return Pushed::Unknown;
        }
        if state.newest.is_some_and(|(newest, _)| at <= newest) {
            return Pushed::OutOfOrder;
        }
        state.newest = Some((at, value));
        if let Some(gap) = state.windowed.map(|windowed| at.since(windowed)) {
            if gap < MIN_SPACING {
                return Pushed::Dense;
            }
            state.observe_gap(i64::try_from(gap.as_micros()).unwrap_or(i64::MAX));
        }
        state.windowed = Some(at);
        for window in &mut state.windows {
            window.push((at.as_micros(), value));
        }
        Pushed::Kept
    }

    /// How old the newest value of a slot may get (exclusive): `max(5 s, 2.5 x spacing)`.
    pub fn freshness(&self, slot: Slot) -> Duration {
        let state = self.slots.get(slot.0 as usize);
        let micros = state.map_or(MIN_FRESHNESS_US, |state| state.freshness_us);
        Duration::from_micros(micros.unsigned_abs())
    }

    /// Says how far apart a slot's samples will be, until two of them have shown it.
    pub fn expect_spacing(&mut self, slot: Slot, spacing: Duration) {
        if let Some(state) = self.slots.get_mut(slot.0 as usize)
            && state.spacing_us.is_none()
        {
            state.set_spacing(i64::try_from(spacing.as_micros()).unwrap_or(i64::MAX));
        }
    }

    fn state(&self, slot: Slot, at: Timestamp) -> Option<&State> {
        let state = self.slots.get(slot.0 as usize)?;
        let (newest, _) = state.newest?;
        (newest <= at).then_some(state)
    }
}

impl SlotReader for Windows {
    fn last(&self, slot: Slot, at: Timestamp) -> Option<(Timestamp, f64)> {
        let state = self.state(slot, at)?;
        let fresh = |taken: Timestamp| {
            at.as_micros().saturating_sub(taken.as_micros()) < state.freshness_us
        };
        state.newest.filter(|(taken, _)| fresh(*taken))
    }

    fn window(
        &self,
        slot: Slot,
        function: RangeFunction,
        range: Duration,
        at: Timestamp,
    ) -> Option<f64> {
        let mut windows = self.state(slot, at)?.windows.iter();
        let window = windows.find(|window| window.key() == (function, range))?;
        window.read(at.as_micros())
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            newest: None,
            spacing_us: None,
            freshness_us: MIN_FRESHNESS_US,
            needs_last: false,
            windows: Vec::new(),
            windowed: None,
        }
    }
}

impl State {
    /// A quarter of each gap goes into the spacing. One gap counts at most eightfold, so an outage of an hour does not
    /// make a value of a second ago count for hours, while a new interval of a minute is learnt within five samples.
    fn observe_gap(&mut self, gap_us: i64) {
        let spacing = match self.spacing_us {
            None => gap_us,
            Some(spacing) => spacing + (gap_us.min(spacing.saturating_mul(8)) - spacing) / 4,
        };
        self.set_spacing(spacing);
    }

    fn set_spacing(&mut self, spacing_us: i64) {
        let spacing_us = spacing_us.clamp(1, MAX_SPACING_US);
        self.spacing_us = Some(spacing_us);
        self.freshness_us = (spacing_us * 5 / 2).max(MIN_FRESHNESS_US);
    }
}

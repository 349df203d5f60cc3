//! The contract's figures (§四 验收标准) over a period, each with what it is made of.

use crate::{ChangeId, IncidentId};
use serde::{Deserialize, Serialize};
use shared_model::Timestamp;
use std::time::Duration;

/// From when until when, the end not included. Incidents belong to the period in which their clock started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Period {
    /// First instant.
    pub from: Timestamp,
    /// First instant after it.
    pub to: Timestamp,
}

/// All figures of a period.
#[derive(Clone, PartialEq, Debug)]
pub struct Figures {
    /// The period that was asked for.
    pub period: Period,
    /// Version of the contract profile that they were computed with.
    pub contract: String,
    /// The profile's time scale; figures of another than 1 prove nothing.
    pub time_scale: u32,
    /// 故障响应率 (M-152): answered in time, of all.
    pub response: Ratio,
    /// Of the same, how many were answered at all.
    pub answered: Ratio,
    /// 一级故障解决率 (M-153).
    pub level_1: Ratio,
    /// 二级及以上故障解决率 (M-154), read as levels 1 and 2; as 2 and 3; as 2, 3 and 4.
    pub level_2_up: [Ratio; 3],
    /// Resolved at all, of all.
    pub resolved: Ratio,
    /// 现场响应 (M-061): on site in time, of those that asked for it.
    pub onsite: Ratio,
    /// 年宕机时间 (M-156), by database service.
    pub downtime: Vec<Downtime>,
    /// Not in any of the above: cancelled with the hospital's consent.
    pub cancelled: Vec<IncidentId>,
    /// Not in any of the above: merged into another with the hospital's consent.
    pub merged: Vec<IncidentId>,
    /// Found in data that arrived late; they are in the figures and listed here.
    pub late: Vec<IncidentId>,
    /// Disputes that are open; the figures may change with their outcome.
    pub disputed: Vec<IncidentId>,
}

/// A share of incidents.
#[derive(Clone, PartialEq, Debug)]
pub struct Ratio {
    /// How many were in time.
    pub met: u64,
    /// Those that were not.
    pub missed: Vec<IncidentId>,
    /// Those whose clock still runs, or which turned out not to need it; they are not counted.
    pub excluded: Vec<(IncidentId, &'static str)>,
    /// What the contract asks for, 0 to 1.
    pub required: f64,
}

/// Downtime of one database service.
#[derive(Clone, PartialEq, Debug)]
pub struct Downtime {
    /// The service.
    pub service: String,
    /// What was observed of the period: from its first observation, or the period's begin, to now or the period's end.
    pub observed: Period,
    /// Whether it was observed from the period's begin on; otherwise it was enrolled later, and says so.
    pub from_begin: bool,
    /// Down, without what was planned: D.
    pub down: Duration,
    /// Down within windows that are deducted.
    pub planned: Duration,
    /// Length of the windows that are deducted: P.
    pub windows: Duration,
    /// Nobody can say, without what was planned: U.
    pub unknown: Duration,
    /// The longest downtime that the contract allows.
    pub allowed: Duration,
    /// Windows that are deducted.
    pub deducted: Vec<ChangeId>,
    /// Windows within the period that are not, with the reason.
    pub not_deducted: Vec<(ChangeId, &'static str)>,
}

impl Ratio {
    /// How many are counted.
    pub fn counted(&self) -> u64 {
        self.met + self.missed.len() as u64
    }

    /// The share; `None` without anything to count.
    pub fn value(&self) -> Option<f64> {
        let counted = self.counted();
        (counted > 0).then(|| self.met as f64 / counted as f64)
    }

    /// Whether the contract is kept; without anything to count it is (T15).
    pub fn is_met(&self) -> bool {
        self.value().is_none_or(|value| value >= self.required)
    }

    /// Whether one more miss would break it.
    pub fn one_more_fails(&self) -> bool {
        let counted = self.counted() + 1;
        self.is_met() && (self.met as f64) / (counted as f64) < self.required
    }
}

impl Downtime {
    /// What acceptance counts: D + U.
    pub fn worst(&self) -> Duration {
        self.down + self.unknown
    }

    /// Availability 1 − D / (T − P), 0 to 1; `None` when nothing but planned windows was observed.
    pub fn availability(&self) -> Option<f64> {
        let time = self.observed.to.since(self.observed.from).saturating_sub(self.windows);
        (!time.is_zero())
            .then(|| (1.0 - self.down.as_secs_f64() / time.as_secs_f64()).clamp(0.0, 1.0))
    }

    /// Whether the contract is kept, unknown time counted as down.
    pub fn is_met(&self) -> bool {
        self.worst() <= self.allowed
    }
}

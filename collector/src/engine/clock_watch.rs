//! What the clocks show, once a second, as observations: steps of the collector's own clock, and how far each node's is off.

use super::fold::Fold;
use super::observed::{Observation, ObservedRecord};
use super::record::Record;
use super::steady::Stamp;
use shared_model::{BootTime, NodeIdentity};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// By how much a clock was set; 0 when it was not.
pub(crate) const STEP: &str = "wardround_clock_step_seconds";
/// The collector's clock minus the node's.
pub(crate) const OFFSET: &str = "wardround_clock_offset_seconds";

/// A step or offset up to this is nobody's business (design: "a clock step over 2 s").
const LIMIT_US: i64 = 2_000_000;
/// A clock may be slewed by this share of the time between two readings, the most the kernel does.
const SLEW_SHARE: u32 = 2_000;
/// Everything is observed this often, so that values stay fresh and windows move on. A thousand nodes are 4 KiB/s then.
const ALL_EVERY: Duration = Duration::from_secs(60);
/// Nodes whose clock is off are observed this often, so that the end of it is known soon.
const OFF_EVERY: Duration = Duration::from_secs(10);

/// Compares each reading of the clocks with the one before.
pub(crate) struct ClockWatch {
    /// Hospital and appliance of the collector.
    of: (String, String),
    last: Option<Stamp>,
    all: Option<BootTime>,
    off: Option<BootTime>,
    /// Nodes that were off when they were observed last.
    were_off: BTreeSet<NodeIdentity>,
}

impl ClockWatch {
    /// `last` is the newest reading of this boot that is in the journal: a step while the collector was down is one too.
    pub(crate) fn new(of: (&str, &str), last: Option<Stamp>) -> Self {
        let of = (of.0.to_owned(), of.1.to_owned());
        Self { of, last, all: None, off: None, were_off: BTreeSet::new() }
    }

    /// What there is to observe now, if anything. `fold` has folded everything before this reading.
    pub(crate) fn observe(&mut self, stamp: Stamp, fold: &Fold) -> Option<Record> {
        let step_us = self.last.replace(stamp).map_or(0, |last| step_us(last, stamp));
        let due =
            |since: Option<BootTime>, every| since.is_none_or(|s| stamp.boot.since(s) >= every);
        let all = due(self.all, ALL_EVERY);
        let off = all || due(self.off, OFF_EVERY);
        let mut samples = Vec::new();
        if step_us != 0 || all {
            samples.push(self.of_collector(step_us));
        }
        if off {
            self.off = Some(stamp.boot);
            self.nodes(stamp, fold, all, &mut samples);
        }
        if all {
            self.all = Some(stamp.boot);
        }
        let record = ObservedRecord::new(stamp, samples);
        (!record.samples.is_empty()).then_some(Record::Observed(record))
    }

    fn of_collector(&self, step_us: i64) -> Observation {
        if step_us != 0 {
            tracing::warn!(
                seconds = seconds(step_us),
                "the collector's clock was set; deadlines go on by the time since boot"
            );
        }
        Observation::of_collector(STEP, (&self.of.0, &self.of.1), seconds(step_us))
    }

    fn nodes(&mut self, stamp: Stamp, fold: &Fold, all: bool, out: &mut Vec<Observation>) {
        let ahead_us = fold.steady.ahead_us(stamp);
        let open = fold.streams.values().filter(|s| s.open).map(|s| (&s.node, s.clock_offset_us));
        let open: BTreeMap<&NodeIdentity, i64> = open.collect();
        let before = std::mem::take(&mut self.were_off);
        for (node, offset_us) in open {
            let offset_us = off_us(offset_us, ahead_us);
            let is_off = offset_us.saturating_abs() > LIMIT_US;
            if all || is_off || before.contains(node) {
                out.push(Observation::of_node(OFFSET, node, seconds(offset_us)));
            }
            let step = Observation::of_node(STEP, node, 0.0);
            if all && fold.observed.contains_key(&step.labels) {
                out.push(step);
            }
            if is_off {
                self.were_off.insert(node.clone());
            }
        }
    }
}

/// How far a node's clock is off: from the collector's wall clock or from its steady time, whichever is nearer. After the
/// collector's own clock was set it is off from one of them, and that is not the node's fault.
fn off_us(from_wall_us: i64, ahead_us: i64) -> i64 {
    let from_steady_us = from_wall_us.saturating_add(ahead_us);
    if from_steady_us.saturating_abs() < from_wall_us.saturating_abs() {
        from_steady_us
    } else {
        from_wall_us
    }
}

/// By how much the wall clock was set between two readings of one boot; 0 when that is within [`LIMIT_US`].
fn step_us(before: Stamp, now: Stamp) -> i64 {
    let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    let elapsed = now.boot.since(before.boot);
    let by_wall = now.wall.as_micros().saturating_sub(before.wall.as_micros());
    let step = by_wall.saturating_sub(micros(elapsed));
    let limit = LIMIT_US.saturating_add(micros(elapsed / SLEW_SHARE));
    if step.saturating_abs() > limit { step } else { 0 }
}

pub(super) fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared_model::Timestamp;

    fn stamp(wall_ms: i64, boot_ms: u64) -> Stamp {
        Stamp {
            wall: Timestamp::from_millis(wall_ms),
            boot: BootTime::from_micros(boot_ms * 1_000),
        }
    }

    /// Scenario: two readings, a second or a day apart, with the wall clock just within and just beyond what is nobody's
    /// business. Guarantees: only what is beyond is a step, with its sign and size; slewing for a day is none.
    #[test]
    fn only_steps_over_two_seconds_count() {
        for (wall_ms, boot_ms, step_ms) in [
            (1_000, 1_000, 0),
            (3_000, 1_000, 0),
            (3_002, 1_000, 2_002),
            (-1_000, 1_000, 0),
            (-1_002, 1_000, -2_002),
            (3_601_000, 1_000, 3_600_000),
            (-3_599_000, 1_000, -3_600_000),
            (86_440_000, 86_400_000, 0),
            (86_446_000, 86_400_000, 46_000),
        ] {
            let step = step_us(stamp(0, 0), stamp(wall_ms, boot_ms));
            assert_eq!(step, step_ms * 1_000, "{wall_ms} {boot_ms}");
        }
    }

    /// Scenario: a node and a collector, one of which is an hour wrong, before and after the collector's clock was set.
    /// Guarantees: only the node that is off from both of the collector's times is called off.
    #[test]
    fn the_collectors_own_step_is_not_the_nodes() {
        let hour = 3_600_000_000;
        for (from_wall, ahead, off) in
            [(0, 0, 0), (hour, 0, hour), (hour, -hour, 0), (0, -hour, 0), (2 * hour, -hour, hour)]
        {
            assert_eq!(off_us(from_wall, ahead), off, "{from_wall} {ahead}");
        }
    }
}

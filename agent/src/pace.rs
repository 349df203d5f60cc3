//! When a probe is due: ticks lie on whole multiples of its interval since the Unix epoch, so that all nodes read at the
//! same instants.
//!
//! Ticks are chosen by the wall clock but waited for and measured by time since boot: a stepped wall clock neither
//! stalls a probe nor looks like a lag.

use shared_model::{BootTime, Timestamp};
use std::time::Duration;

/// The first round comes no later than this after the start.
const FIRST_WITHIN: Duration = Duration::from_secs(1);

/// The ticks of one probe.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Pace {
    interval: Duration,
    tick: Timestamp,
    due: BootTime,
}

impl Pace {
    /// The first tick is the next whole second, however long the interval, so that a restarted agent has read everything
    /// within a second. `interval` is at least 1 ms.
    pub(crate) fn new(interval: Duration, wall: Timestamp, boot: BootTime) -> Self {
        let mut pace = Self { interval, tick: wall, due: boot };
        pace.aim(interval.min(FIRST_WITHIN), wall, boot);
        pace
    }

    /// When the next round is due.
    pub(crate) fn due(&self) -> BootTime {
        self.due
    }

    /// How much later than due `boot` is.
    pub(crate) fn lag(&self, boot: BootTime) -> Duration {
        boot.since(self.due)
    }

    /// Ends the round that was due and aims at the next tick. Returns how many ticks passed by meanwhile.
    pub(crate) fn next(&mut self, wall: Timestamp, boot: BootTime) -> u64 {
        let missed = boot.since(self.due).as_micros() / self.interval.as_micros().max(1);
        // A clock that is slewed can be a moment short of the tick whose round has just ended: it is not due again.
        let early = self.tick.since(wall);
        let from = if early < self.interval / 2 { wall.max(self.tick) } else { wall };
        self.aim(self.interval, from, boot);
        if let Ok(ahead) = i64::try_from(from.since(wall).as_micros()) {
            self.due = self.due.plus(Duration::from_micros(ahead.unsigned_abs()));
        }
        u64::try_from(missed).unwrap_or(u64::MAX)
    }

    fn aim(&mut self, step: Duration, from: Timestamp, boot: BootTime) {
        let step = i64::try_from(step.as_micros()).unwrap_or(i64::MAX).max(1);
        let into = from.as_micros().rem_euclid(step);
        let left = Duration::from_micros(step.abs_diff(into));
        self.tick = from.plus(left);
        self.due = boot.plus(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn wall(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn boot(ms: u64) -> BootTime {
        BootTime::from_micros(ms * 1_000)
    }

    /// Scenario: starts at, just after and well after a whole second. Guarantees: the first tick is the next multiple of
    /// the interval or the next whole second, never the present instant.
    #[test]
    fn ticks_are_aligned() {
        for (interval_ms, wall_ms, wait_ms) in [
            (1_000, 5_000, 1_000),
            (1_000, 5_001, 999),
            (1_000, 5_999, 1),
            (15_000, 31_000, 1_000),
            (15_000, 31_400, 600),
            (500, 700, 300),
        ] {
            let pace = Pace::new(Duration::from_millis(interval_ms), wall(wall_ms), boot(70));
            assert_eq!(pace.due(), boot(70 + wait_ms), "{interval_ms} {wall_ms}");
        }
    }

    /// Scenario: a long interval begun between two of its ticks. Guarantees: the second round lies on a multiple of it.
    #[test]
    fn the_second_round_is_aligned() {
        let mut pace = Pace::new(Duration::from_secs(15), wall(31_400), boot(0));
        assert_eq!(pace.next(wall(32_010), boot(610)), 0);
        assert_eq!(pace.due(), boot(13_600));
    }

    /// Scenario: rounds that end before, at and beyond the next tick. Guarantees: ticks that passed by are counted, none
    /// is made up for.
    #[test]
    fn overruns_are_counted() {
        for (ended_ms, missed, next_due_ms) in
            [(1_002, 0, 2_000), (1_999, 0, 2_000), (2_000, 1, 3_000), (4_500, 3, 5_000)]
        {
            let mut pace = Pace::new(SECOND, wall(0), boot(0));
            assert_eq!(
                pace.next(wall(ended_ms), boot(ended_ms.unsigned_abs())),
                missed,
                "{ended_ms}"
            );
            assert_eq!(pace.due(), boot(next_due_ms), "{ended_ms}");
        }
    }

    /// Scenario: the wall clock is stepped an hour forth, an hour back, and slewed a millisecond back during a round.
    /// Guarantees: no overrun is made up, the next round comes within an interval, and no tick is read twice.
    #[test]
    fn wall_steps_do_not_disturb() {
        for (wall_ms, due_ms) in
            [(3_601_010, 2_000), (-3_598_990, 2_000), (1_009, 2_001), (999, 2_011)]
        {
            let mut pace = Pace::new(SECOND, wall(0), boot(0));
            assert_eq!(pace.next(wall(wall_ms), boot(1_010)), 0, "{wall_ms}");
            assert_eq!(pace.due(), boot(due_ms), "{wall_ms}");
        }
    }

    /// Scenario: a round that begins late. Guarantees: the lag is measured since the tick.
    #[test]
    fn lag_is_measured_from_the_tick() {
        let pace = Pace::new(SECOND, wall(0), boot(0));
        assert_eq!(pace.lag(boot(1_250)), Duration::from_millis(250));
        assert_eq!(pace.lag(boot(900)), Duration::ZERO);
    }
}

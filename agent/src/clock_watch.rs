//! Notices when somebody sets the node's wall clock, by holding it against the time since boot. Pure but for the clock it
//! is given.

use shared_model::{BootTime, Clock, Event, EventContent, Timestamp};
use std::time::Duration;

/// Steps up to this are left to the collector's estimate of the offset: the kernel slews by at most 0.5 ms a second
/// (`MAXFREQ`), so what is more within one round was set by somebody.
const STEP_US: u64 = 500_000;

/// Two readings of the boot clock around one of the wall clock that are further apart than this say nothing: the thread
/// was held up between them.
const TOGETHER: Duration = Duration::from_millis(100);

/// Readings that are tried before a look is given up; the next round looks again.
const TRIES: u32 = 3;

/// The clocks as they were seen last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClockWatch {
    last: Option<(Timestamp, BootTime)>,
}

impl ClockWatch {
    /// Reads the clocks; an event when the wall clock was set since the last look.
    pub(crate) fn look(&mut self, clock: &dyn Clock) -> Option<Event> {
        let (at, boot) = (0..TRIES).find_map(|_| together(clock))?;
        let step_us = self.last.replace((at, boot)).map_or(0, |(wall, earlier)| {
            let by_wall = at.as_micros().saturating_sub(wall.as_micros());
            let by_boot = boot.since(earlier).as_micros();
            by_wall.saturating_sub(i64::try_from(by_boot).unwrap_or(i64::MAX))
        });
        if step_us.unsigned_abs() <= STEP_US {
            return None;
        }
        tracing::warn!(step_us, "the wall clock was set");
        Some(Event { at, boot, key: "".into(), content: EventContent::ClockStep { step_us } })
    }
}

/// Both clocks at the same moment.
fn together(clock: &dyn Clock) -> Option<(Timestamp, BootTime)> {
    let before = clock.boot();
    let wall = clock.wall();
    let boot = clock.boot();
    (boot.since(before) <= TOGETHER).then_some((wall, boot))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::sync::Mutex;

    /// A clock whose two times are set apart, and which may be held up between two readings.
    struct Apart(Mutex<Cell<(i64, u64, u64)>>);

    impl Apart {
        fn set(&self, wall_ms: i64, boot_ms: u64, held_up_ms: u64) {
            self.0.lock().unwrap().set((wall_ms, boot_ms, held_up_ms));
        }
    }

    impl Clock for Apart {
        fn wall(&self) -> Timestamp {
            Timestamp::from_millis(self.0.lock().unwrap().get().0)
        }

        fn boot(&self) -> BootTime {
            let cell = self.0.lock().unwrap();
            let (wall, boot, held_up) = cell.get();
            cell.set((wall, boot + held_up, held_up));
            BootTime::from_micros(boot * 1_000)
        }
    }

    /// Scenario: a second passes by the boot clock while the wall clock is set by just less, exactly and just more than
    /// half a second, either way, and by an hour; at last it goes on undisturbed.
    /// Guarantees: only a step above half a second is an event, with its sign; it is told once.
    #[test]
    fn only_steps_are_told() {
        for (step_ms, told) in [
            (0, false),
            (499, false),
            (500, false),
            (501, true),
            (-500, false),
            (-501, true),
            (3_600_000, true),
            (-3_600_000, true),
        ] {
            let clock = Apart(Mutex::default());
            let mut watch = ClockWatch::default();
            clock.set(10_000_000, 5_000, 0);
            assert_eq!(watch.look(&clock), None, "the first look has nothing to compare");
            clock.set(10_001_000 + step_ms, 6_000, 0);
            let expected = told.then(|| Event {
                at: Timestamp::from_millis(10_001_000 + step_ms),
                boot: BootTime::from_micros(6_000_000),
                key: "".into(),
                content: EventContent::ClockStep { step_us: step_ms * 1_000 },
            });
            assert_eq!(watch.look(&clock), expected, "{step_ms}");
            clock.set(10_002_000 + step_ms, 7_000, 0);
            assert_eq!(watch.look(&clock), None, "{step_ms}");
        }
    }

    /// Scenario: the thread is held up between reading the one clock and the other. Guarantees: that is no step; the next
    /// undisturbed look compares with the last undisturbed one.
    #[test]
    fn a_thread_held_up_is_no_step() {
        let clock = Apart(Mutex::default());
        let mut watch = ClockWatch::default();
        clock.set(10_000, 5_000, 0);
        assert_eq!(watch.look(&clock), None);
        clock.set(11_000, 6_000, 700);
        assert_eq!(watch.look(&clock), None);
        clock.set(14_000, 9_000, 0);
        assert_eq!(watch.look(&clock), None);
        clock.set(16_000, 10_000, 0);
        assert!(watch.look(&clock).is_some());
    }
}

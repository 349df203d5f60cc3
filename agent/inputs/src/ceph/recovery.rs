//! When recovery will be done, by how fast it went.

use shared_model::BootTime;
use std::collections::VecDeque;
use std::time::Duration;

/// How far back is looked: long enough to even out the bursts in which Ceph recovers, short enough to follow a change.
const WINDOW: Duration = Duration::from_secs(300);
/// Most readings that are kept.
const MAX_READINGS: usize = 64;
/// Shorter than this nothing can be said.
const SHORTEST: Duration = Duration::from_secs(5);

/// How many object copies were left to be made, over the last minutes.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    readings: VecDeque<(BootTime, f64)>,
}

impl Recovery {
    /// Notes how many copies are left. Returns how many seconds that takes at the pace of the last minutes, 0 when nothing is
    /// left; `None` while it cannot be told: too early, or no less is left than before.
    pub(super) fn note(&mut self, now: BootTime, left: f64) -> Option<f64> {
        // More to do than before is a new loss: the pace until then says nothing about it.
        if self.readings.back().is_some_and(|(_, before)| left > *before) {
            self.readings.clear();
        }
        while self.readings.len() >= MAX_READINGS
            || self.readings.front().is_some_and(|(at, _)| now.since(*at) > WINDOW)
        {
            self.readings.pop_front();
        }
        self.readings.push_back((now, left));
        if left <= 0.0 {
            return Some(0.0);
        }
        let (since, first) = self.readings.front().copied()?;
        let span = now.since(since);
        let per_second = (first - left) / span.as_secs_f64();
        (span >= SHORTEST && per_second > 0.0).then(|| left / per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: recovery that begins, goes on evenly, stalls, loses more, and ends. Guarantees: an estimate only from a pace that
    /// was seen; none is ever 0 but the end's.
    #[test]
    fn the_pace_decides() {
        let mut recovery = Recovery::default();
        let mut note =
            |secs: u64, left: f64| recovery.note(BootTime::from_micros(secs * 1_000_000), left);
        assert_eq!(note(0, 1_000.0), None, "one reading has no pace");
        assert_eq!(note(10, 1_000.0), None, "nothing done");
        assert_eq!(note(20, 800.0), Some(80.0), "200 in 20 s");
        assert_eq!(note(30, 1_500.0), None, "more was lost");
        assert_eq!(note(40, 1_400.0), Some(140.0));
        assert_eq!(note(340, 1_400.0), None, "nothing done for five minutes");
        assert_eq!(note(350, 0.0), Some(0.0));
    }

    /// Scenario: readings once a second for an hour. Guarantees: as many are kept as are allowed.
    #[test]
    fn readings_are_bounded() {
        let mut recovery = Recovery::default();
        for secs in 0..3_600 {
            recovery.note(BootTime::from_micros(secs * 1_000_000), 10_000.0 - secs as f64);
        }
        assert!(recovery.readings.len() <= MAX_READINGS);
    }
}

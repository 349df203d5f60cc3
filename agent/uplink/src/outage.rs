//! What is logged while there is no session: the first failure at once, then a line a minute with their count. Pure: the
//! time is passed in.

use shared_model::BootTime;
use std::time::Duration;

/// Between two lines of one outage.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// The failures since the last session.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Outage {
    failures: u64,
    logged: Option<BootTime>,
}

impl Outage {
    /// Counts a failure. Yields how many there were so far when a line is due.
    pub(crate) fn failed(&mut self, now: BootTime) -> Option<u64> {
        self.failures += 1;
        if self.logged.is_some_and(|at| now.since(at) < LOG_EVERY) {
            return None;
        }
        self.logged = Some(now);
        Some(self.failures)
    }

    /// Ends the outage. Yields how many failures it had.
    pub(crate) fn end(&mut self) -> u64 {
        std::mem::take(self).failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: failures just before, at and after a minute, then a session, then a failure at once. Guarantees: the first
    /// of each outage is logged, then one a minute with the count of all.
    #[test]
    fn one_line_a_minute() {
        let mut outage = Outage::default();
        let at = |millis: u64| BootTime::from_micros(millis * 1_000);
        for (millis, line) in [
            (5_000, Some(1)),
            (5_001, None),
            (64_999, None),
            (65_000, Some(4)),
            (124_999, None),
            (125_001, Some(6)),
        ] {
            assert_eq!(outage.failed(at(millis)), line, "{millis}");
        }
        assert_eq!(outage.end(), 6);
        assert_eq!(outage.failed(at(125_002)), Some(1));
        assert_eq!(outage.end(), 1);
        assert_eq!(outage.end(), 0);
    }
}

//! When to try again. Pure: randomness and times are passed in.

use std::time::Duration;

/// First and longest ceiling of the wait after failures.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// A session that lived this long clears the failures before it.
const HEALTHY: Duration = Duration::from_secs(60);

/// Window of the first attempt when no collector ever announced one: half a second spreads the nodes of one hospital.
const UNANNOUNCED: Duration = Duration::from_millis(500);

/// Doubling ceilings with full jitter, and one quick attempt within the window that the collector announced.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    /// The last window that was announced.
    window: Option<Duration>,
}

impl Backoff {
    /// At the start of the program, with the window that was remembered from before.
    pub(crate) fn remembering(window: Option<Duration>) -> Self {
        Self { failures: 0, window }
    }

    /// The wait before the first attempt: all nodes of an appliance may have been switched on together. None where no
    /// window was ever announced, so that a node that has just joined is there at once.
    pub(crate) fn at_start(&self, random: u64) -> Duration {
        self.window.map_or(Duration::ZERO, |window| share(window, random))
    }

    /// A collector announced a window.
    pub(crate) fn announced(&mut self, window: Duration) {
        self.window = Some(window);
    }

    /// The wait after an attempt that reached no session.
    pub(crate) fn after_failure(&mut self, random: u64) -> Duration {
        let ceiling = FIRST.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        share(ceiling, random)
    }

    /// The wait after a session that lived for `lived`. A short-lived session counts as a failure, so that a collector
    /// that accepts and drops is not hammered.
    pub(crate) fn after_session(&mut self, lived: Duration, random: u64) -> Duration {
        if lived >= HEALTHY {
            self.failures = 0;
        }
        if self.failures == 0 {
            self.failures = 1;
            return share(self.window.unwrap_or(UNANNOUNCED), random);
        }
        self.after_failure(random)
    }

    /// The wait after the collector asked to come back within its window, which is what spreads the nodes; failures
    /// before it still count once it does not answer.
    pub(crate) fn after_drain(&mut self, random: u64) -> Duration {
        share(self.window.unwrap_or(UNANNOUNCED), random)
    }

    /// The wait after being told not to come back: the longest there is, since an operator may yet undo it.
    pub(crate) fn after_revocation(&mut self, random: u64) -> Duration {
        self.failures = 6;
        LONGEST / 2 + share(LONGEST / 2, random)
    }
}

/// A uniformly random part of `span`.
fn share(span: Duration, random: u64) -> Duration {
    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(random % micros.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WINDOW: Duration = Duration::from_secs(5);

    /// The random number that yields the whole span.
    fn whole(span: Duration) -> u64 {
        span.as_micros() as u64
    }

    /// Scenario: failures in a row. Guarantees: ceilings double from a second to a minute and stay there.
    #[test]
    fn ceilings_double() {
        let mut backoff = Backoff::default();
        for secs in [1, 2, 4, 8, 16, 32, 60, 60] {
            let ceiling = Duration::from_secs(secs);
            assert_eq!(backoff.clone().after_failure(whole(ceiling)), ceiling);
            assert_eq!(backoff.clone().after_failure(whole(ceiling) + 1), Duration::ZERO);
            backoff.after_failure(0);
        }
    }

    /// Scenario: sessions lost just below, at and above a minute of life, after failures.
    /// Guarantees: only one that lived a minute clears the failures; the first attempt keeps to the window.
    #[test]
    fn a_minute_clears_failures() {
        for (lived_ms, expected_s) in [(59_999, 4), (60_000, 5), (60_001, 5)] {
            let mut backoff = Backoff { failures: 2, window: Some(WINDOW) };
            let expected = Duration::from_secs(expected_s);
            let lived = Duration::from_millis(lived_ms);
            assert_eq!(backoff.after_session(lived, whole(expected)), expected);
        }
        let mut fresh = Backoff::remembering(Some(WINDOW));
        assert_eq!(fresh.after_session(Duration::ZERO, whole(WINDOW)), WINDOW);
        let second = fresh.after_session(Duration::ZERO, whole(Duration::from_secs(2)));
        let expected = Duration::from_secs(2);
        assert_eq!(second, expected, "a second short session waits as after a failure");
    }

    /// Scenario: a start with and without a remembered window, and a drain amid failures. Guarantees: both are spread over
    /// the window; who never heard of one begins at once.
    #[test]
    fn starts_and_drains_are_spread() {
        assert_eq!(Backoff::default().at_start(u64::MAX), Duration::ZERO);
        let mut backoff = Backoff::remembering(Some(WINDOW));
        assert_eq!(backoff.at_start(whole(WINDOW)), WINDOW);
        backoff.after_failure(0);
        backoff.announced(WINDOW * 2);
        assert_eq!(backoff.after_drain(whole(WINDOW * 2)), WINDOW * 2);
        let next = Duration::from_secs(2);
        assert_eq!(backoff.after_failure(whole(next)), next, "the failure before still counts");
    }

    proptest! {
        /// Scenario: any history. Guarantees: no wait is above a minute, but for an announced window.
        #[test]
        fn waits_are_bounded(steps in prop::collection::vec((0u8..3, 0u64..200, any::<u64>()), 0..40)) {
            let mut backoff = Backoff::default();
            for (kind, lived, random) in steps {
                let wait = match kind {
                    0 => backoff.after_failure(random),
                    1 => backoff.after_session(Duration::from_secs(lived), random),
                    _ => backoff.after_revocation(random),
                };
                prop_assert!(wait <= LONGEST);
            }
        }
    }
}

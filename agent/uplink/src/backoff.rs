//! When to try again. Pure: randomness and times are passed in.

use std::time::Duration;

/// First and longest ceiling of the wait after failures.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);

/// A session that lived this long clears the failures before it.
const HEALTHY: Duration = Duration::from_secs(60);

/// Window of the first attempt when the collector announced none: half a second spreads the nodes of one hospital.
const UNANNOUNCED: Duration = Duration::from_millis(500);

/// Doubling ceilings with full jitter, and one quick attempt within the window the collector announced.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after an attempt that reached no session.
    pub(crate) fn after_failure(&mut self, random: u64) -> Duration {
        let ceiling = FIRST.saturating_mul(1 << self.failures.min(7)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        share(ceiling, random)
    }

    /// The wait after a session that lived for `lived`. A short-lived session counts as a failure, so that a collector
    /// that accepts and drops is not hammered.
    pub(crate) fn after_session(
        &mut self,
        lived: Duration,
        window: Option<Duration>,
        random: u64,
    ) -> Duration {
        if lived >= HEALTHY {
            self.failures = 0;
        }
        if self.failures == 0 {
            self.failures = 1;
            return share(window.unwrap_or(UNANNOUNCED), random);
        }
        self.after_failure(random)
    }

    /// The wait after being told not to come back: the longest there is, since an operator may yet undo it.
    pub(crate) fn after_revocation(&mut self, random: u64) -> Duration {
        self.failures = 7;
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

    /// The random number that yields the whole span.
    fn whole(span: Duration) -> u64 {
        span.as_micros() as u64
    }

    /// Scenario: failures in a row. Guarantees: ceilings double from half a second to a minute and stay there.
    #[test]
    fn ceilings_double() {
        let mut backoff = Backoff::default();
        for ms in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            let ceiling = Duration::from_millis(ms);
            assert_eq!(backoff.clone().after_failure(whole(ceiling)), ceiling);
            assert_eq!(backoff.clone().after_failure(whole(ceiling) + 1), Duration::ZERO);
            backoff.after_failure(0);
        }
    }

    /// Scenario: sessions lost just below, at and above a minute of life, after failures.
    /// Guarantees: only one that lived a minute clears the failures; the first attempt keeps to the window.
    #[test]
    fn a_minute_clears_failures() {
        let window = Some(Duration::from_secs(5));
        for (lived_ms, expected_ms) in [(59_999, 2_000), (60_000, 5_000), (60_001, 5_000)] {
            let mut backoff = Backoff { failures: 2 };
            let expected = Duration::from_millis(expected_ms);
            let lived = Duration::from_millis(lived_ms);
            assert_eq!(backoff.after_session(lived, window, whole(expected)), expected);
        }
        let mut fresh = Backoff::default();
        assert_eq!(
            fresh.after_session(Duration::ZERO, window, whole(Duration::from_secs(5))),
            Duration::from_secs(5)
        );
        let second = fresh.after_session(Duration::ZERO, window, whole(Duration::from_secs(1)));
        assert_eq!(
            second,
            Duration::from_secs(1),
            "a second short session waits as after a failure"
        );
    }

    proptest! {
        /// Scenario: any history. Guarantees: no wait is above a minute, but for an announced window.
        #[test]
        fn waits_are_bounded(steps in prop::collection::vec((0u8..3, 0u64..200, any::<u64>()), 0..40)) {
            let mut backoff = Backoff::default();
            for (kind, lived, random) in steps {
                let wait = match kind {
                    0 => backoff.after_failure(random),
                    1 => backoff.after_session(Duration::from_secs(lived), None, random),
                    _ => backoff.after_revocation(random),
                };
                prop_assert!(wait <= LONGEST);
            }
        }
    }
}

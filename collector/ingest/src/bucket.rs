//! A token bucket. Pure: times are passed in.

use shared_model::BootTime;
use std::time::Duration;

/// So many tokens a second, saved up to a limit.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    per_s: f64,
    most: f64,
    tokens: f64,
    at: Option<BootTime>,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(per_s: f64, most: f64) -> Self {
        Self { per_s, most, tokens: most, at: None }
    }

    /// Takes `count` tokens while more than `floor` are left, if need be on credit, so that something larger than the whole
    /// bucket is not stuck for ever. Else how long it takes until it would work.
    pub(crate) fn take(&mut self, count: f64, floor: f64, now: BootTime) -> Result<(), Duration> {
        let passed = self.at.map_or(Duration::ZERO, |at| now.since(at));
        self.at = Some(now);
        self.tokens = (self.tokens + passed.as_secs_f64() * self.per_s).min(self.most);
        if self.tokens > floor {
            self.tokens -= count;
            return Ok(());
        }
        Err(Duration::from_secs_f64((floor - self.tokens) / self.per_s + 0.001))
    }

    /// Whether it had been filled up by `now`, so that forgetting it changes nothing.
    pub(crate) fn is_full(&self, now: BootTime) -> bool {
        let passed = self.at.map_or(Duration::ZERO, |at| now.since(at));
        self.tokens + passed.as_secs_f64() * self.per_s >= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> BootTime {
        BootTime::from_micros(millis * 1_000)
    }

    /// Scenario: a bucket of 10 a second and 20 at most is emptied, asked at once, and after the time it names; then by
    /// something larger than itself. Guarantees: it says how long to wait and keeps to it; the large one passes once.
    #[test]
    fn it_says_how_long() {
        let mut bucket = Bucket::new(10.0, 20.0);
        for _ in 0..20 {
            assert_eq!(bucket.take(1.0, 0.0, at(0)), Ok(()));
        }
        let wait = bucket.take(1.0, 0.0, at(0)).unwrap_err();
        assert!(wait <= Duration::from_millis(2), "{wait:?}");
        assert_eq!(bucket.take(100.0, 0.0, at(0).plus(wait)), Ok(()));
        let wait = bucket.take(1.0, 0.0, at(2)).unwrap_err();
        assert!((9.9..10.1).contains(&wait.as_secs_f64()), "{wait:?}");
        assert!(!bucket.is_full(at(10_000)) && bucket.is_full(at(12_100)));
        assert_eq!(bucket.take(1.0, 0.0, at(12_100)), Ok(()));
    }

    /// Scenario: two takers of one bucket, one of which leaves half to the other. Guarantees: the one stops at half, the
    /// other does not.
    #[test]
    fn a_floor_leaves_the_rest() {
        let mut bucket = Bucket::new(1.0, 10.0);
        let modest = (0..20).filter(|_| bucket.take(1.0, 5.0, at(0)).is_ok()).count();
        let other = (0..20).filter(|_| bucket.take(1.0, 0.0, at(0)).is_ok()).count();
        assert_eq!((modest, other), (5, 5));
    }
}

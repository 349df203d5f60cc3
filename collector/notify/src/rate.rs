//! How many messages a receiver takes: a bucket that fills evenly, of which a part is kept for severe levels.

use shared_model::BootTime;
use std::time::Duration;

/// Part of the bucket that only levels 1 and 2 may take: one in this many.
const RESERVED_PART: f64 = 4.0;
/// What a robot takes within its minute may come at once, but not more.
const MINUTE: f64 = 60.0;

/// Messages that may be sent now. Lives in memory: after a restart the bucket is full, and the robot itself says when it is not.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    per_minute: f64,
    left: f64,
    looked: Option<BootTime>,
}

impl Rate {
    /// So many messages a minute; `None` for as many as there are.
    pub fn new(per_minute: Option<u32>) -> Self {
        let per_minute = per_minute.map_or(f64::INFINITY, f64::from);
        Self { per_minute, left: per_minute, looked: None }
    }

    /// How long to wait until a message may be sent; zero for now. A severe one may take what is reserved.
    pub fn wait(&mut self, is_severe: bool, now: BootTime) -> Duration {
        if self.per_minute.is_infinite() {
            return Duration::ZERO;
        }
        let gone = self.looked.map_or(Duration::ZERO, |before| now.since(before));
        self.looked = Some(now);
        let filled = self.left + gone.as_secs_f64() * self.per_minute / MINUTE;
        self.left = filled.min(self.per_minute);
        let reserved = if is_severe { 0.0 } else { (self.per_minute / RESERVED_PART).floor() };
        let missing = 1.0 + reserved - self.left;
        if missing <= 0.0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(missing * MINUTE / self.per_minute)
    }

    /// A message was sent, taken or not.
    pub fn sent(&mut self) {
        self.left -= 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> BootTime {
        BootTime::from_micros(secs * 1_000_000)
    }

    /// Scenario: a robot of 20 a minute, minor messages as fast as it goes for ten minutes, with a level 1 at each fifth second.
    /// Guarantees: never more than 20 and what filled meanwhile, in any minute; the severe one always goes at once.
    #[test]
    fn severe_levels_find_room() {
        let mut rate = Rate::new(Some(20));
        let mut sent = Vec::new();
        for second in 0..600 {
            if second % 5 == 0 {
                assert_eq!(rate.wait(true, at(second)), Duration::ZERO, "{second}");
                rate.sent();
                sent.push(second);
            }
            while rate.wait(false, at(second)).is_zero() {
                rate.sent();
                sent.push(second);
            }
        }
        for minute in 1..10 {
            let count =
                sent.iter().filter(|s| (minute * 60..minute * 60 + 60).contains(*s)).count();
            assert!(count <= 21, "{minute}: {count}");
        }
        assert!(sent.len() > 190, "{}", sent.len());
    }

    /// Scenario: no limit, and one message a minute. Guarantees: no wait; a wait that is long enough.
    #[test]
    fn waits_are_long_enough() {
        assert_eq!(Rate::new(None).wait(false, at(0)), Duration::ZERO);
        let mut rate = Rate::new(Some(1));
        assert_eq!(rate.wait(false, at(0)), Duration::ZERO);
        rate.sent();
        let wait = rate.wait(false, at(0));
        assert_eq!(
            rate.wait(false, BootTime::from_micros(wait.as_micros() as u64)),
            Duration::ZERO
        );
    }
}

//! Random choices that can be made again: the seed is printed, and `WARDROUND_SEED` sets it.

use std::time::{Duration, SystemTime};

/// A small generator (xorshift64*), good enough to pick moments.
pub struct Chance(u64);

impl Chance {
    /// From `WARDROUND_SEED` or the clock; prints the seed.
    pub fn new(what: &str) -> Self {
        #[allow(clippy::disallowed_methods, reason = "a fresh seed is taken from the real clock")]
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let given = std::env::var("WARDROUND_SEED").ok().map(|s| s.parse().unwrap());
        let seed = given.unwrap_or(u64::from(now.subsec_nanos()) ^ now.as_secs());
        println!("{what}: WARDROUND_SEED={seed}");
        Self(seed.max(1))
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % limit
    }

    /// Lets a random span pass, so that what follows hits a random moment.
    pub fn pass(&mut self, from_ms: u64, to_ms: u64) {
        let span = from_ms + self.below(to_ms - from_ms);
        std::thread::sleep(Duration::from_millis(span));
    }
}

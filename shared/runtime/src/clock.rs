//! The product's clock: the only place that asks the kernel what time it is.

use rustix::time::{ClockId, clock_gettime};
use shared_model::{BootTime, Clock, Timestamp};
use std::time::{Duration, SystemTime};

/// `CLOCK_REALTIME` and `CLOCK_BOOTTIME`.
///
/// The wall clock is read through the C library, as rustls reads it, so that a test can set it under a whole program; it
/// ends in the same call of the kernel's shared page. Time since boot comes from the kernel and cannot be shifted.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall(&self) -> Timestamp {
        #[allow(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
        let now = SystemTime::now();
        let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(match now.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => micros(since),
            Err(before) => -micros(before.duration()),
        })
    }

    fn boot(&self) -> BootTime {
        let now = clock_gettime(ClockId::Boottime);
        BootTime::from_micros(
            now.tv_sec.unsigned_abs() * 1_000_000 + now.tv_nsec.unsigned_abs() / 1_000,
        )
    }
}

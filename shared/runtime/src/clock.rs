//! The product's clock: the only place that asks the kernel what time it is.

use rustix::time::{ClockId, clock_gettime};
use shared_model::{BootTime, Clock, Timestamp};

/// `CLOCK_REALTIME` and `CLOCK_BOOTTIME`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall(&self) -> Timestamp {
        let now = clock_gettime(ClockId::Realtime);
        Timestamp::from_micros(now.tv_sec * 1_000_000 + now.tv_nsec / 1_000)
    }

    fn boot(&self) -> BootTime {
        let now = clock_gettime(ClockId::Boottime);
        BootTime::from_micros(
            now.tv_sec.unsigned_abs() * 1_000_000 + now.tv_nsec.unsigned_abs() / 1_000,
        )
    }
}

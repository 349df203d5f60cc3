//! Time as it is passed around: UTC instants, time since boot, and the clock that yields both.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

/// A UTC instant in microseconds since 1970-01-01T00:00:00Z. Covers the years 0001 to 9999.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// Time since the machine booted, suspend included (`CLOCK_BOOTTIME`). Only differences within one boot mean something.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct BootTime(u64);

/// Where the two times come from. The product's clock is `shared_runtime::SystemClock`; tests use [`SimClock`].
pub trait Clock: Send + Sync {
    /// Wall clock, UTC.
    fn wall(&self) -> Timestamp;
    /// Time since boot.
    fn boot(&self) -> BootTime;
}

impl Timestamp {
    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From milliseconds since the Unix epoch, saturating.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// From whole seconds since the Unix epoch, saturating.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the Unix epoch, rounded down.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Seconds since the Unix epoch with their fraction, as PromQL counts time.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// This instant moved forward, saturating.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }

    /// This instant moved back, saturating.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros(span)))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl BootTime {
    /// From microseconds since boot.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since boot.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// This instant moved forward, saturating.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// RFC 3339 in UTC with milliseconds: `2026-11-23T03:04:05.678Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.as_millis();
        let (days, of_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
        let (year, month, day) = civil_from_days(days);
        let (h, m, s, ms) =
            (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1_000 % 60, of_day % 1_000);
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{ms:03}Z")
    }
}

/// A text that is not an RFC 3339 instant in UTC.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidTimestamp;

impl fmt::Display for InvalidTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a UTC time such as 2026-11-23T03:04:05Z")
    }
}

impl std::error::Error for InvalidTimestamp {}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let bytes = text.as_bytes();
        let shaped = bytes.len() >= 20
            && [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')].iter().all(|&(i, c)| bytes[i] == c)
            && matches!(bytes[10], b'T' | b't' | b' ')
            && matches!(bytes[bytes.len() - 1], b'Z' | b'z');
        let digits = |range: std::ops::Range<usize>| -> Result<i64, InvalidTimestamp> {
            let part = text.get(range).filter(|p| p.bytes().all(|b| b.is_ascii_digit()));
            part.and_then(|p| p.parse().ok()).ok_or(InvalidTimestamp)
        };
        if !shaped {
            return Err(InvalidTimestamp);
        }
        let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
        let (h, m, s) = (digits(11..13)?, digits(14..16)?, digits(17..19)?);
        let fraction = match &text[19..text.len() - 1] {
            "" => 0,
            rest => {
                let part = rest.strip_prefix('.').filter(|p| (1..=9).contains(&p.len()));
                let part = part.ok_or(InvalidTimestamp)?;
                let padded = format!("{part:0<9}");
                if !part.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(InvalidTimestamp);
                }
                padded.parse::<i64>().map_err(|_| InvalidTimestamp)? / 1_000
            }
        };
        let in_range = (1..=12).contains(&month) && (1..=31).contains(&day);
        let days = days_from_civil(year, month, day);
        if !in_range || civil_from_days(days) != (year, month, day) || h > 23 || m > 59 || s > 59 {
            return Err(InvalidTimestamp);
        }
        Ok(Self((days * 86_400 + h * 3_600 + m * 60 + s) * 1_000_000 + fraction))
    }
}

// Howard Hinnant's calendar arithmetic (chrono-Compatible Low-Level Date Algorithms), with the year
// starting in March so that the leap day comes last.
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = year - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let mp = if month > 2 { month - 3 } else { month + 9 };
    let doy = (153 * mp + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

/// A clock that stands still until it is moved. The wall clock can also be stepped alone.
#[derive(Debug)]
pub struct SimClock(Mutex<(Timestamp, BootTime)>);

impl SimClock {
    /// A clock at `wall`, one hour after boot.
    pub fn at(wall: Timestamp) -> Self {
        Self(Mutex::new((wall, BootTime::from_micros(3_600_000_000))))
    }

    /// Lets both clocks run for `span`.
    pub fn advance(&self, span: Duration) {
        let mut now = self.lock();
        *now = (now.0.plus(span), now.1.plus(span));
    }

    /// Steps the wall clock to `wall`; time since boot does not notice.
    pub fn step_wall(&self, wall: Timestamp) {
        self.lock().0 = wall;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Timestamp, BootTime)> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for SimClock {
    fn wall(&self) -> Timestamp {
        self.lock().0
    }

    fn boot(&self) -> BootTime {
        self.lock().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: known instants. Guarantees: printed as RFC 3339 and read back to the same microsecond.
    #[test]
    fn display_and_parse_agree() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_709_164_800_000_000, "2024-02-29T00:00:00.000Z"),
            (-1_000, "1969-12-31T23:59:59.999Z"),
            (1_763_867_045_678_000, "2025-11-23T03:04:05.678Z"),
        ] {
            assert_eq!(Timestamp::from_micros(micros).to_string(), text);
            assert_eq!(text.parse(), Ok(Timestamp::from_micros(micros)));
        }
    }

    /// Scenario: texts that are not instants. Guarantees: refused, no panic.
    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "2026",
            "2026-02-30T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "二〇二六年十一月二十三日日日",
            "2026-01-01T00:00:00.Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(InvalidTimestamp), "{text}");
        }
    }

    /// Scenario: spans across an hour of simulated time. Guarantees: a wall step leaves boot time alone.
    #[test]
    fn wall_steps_do_not_move_boot_time() {
        let clock = SimClock::at(Timestamp::from_secs(100));
        let before = clock.boot();
        clock.advance(Duration::from_secs(5));
        clock.step_wall(Timestamp::from_secs(0));
        assert_eq!(clock.boot().since(before), Duration::from_secs(5));
        assert_eq!(clock.wall().since(Timestamp::from_secs(100)), Duration::ZERO);
    }
}

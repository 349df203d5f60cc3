//! Calendar days of one place.

use crate::Timestamp;
use crate::time::{civil_from_days, days_from_civil};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// China's time is UTC+8 all year, without exception since 1991.
const CHINA_AHEAD: Duration = Duration::from_secs(8 * 3_600);
const DAY_MICROS: i64 = 86_400_000_000;

/// A day in China, counted from 1970-01-01. Written `2026-02-14`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Day(i64);

/// A text that is not a day.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidDay;

impl fmt::Display for InvalidDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a day such as 2026-02-14")
    }
}

impl std::error::Error for InvalidDay {}

impl Day {
    /// The day in China at an instant.
    pub fn of(at: Timestamp) -> Self {
        Self(at.plus(CHINA_AHEAD).as_micros().div_euclid(DAY_MICROS))
    }

    /// Its first instant.
    pub fn start(self) -> Timestamp {
        Timestamp::from_micros(self.0.saturating_mul(DAY_MICROS)).minus(CHINA_AHEAD)
    }

    /// The day after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// 1 is Monday, 7 is Sunday.
    pub const fn weekday(self) -> u8 {
        // 1970-01-01 was a Thursday. The remainder is 0 to 6.
        (self.0 + 3).rem_euclid(7) as u8 + 1
    }

    /// Year, month and day of the month.
    pub fn civil(self) -> (i64, i64, i64) {
        civil_from_days(self.0)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Day {
    type Err = InvalidDay;

    fn from_str(text: &str) -> Result<Self, InvalidDay> {
        let mut parts = text.split('-').map(|part| {
            let digits = part.bytes().all(|b| b.is_ascii_digit()) && part.len() <= 4;
            part.parse::<i64>().ok().filter(|_| digits)
        });
        let mut part = || parts.next().flatten().ok_or(InvalidDay);
        let (year, month, day) = (part()?, part()?, part()?);
        let found = Self(days_from_civil(year, month, day));
        let is_one = (1..=12).contains(&month) && found.civil() == (year, month, day);
        if is_one && parts.next().is_none() { Ok(found) } else { Err(InvalidDay) }
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl TryFrom<String> for Day {
    type Error = InvalidDay;

    fn try_from(text: String) -> Result<Self, InvalidDay> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: instants around midnight in China, and days with known weekdays.
    /// Guarantees: the day begins at 16:00 UTC of the day before; weekdays are right.
    #[test]
    fn days_are_chinas() {
        for (at, day) in [
            ("2026-02-13T15:59:59.999Z", "2026-02-13"),
            ("2026-02-13T16:00:00Z", "2026-02-14"),
            ("2026-12-31T16:00:00Z", "2027-01-01"),
        ] {
            assert_eq!(Day::of(at.parse().unwrap()).to_string(), day);
        }
        let day: Day = "2026-02-14".parse().unwrap();
        assert_eq!(day.start(), "2026-02-13T16:00:00Z".parse().unwrap());
        for (day, weekday) in [("2026-02-14", 6), ("2026-12-20", 7), ("1970-01-01", 4)] {
            assert_eq!(day.parse::<Day>().unwrap().weekday(), weekday, "{day}");
        }
        assert_eq!("2024-02-28".parse::<Day>().unwrap().next().to_string(), "2024-02-29");
    }

    /// Scenario: texts that are no days. Guarantees: refused.
    #[test]
    fn other_texts_are_refused() {
        for text in
            ["", "2026-02-30", "2026-13-01", "2026-2", "x-1-1", "2026-01-01-01", "20260-01-01"]
        {
            assert_eq!(text.parse::<Day>(), Err(InvalidDay), "{text}");
        }
    }
}

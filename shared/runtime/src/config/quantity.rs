//! Spans and sizes with their units, as people write them.

use serde::de::{Deserialize, Deserializer, Error};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A span of time, written `"500ms"`, `"15s"`, `"5m"`, `"2h"` or `"7d"`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Span(pub Duration);

/// A size in bytes, written `"64KiB"`, `"512MiB"`, `"2GiB"` or `"4096B"`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ByteSize(pub u64);

impl Span {
    /// From whole seconds.
    pub const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// From milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// The span.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl ByteSize {
    /// From mebibytes.
    pub const fn mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    /// The number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.trim_start()))
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "'{text}' is not a span: write for example \"500ms\", \"15s\", \"5m\", \"2h\" or \"7d\""
            )
        };
        let (number, unit) = split(text.trim()).ok_or_else(wrong)?;
        let unit_ms: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        number.checked_mul(unit_ms).map(Self::millis).ok_or_else(wrong)
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("'{text}' is not a size: write for example \"64KiB\", \"512MiB\" or \"2GiB\"")
        };
        let (number, unit) = split(text.trim()).ok_or_else(wrong)?;
        let unit_bytes: u64 = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            _ => return Err(wrong()),
        };
        number.checked_mul(unit_bytes).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        match [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)]
            .into_iter()
            .find(|&(_, size)| ms != 0 && ms.is_multiple_of(size))
        {
            Some((unit, size)) => write!(f, "{}{unit}", ms / size),
            None => write!(f, "{ms}ms"),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: spans and sizes as people write them, and nonsense. Guarantees: units are required, overflow refused.
    #[test]
    fn units_are_required() {
        for (text, ms) in [
            ("500ms", Some(500)),
            ("15s", Some(15_000)),
            ("7d", Some(604_800_000)),
            ("15", None),
            ("-1s", None),
            ("99999999999999999d", None),
            ("五秒", None),
        ] {
            assert_eq!(text.parse::<Span>().ok(), ms.map(Span::millis), "{text}");
        }
        for (text, bytes) in
            [("2GiB", Some(2 << 30)), ("1 MiB", Some(1 << 20)), ("5", None), ("5GB", None)]
        {
            assert_eq!(text.parse::<ByteSize>().ok(), bytes.map(ByteSize), "{text}");
        }
        assert_eq!(Span::secs(90).to_string(), "90s");
    }
}

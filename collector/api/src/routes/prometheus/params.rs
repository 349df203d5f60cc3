//! Parameters of the query API: times as seconds or RFC 3339, steps as seconds or durations such as `1m30s`.

use super::answer::Failure;
use crate::extract::Fields;
use crate::problem::Problem;
use shared_model::Timestamp;
use std::time::Duration;

/// Largest instant taken, in seconds from the epoch either way: the years 0001 to 9999.
const SECS_MAX: f64 = 253_402_300_799.0;

/// Parameters from the query string or the form.
pub(super) struct Given(Vec<(String, String)>);

impl Given {
    pub(super) fn new(
        fields: Result<Fields<Vec<(String, String)>>, Problem>,
    ) -> Result<Self, Failure> {
        match fields {
            Ok(Fields(pairs)) => Ok(Self(pairs)),
            Err(problem) => Err(Failure::from(problem)),
        }
    }

    /// The first value of a parameter. Unknown ones are ignored, as Prometheus does.
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn required(&self, name: &'static str) -> Result<&str, Failure> {
        self.get(name).ok_or_else(|| Failure::parameter(name, "is missing"))
    }

    pub(super) fn time(&self, name: &'static str) -> Result<Option<Timestamp>, Failure> {
        let text = self.get(name).filter(|text| !text.is_empty());
        text.map(|text| {
            let wrong = || format!("cannot parse \"{text}\" to a valid timestamp");
            parse_time(text).ok_or_else(|| Failure::parameter(name, &wrong()))
        })
        .transpose()
    }

    pub(super) fn required_time(&self, name: &'static str) -> Result<Timestamp, Failure> {
        self.required(name)?;
        self.time(name)?
            .ok_or_else(|| Failure::parameter(name, "cannot parse \"\" to a valid timestamp"))
    }

    pub(super) fn required_step(&self, name: &'static str) -> Result<Duration, Failure> {
        let text = self.required(name)?;
        let wrong = || format!("cannot parse \"{text}\" to a valid duration");
        parse_step(text).ok_or_else(|| Failure::parameter(name, &wrong()))
    }
}

/// Seconds since the epoch with a fraction, or RFC 3339 with `Z` or an offset.
fn parse_time(text: &str) -> Option<Timestamp> {
    if let Ok(secs) = text.parse::<f64>() {
        return (secs.abs() <= SECS_MAX)
            .then(|| Timestamp::from_micros((secs * 1e6).round() as i64));
    }
    if let Ok(utc) = text.parse() {
        return Some(utc);
    }
    let split = text.len().checked_sub(6)?;
    let (local, offset) = (text.get(..split)?, text.get(split..)?);
    let (sign, hours, minutes) = (offset.get(..1)?, offset.get(1..3)?, offset.get(4..)?);
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let shaped = offset.get(3..4)? == ":" && digits(hours) && digits(minutes);
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    if !shaped || hours > 23 || minutes > 59 {
        return None;
    }
    let local: Timestamp = format!("{local}Z").parse().ok()?;
    let span = Duration::from_secs(hours * 3_600 + minutes * 60);
    match sign {
        "+" => Some(local.minus(span)),
        "-" => Some(local.plus(span)),
        _ => None,
    }
}

/// Seconds with a fraction, or a Prometheus duration. Zero and negative ones come back as zero, for the caller to refuse.
fn parse_step(text: &str) -> Option<Duration> {
    if let Ok(secs) = text.parse::<f64>() {
        return (secs.abs() <= SECS_MAX).then(|| Duration::from_secs_f64(secs.max(0.0)));
    }
    // Prometheus' units, which have to come in this order and each at most once.
    let units = [
        ("y", 31_536_000_000_u64),
        ("w", 604_800_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    let mut rest = text;
    let mut millis = 0_u64;
    let mut from = 0;
    while !rest.is_empty() {
        let number = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        rest = rest.get(number.len()..)?;
        let unit = rest.split(|c: char| c.is_ascii_digit()).next()?;
        rest = rest.get(unit.len()..)?;
        let at = units.iter().position(|(name, _)| *name == unit)?;
        if at < from {
            return None;
        }
        from = at + 1;
        let span = number.parse::<u64>().ok()?.checked_mul(units.get(at)?.1)?;
        millis = millis.checked_add(span)?;
    }
    (!text.is_empty()).then_some(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: instants as clients write them, and texts that are none.
    /// Guarantees: seconds, RFC 3339 in UTC and with an offset mean the same; the rest is refused.
    #[test]
    fn times() {
        let expected = Some(Timestamp::from_millis(1_795_000_000_250));
        for text in [
            "1795000000.25",
            "1.79500000025e9",
            "2026-11-18T11:06:40.250Z",
            "2026-11-18T19:06:40.25+08:00",
            "2026-11-18T05:36:40.25-05:30",
        ] {
            assert_eq!(parse_time(text), expected, "{text}");
        }
        for text in [
            "",
            "now",
            "NaN",
            "Inf",
            "1e30",
            "2026-11-18",
            "2026-11-18T21:46:40+0800",
            "2026-11-18T21:46:40+24:00",
            "2026-11-18T21:46:40*08:00",
            "时间时间",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    /// Scenario: steps as seconds and as durations. Guarantees: both are understood, order and units are checked.
    #[test]
    fn steps() {
        for (text, millis) in [
            ("15", Some(15_000)),
            ("0.5", Some(500)),
            ("1m30s", Some(90_000)),
            ("2h", Some(7_200_000)),
            ("100ms", Some(100)),
            ("0", Some(0)),
            ("-5", Some(0)),
            ("", None),
            ("1x", None),
            ("s", None),
            ("1s1m", None),
            ("1m1m", None),
            ("99999999999999999999y", None),
            ("1e300", None),
            ("NaN", None),
            ("十s", None),
        ] {
            assert_eq!(parse_step(text), millis.map(Duration::from_millis), "{text}");
        }
    }
}

//! Spans of time as packs write them: `0s`, `30s`, `5m`, `1h`, `7d`, `1m30s`.

use std::time::Duration;

/// The longest span a pack may name: 400 days, as long as one-minute roll-ups are kept.
const LONGEST: Duration = Duration::from_secs(400 * 86_400);

/// A text that is not a span.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a span of time up to 400d: write for example 30s, 5m or 1h")]
pub struct InvalidSpan(pub String);

/// Reads a span: whole numbers with the units ms, s, m, h, d, joined without spaces.
pub(crate) fn parse_span(text: &str) -> Result<Duration, InvalidSpan> {
    let wrong = || InvalidSpan(text.chars().take(40).collect());
    let mut total = Duration::ZERO;
    let mut rest = text;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let millis_per_unit: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let millis = number.checked_mul(millis_per_unit).ok_or_else(wrong)?;
        total = total.saturating_add(Duration::from_millis(millis));
        rest = tail;
    }
    if total > LONGEST {
        return Err(wrong());
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: spans in every unit and joined. Guarantees: read to the millisecond.
    #[test]
    fn spans_are_read() {
        for (text, millis) in [
            ("0s", 0),
            ("250ms", 250),
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("1h", 3_600_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(parse_span(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    /// Scenario: texts that are not spans, or too long. Guarantees: refused, no overflow.
    #[test]
    fn nonsense_is_refused() {
        for text in ["", "5", "m", "-1s", "1 m", "1y", "401d", "99999999999999999999d"] {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }
}

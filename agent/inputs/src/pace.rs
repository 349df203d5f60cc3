//! How often an input is read, as every `[[...]]` table of inputs declares it.

use shared_runtime::config::{ConfigErrors, Span};
use std::time::Duration;

/// The shortest interval and timeout: a shorter one would cost the asked program more than it tells.
const SHORTEST: Duration = Duration::from_millis(100);
/// The longest interval: rules take an older value for none.
const LONGEST_INTERVAL: Duration = Duration::from_secs(300);
/// The longest timeout.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);

/// `10s`, the interval of inputs.
pub(crate) fn ten_seconds() -> Span {
    Span(Duration::from_secs(10))
}

/// `5s`, their timeout.
pub(crate) fn five_seconds() -> Span {
    Span(Duration::from_secs(5))
}

/// Adds what is wrong with an interval and a timeout.
pub(crate) fn check(interval: Span, timeout: Span, path: &str, errors: &mut ConfigErrors) {
    if !(SHORTEST..=LONGEST_INTERVAL).contains(&interval.get()) {
        errors.add(format!("{path}.interval"), "write a span from 100ms to 5m");
    }
    if !(SHORTEST..=LONGEST_TIMEOUT).contains(&timeout.get()) {
        errors.add(format!("{path}.timeout"), "write a span from 100ms to 60s");
    }
}

/// Whether a text may be the name of an input.
pub(crate) fn is_input_name(name: &str) -> bool {
    let byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    (1..=64).contains(&name.len()) && name.bytes().all(byte)
}

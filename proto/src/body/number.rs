//! Exact integer forms of floats.

/// Scale byte of columns whose values are all multiples of 1024, as sizes read in KiB are.
pub(super) const KIBI: u8 = 10;

/// The scales an encoder tries for a column, each containing the ones before it: most kernel and SQL numbers have two
/// (jiffies), three (milliseconds), six (microseconds) or nine (nanoseconds) decimals.
pub(super) const LADDER: [u8; 5] = [0, 2, 3, 6, 9];

const POWERS: [f64; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Integers up to here have an exact float each, so both ways are exact.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Smallest constant-free value for which dropping ten bits pays for the scale byte.
const KIBI_FROM: u64 = 1 << 20;

/// The integer `m` for which [`restore`] yields exactly `value`, if there is one.
pub(super) fn scaled(value: f64, scale: u8) -> Option<i64> {
    let power = POWERS[usize::from(scale)];
    let moved = if scale == 0 {
        value
    } else {
        // Half away from zero; `f64::round` is a library call on x86-64 without SSE 4.1. Being off by one is caught
        // below.
        let moved = value * power;
        moved + 0.5_f64.copysign(moved)
    };
    if moved.abs() > EXACT || moved.is_nan() {
        return None;
    }
    let integer = moved as i64;
    let back = integer as f64 / power;
    (back.to_bits() == value.to_bits()).then_some(integer)
}

/// Whether dropping ten bits of every integer loses nothing and pays.
pub(super) fn fits_kibi(integers: &[i64]) -> bool {
    integers.iter().all(|i| i & 0x3ff == 0)
        && integers.iter().any(|i| i.unsigned_abs() >= KIBI_FROM)
}

/// The float of an integer under a scale byte, `None` for a scale byte that means nothing.
pub(super) fn restore(integer: i64, scale: u8) -> Option<f64> {
    match scale {
        0..=9 => Some(integer as f64 / POWERS[usize::from(scale)]),
        KIBI => Some(integer as f64 * 1024.0),
        _ => None,
    }
}

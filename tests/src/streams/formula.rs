//! Values that can be checked without a copy: each is a function of node, series and tick, and the tick is the sample's time.

use shared_model::Timestamp;

/// Time between two ticks, milliseconds.
pub const TICK_MS: i64 = 100;

/// The series of a node that are formulas, as `formula{series="N"}`.
pub const SERIES: u32 = 6;

/// The tick of a sample's time.
pub fn tick_of(at: Timestamp) -> i64 {
    at.as_millis() / TICK_MS
}

/// The time of a tick.
pub fn time_of(tick: i64) -> Timestamp {
    Timestamp::from_millis(tick * TICK_MS)
}

/// The value of a series at a tick; `None` where it has no sample. Each series meets another way of encoding.
pub fn value(node: u32, series: u32, tick: i64) -> Option<f64> {
    let seed = (u64::from(node) << 40) ^ (u64::from(series) << 32) ^ tick.unsigned_abs();
    let mixed = mix(seed);
    Some(match series {
        // A counter.
        0 => (tick * i64::from(node + 1)) as f64,
        // A constant.
        1 => f64::from(node) + 0.25,
        // Integers as large as a float holds.
        2 => (mixed >> 11) as f64,
        // Fractions with all digits.
        3 => (mixed >> 11) as f64 / (1u64 << 53) as f64,
        // Now and then missing.
        4 if mixed.is_multiple_of(5) => return None,
        4 => (mixed % 1_000) as f64 / 8.0,
        // Both signs and wild exponents.
        _ => f64::from_bits((mixed & !(0x7ff << 52)) | ((1_023 - 200 + mixed % 400) << 52)),
    })
}

/// Free share of the node's file system, in percent: below the standard's 20 % in some spans of five seconds, so that
/// incidents come and go.
pub fn free_percent(node: u32, tick: i64) -> f64 {
    let seed = (u64::from(node) << 40) ^ (99 << 32) ^ (tick.unsigned_abs() / 50);
    let span = mix(seed);
    if span.is_multiple_of(3) { 10.0 } else { 60.0 }
}

/// SplitMix64.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

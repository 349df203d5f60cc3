//! One column of a block: the values of one series, bit for bit.
//!
//! A column is a word in the block's directory (2 bits encoding, 1 bit "has gaps", 29 bits length in bytes) and its
//! bytes: with gaps first a bitmap, one bit per row from the lowest, 1 where there is a value; then the values that are
//! there:
//!
//! - 0: none;
//! - 1: all the same, 8 bytes;
//! - 2: decimals, one byte `e` and the integers `value * 10^e` packed by pco as i64;
//! - 3: any bits, packed by pco as u64.

use super::SeriesError;
use super::pack::{Packed, Packer};

/// Decimal places that are tried. Kernel and database counters have at most nine (nanoseconds as seconds).
const EXPONENT_MAX: u8 = 9;
/// 10^0 to 10^9, all exact.
const POWERS: [f64; 10] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/// Below 2^52 half an integer is still exact, which the rounding of [`decimal`] needs.
const INTEGER_MAX: u64 = 1 << 52;

const LENGTH_MASK: u32 = (1 << 29) - 1;
const GAPS: u32 = 1 << 29;

/// Appends a column to `out` and returns its word. `values` are the bits of the values that are there, `present` says
/// of every row whether it has one, or is `None` when all have. `exponent` remembers what fitted last.
pub(super) fn encode(
    values: &[u64],
    present: Option<&[bool]>,
    exponent: &mut u8,
    packer: &Packer,
    out: &mut Vec<u8>,
) -> Result<u32, SeriesError> {
    let start = out.len();
    let Some(first) = values.first() else {
        return Ok(0);
    };
    if let Some(present) = present {
        for eight in present.chunks(8) {
            let bits = eight.iter().enumerate();
            out.push(bits.fold(0, |byte, (i, p)| byte | (u8::from(*p) << i)));
        }
    }
    let encoding = if values.iter().all(|v| v == first) {
        out.extend_from_slice(&first.to_le_bytes());
        1
    } else if let Some((e, integers)) = decimals(values, *exponent) {
        *exponent = e;
        out.push(e);
        packer.pack(&integers, out)?;
        2
    } else {
        packer.pack(values, out)?;
        3
    };
    // A group has at most 65,536 columns of 120 rows, so a column is far below 2^29 bytes.
    let length = (out.len() - start) as u32 & LENGTH_MASK;
    Ok((encoding << 30) | if present.is_some() { GAPS } else { 0 } | length)
}

/// Bytes of the column that `word` describes.
pub(super) fn length(word: u32) -> usize {
    (word & LENGTH_MASK) as usize
}

/// The values of a column row by row, `None` when the bytes are not a column of `rows` rows.
pub(super) fn decode(
    word: u32,
    bytes: &[u8],
    rows: usize,
    packed: &Packed,
) -> Option<Vec<Option<f64>>> {
    let (present, bytes) = if word & GAPS == 0 {
        (None, bytes)
    } else {
        let (bitmap, rest) = bytes.split_at_checked(rows.div_ceil(8))?;
        (Some(bitmap), rest)
    };
    let has = |row: usize| present.is_none_or(|p| p[row / 8] >> (row % 8) & 1 == 1);
    let count = (0..rows).filter(|row| has(*row)).count();
    let values: Vec<f64> = match word >> 30 {
        0 => return Some(vec![None; rows]),
        1 => vec![f64::from_bits(u64::from_le_bytes(bytes.try_into().ok()?)); count],
        2 => {
            let (e, bytes) = bytes.split_first()?;
            let power = POWERS.get(usize::from(*e))?;
            let integers: Vec<i64> = packed.unpack(bytes, count)?;
            integers.iter().map(|i| *i as f64 / power).collect()
        }
        _ => {
            let bits: Vec<u64> = packed.unpack(bytes, count)?;
            bits.into_iter().map(f64::from_bits).collect()
        }
    };
    let mut values = values.into_iter();
    Some((0..rows).map(|row| if has(row) { values.next() } else { None }).collect())
}

/// The integers and the exponent, at least `from`, that give back every value bit for bit.
fn decimals(values: &[u64], from: u8) -> Option<(u8, Vec<i64>)> {
    let mut integers = Vec::with_capacity(values.len());
    'exponent: for e in from..=EXPONENT_MAX {
        integers.clear();
        for bits in values {
            match decimal(*bits, POWERS[usize::from(e)]) {
                Some(integer) => integers.push(integer),
                None => continue 'exponent,
            }
        }
        return Some((e, integers));
    }
    None
}

fn decimal(bits: u64, power: f64) -> Option<i64> {
    let scaled = f64::from_bits(bits) * power;
    // Rounds half away from zero; whether it is the right integer is what the comparison below decides. The cast
    // saturates, and takes NaN to 0, whose bits differ.
    let integer = (scaled + 0.5f64.copysign(scaled)) as i64;
    let exact = (integer as f64 / power).to_bits() == bits && integer.unsigned_abs() < INTEGER_MAX;
    exact.then_some(integer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(values: &[Option<u64>]) -> (u32, Vec<Option<u64>>) {
        let packer = Packer::default();
        let packed = Packed::new(&packer.header().unwrap()).unwrap();
        let there: Vec<u64> = values.iter().flatten().copied().collect();
        let present: Vec<bool> = values.iter().map(Option::is_some).collect();
        let gaps = present.contains(&false).then_some(&present[..]);
        let mut out = Vec::new();
        let word = encode(&there, gaps, &mut 0, &packer, &mut out).unwrap();
        assert_eq!(length(word), out.len());
        let decoded = decode(word, &out, values.len(), &packed).unwrap();
        let bits = decoded.into_iter().map(|v| v.map(f64::to_bits)).collect();
        (word >> 30, bits)
    }

    /// Scenario: columns of each shape. Guarantees: the encoding that is meant for it is taken, and is exact.
    #[test]
    fn each_shape_has_its_encoding() {
        let nan = f64::from_bits(0x7ff8_0000_dead_beef);
        for (values, encoding) in [
            (vec![], 0),
            (vec![None, None], 0),
            (vec![Some(0.1); 120], 1),
            (vec![Some(nan), Some(nan)], 1),
            (vec![Some(0.1), None, Some(0.3)], 2),
            (vec![Some(1.0), Some(4_503_599_627_370_495.0)], 2),
            (vec![Some(1.0), Some(4_503_599_627_370_496.0)], 3),
            (vec![Some(0.0), Some(-0.0)], 3),
            (vec![Some(1.0), Some(nan)], 3),
            (vec![Some(1.0), Some(f64::INFINITY), None], 3),
            (vec![Some(1.0 / 3.0), Some(2.0)], 3),
            (vec![Some(0.000_000_001), Some(2.0)], 2),
            (vec![Some(0.000_000_000_1), Some(2.0)], 3),
        ] {
            let bits: Vec<Option<u64>> = values.iter().map(|v| v.map(f64::to_bits)).collect();
            assert_eq!(round_trip(&bits), (encoding, bits), "{values:?}");
        }
    }

    proptest! {
        /// Scenario: any bits, decimals of any precision, with and without gaps. Guarantees: bit for bit.
        #[test]
        fn any_column_comes_back(values in prop::collection::vec(prop::option::weighted(0.8, prop_oneof![
            any::<u64>(),
            (any::<i32>(), 0i32..8).prop_map(|(n, e)| (f64::from(n) / 10f64.powi(e)).to_bits()),
            (0u64..1 << 54).prop_map(|n| (n as f64).to_bits()),
            Just((-0.0f64).to_bits()),
        ]), 0..130)) {
            prop_assert_eq!(round_trip(&values).1, values);
        }
    }
}

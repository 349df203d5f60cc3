//! Reading numbers and words out of the kernel's text files without copying them.

/// The lines of a file with their 1-based numbers, empty ones left out.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    text.split(|b| *b == b'\n')
        .enumerate()
        .map(|(at, line)| (at + 1, line))
        .filter(|(_, line)| !line.is_empty())
}

/// The words of a line.
pub(crate) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|b| matches!(b, b' ' | b'\t' | b'\r')).filter(|word| !word.is_empty())
}

/// A decimal number without sign; `None` for anything else and for what does not fit.
pub(crate) fn number(word: &[u8]) -> Option<u64> {
    if word.is_empty() {
        return None;
    }
    word.iter().try_fold(0_u64, |value, digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A decimal number with or without a minus sign.
pub(crate) fn integer(word: &[u8]) -> Option<i64> {
    match word.strip_prefix(b"-") {
        Some(digits) => 0_i64.checked_sub_unsigned(number(digits)?),
        None => i64::try_from(number(word)?).ok(),
    }
}

/// A hexadecimal number without anything before it.
pub(crate) fn hexadecimal(word: &[u8]) -> Option<u64> {
    let plain = !word.is_empty() && word.iter().all(u8::is_ascii_hexdigit);
    u64::from_str_radix(text(word).filter(|_| plain)?, 16).ok()
}

/// A decimal number with a fraction, finite and not negative.
pub(crate) fn decimal(word: &[u8]) -> Option<f64> {
    let plain = word.iter().all(|b| b.is_ascii_digit() || *b == b'.');
    let value: f64 = text(word).filter(|_| plain)?.parse().ok()?;
    value.is_finite().then_some(value)
}

/// A word as UTF-8, for a label.
pub(crate) fn text(word: &[u8]) -> Option<&str> {
    std::str::from_utf8(word).ok()
}

/// Reads the leading numbers of a line into `into` and says how many there were; `None` when a word among them is not
/// a number or there are none.
pub(crate) fn numbers(line: &[u8], into: &mut [u64]) -> Option<usize> {
    let mut count = 0;
    for (slot, word) in into.iter_mut().zip(words(line)) {
        *slot = number(word)?;
        count += 1;
    }
    (count > 0).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: numbers at and beyond the range, signs, blanks, letters. Guarantees: read exactly or refused.
    #[test]
    fn numbers_are_exact_or_refused() {
        for (word, expected) in [
            ("0", Some(0)),
            ("007", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("-1", None),
            ("+1", None),
            ("1 ", None),
            ("", None),
            ("12a", None),
        ] {
            assert_eq!(number(word.as_bytes()), expected, "{word:?}");
        }
    }

    /// Scenario: signs, hexadecimal digits, and what Rust's own parser takes besides. Guarantees: exact or refused.
    #[test]
    fn signs_and_hexadecimal_are_exact_or_refused() {
        assert_eq!(integer(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer(b"9223372036854775807"), Some(i64::MAX));
        for word in ["9223372036854775808", "-9223372036854775809", "--1", "+1", "-", ""] {
            assert_eq!(integer(word.as_bytes()), None, "{word:?}");
        }
        assert_eq!(hexadecimal(b"00551c3F"), Some(0x0055_1c3f));
        for word in ["", "+1", "0x1", "10000000000000000"] {
            assert_eq!(hexadecimal(word.as_bytes()), None, "{word:?}");
        }
    }

    /// Scenario: what Rust's own parser takes but the kernel never writes. Guarantees: refused.
    #[test]
    fn decimals_are_plain() {
        assert_eq!(decimal(b"0.21").map(f64::to_bits), Some(0.21_f64.to_bits()));
        for word in ["nan", "inf", "-0.1", "1e3", "", ".", "0.2.1"] {
            assert_eq!(decimal(word.as_bytes()), None, "{word:?}");
        }
    }

    /// Scenario: a line with fewer, more and other words than asked for. Guarantees: the count tells.
    #[test]
    fn number_lists_tell_their_length() {
        let mut into = [0; 3];
        assert_eq!(numbers(b" 1\t2  ", &mut into), Some(2));
        assert_eq!(numbers(b"1 2 3 4", &mut into), Some(3));
        assert_eq!(into, [1, 2, 3]);
        assert_eq!(numbers(b"1 x 3", &mut into), None);
        assert_eq!(numbers(b"", &mut into), None);
    }
}

//! One record: `PRIORITY,NUMBER,MICROSECONDS,FLAGS;TEXT` and lines of properties behind it
//! (Documentation/ABI/testing/dev-kmsg).

use crate::field;

/// A message.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Record<'a> {
    /// 0 emergency to 7 debug.
    pub(super) level: u8,
    /// Facility 0; what programs write has another one.
    pub(super) is_of_kernel: bool,
    pub(super) sequence: u64,
    /// Since boot.
    pub(super) micros: u64,
    /// The first line; control characters are escaped in it.
    pub(super) text: &'a [u8],
}

/// `None` when it is no record.
pub(super) fn parse(record: &[u8]) -> Option<Record<'_>> {
    let semicolon = record.iter().position(|b| *b == b';')?;
    let (head, behind) = (record.get(..semicolon)?, record.get(semicolon + 1..)?);
    let mut parts = head.split(|b| *b == b',');
    let priority = field::number(parts.next()?)?;
    let sequence = field::number(parts.next()?)?;
    let micros = field::number(parts.next()?)?;
    parts.next()?;
    let end = behind.iter().position(|b| *b == b'\n').unwrap_or(behind.len());
    Some(Record {
        level: u8::try_from(priority % 8).ok()?,
        is_of_kernel: priority < 8,
        sequence,
        micros,
        text: behind.get(..end)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a message of the kernel with properties, one of a program, ones that are cut. Guarantees: read exactly or
    /// refused.
    #[test]
    fn records_are_read_or_refused() {
        let kernel =
            b"3,7,1234567,-;EXT4-fs error (device sda1): bad\n SUBSYSTEM=block\n DEVICE=b8:1\n";
        let expected = Record {
            level: 3,
            is_of_kernel: true,
            sequence: 7,
            micros: 1_234_567,
            text: b"EXT4-fs error (device sda1): bad",
        };
        assert_eq!(parse(kernel), Some(expected));
        let program = parse(b"11,349,99,-,caller=T1;hello; world\n").expect("a record");
        assert!(!program.is_of_kernel && program.level == 3);
        assert_eq!(program.text, b"hello; world");
        for bad in ["", ";", "3,7;x", "3,7,1;x", "x,7,1,-;x", "3,-7,1,-;x", "3,7,1,-"] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
    }
}

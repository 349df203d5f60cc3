//! The bytes of a segment. The layout is in the crate's documentation.

use crate::Lsn;

/// Bytes before the first record.
pub(crate) const HEADER_BYTES: u64 = 24;
/// Bytes of a record before its payload.
pub(crate) const HEAD_BYTES: usize = 17;
/// Longest payload of the format: a longer one in a file is damage. Bounds what a reader allocates.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 64 << 20;

const MAGIC: [u8; 8] = *b"WRJOURNL";
const VERSION: u32 = 1;

/// What a segment's header says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// It is the header of this segment.
    Good,
    /// It is not; the records may still be.
    Bad,
    /// Written by another release.
    Version(u32),
}

/// The fixed part of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) payload_bytes: usize,
    pub(crate) kind: u8,
    pub(crate) lsn: Lsn,
    crc: u32,
}

/// The header of the segment that starts with `first`.
pub(crate) fn encode_header(first: Lsn) -> [u8; HEADER_BYTES as usize] {
    let mut header = [0; HEADER_BYTES as usize];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..20].copy_from_slice(&first.0.to_le_bytes());
    let crc = crc32c::crc32c(&header[..20]);
    header[20..].copy_from_slice(&crc.to_le_bytes());
    header
}

/// Judges the first bytes of the segment that must start with `first`.
pub(crate) fn check_header(bytes: &[u8], first: Lsn) -> Header {
    if *bytes == encode_header(first) {
        return Header::Good;
    }
    let sound = bytes.len() == HEADER_BYTES as usize
        && bytes[..8] == MAGIC
        && u32_at(bytes, 20) == crc32c::crc32c(&bytes[..20]);
    match sound.then(|| u32_at(bytes, 8)) {
        Some(version) if version != VERSION => Header::Version(version),
        _ => Header::Bad,
    }
}

/// Appends one record. The caller has checked the payload's length.
pub(crate) fn encode_record(buffer: &mut Vec<u8>, kind: u8, lsn: Lsn, payload: &[u8]) {
    let start = buffer.len();
    // Callers hold payloads under MAX_PAYLOAD_BYTES, which fits.
    buffer.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    buffer.push(kind);
    buffer.extend_from_slice(&lsn.0.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&buffer[start + 4..]), payload);
    buffer.extend_from_slice(&crc.to_le_bytes());
    buffer.extend_from_slice(payload);
}

/// The fixed part of a record, `None` when `bytes` is shorter than it.
pub(crate) fn decode_head(bytes: &[u8]) -> Option<Head> {
    let bytes = bytes.get(..HEAD_BYTES)?;
    let mut lsn = [0; 8];
    lsn.copy_from_slice(&bytes[5..13]);
    Some(Head {
        payload_bytes: u32_at(bytes, 0) as usize,
        kind: bytes[4],
        lsn: Lsn(u64::from_le_bytes(lsn)),
        crc: u32_at(bytes, 13),
    })
}

/// The payload of a whole record, `None` when its checksum does not fit.
pub(crate) fn checked_payload(head: Head, record: &[u8]) -> Option<&[u8]> {
    let payload = record.get(HEAD_BYTES..HEAD_BYTES + head.payload_bytes)?;
    let crc = crc32c::crc32c_append(crc32c::crc32c(&record[4..13]), payload);
    (crc == head.crc).then_some(payload)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the segment that the crate's documentation prints. Guarantees: these bytes are the format.
    #[test]
    fn the_documented_bytes_are_written() {
        let mut bytes = encode_header(Lsn::FIRST).to_vec();
        encode_record(&mut bytes, 7, Lsn::FIRST, b"hi");
        let hex: Vec<String> = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let documented = include_str!("lib.rs");
        for (offset, row) in [
            (0x00, &hex[0x00..0x08]),
            (0x08, &hex[0x08..0x0c]),
            (0x0c, &hex[0x0c..0x14]),
            (0x14, &hex[0x14..0x18]),
            (0x18, &hex[0x18..0x1c]),
            (0x1c, &hex[0x1c..0x1d]),
            (0x1d, &hex[0x1d..0x25]),
            (0x25, &hex[0x25..0x29]),
            (0x29, &hex[0x29..]),
        ] {
            let line = format!("//! {offset:02x}  {} ", row.join(" "));
            assert!(documented.contains(&line), "lib.rs lacks '{line}'");
        }
    }

    /// Scenario: headers of this segment, of another, of another release and torn ones.
    /// Guarantees: only a sound header of another release stops a reader.
    #[test]
    fn headers_are_told_apart() {
        let good = encode_header(Lsn(5));
        assert_eq!(check_header(&good, Lsn(5)), Header::Good);
        assert_eq!(check_header(&good, Lsn(6)), Header::Bad);
        assert_eq!(check_header(&good[..10], Lsn(5)), Header::Bad);
        let mut newer = good;
        newer[8] = 2;
        assert_eq!(check_header(&newer, Lsn(5)), Header::Bad);
        let crc = crc32c::crc32c(&newer[..20]);
        newer[20..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(check_header(&newer, Lsn(5)), Header::Version(2));
    }
}

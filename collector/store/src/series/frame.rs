//! Frames of a day's file `blocks`: a head of 44 bytes and a body. Numbers are little-endian.
//!
//! ```text
//! 00  57 52 42 31   magic "WRB1"
//! 04  kind u8       1 definition of a group, 2 rows of one
//! 05  three zeros
//! 08  length of the body u32
//! 0c  group u32     its number in this file
//! 10  first time i64, microseconds since the epoch (rows only)
//! 18  last time i64
//! 20  rows u32
//! 24  crc32c of the body u32
//! 28  crc32c of the 40 bytes before u32
//! ```
//!
//! A definition's body is the group's series as JSON, zstd-compressed: a list of series, each a list of name and value.
//! A file is readable by itself: whatever it refers to is defined in it.

use shared_model::Labels;

/// Bytes of a head.
pub(super) const HEAD_BYTES: usize = 44;
/// Start of every frame.
pub(super) const MAGIC: [u8; 4] = *b"WRB1";
/// Longest definition once unpacked: 65,536 series of 1 KiB.
const DEFINITION_BYTES_MAX: usize = 64 << 20;

/// What a frame holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Definition,
    Rows,
}

/// The head of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) body_bytes: u32,
    pub(super) group: u32,
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) rows: u32,
    pub(super) body_crc: u32,
}

impl Head {
    /// The head of `body`; lengths are taken from it.
    pub(super) fn of(kind: Kind, group: u32, body: &[u8]) -> Self {
        Self {
            kind,
            // Bodies are bounded by the group's size, far below 4 GiB.
            body_bytes: body.len() as u32,
            group,
            from: 0,
            to: 0,
            rows: 0,
            body_crc: crc32c::crc32c(body),
        }
    }

    pub(super) fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut head = [0; HEAD_BYTES];
        head[..4].copy_from_slice(&MAGIC);
        head[4] = match self.kind {
            Kind::Definition => 1,
            Kind::Rows => 2,
        };
        head[8..12].copy_from_slice(&self.body_bytes.to_le_bytes());
        head[12..16].copy_from_slice(&self.group.to_le_bytes());
        head[16..24].copy_from_slice(&self.from.to_le_bytes());
        head[24..32].copy_from_slice(&self.to.to_le_bytes());
        head[32..36].copy_from_slice(&self.rows.to_le_bytes());
        head[36..40].copy_from_slice(&self.body_crc.to_le_bytes());
        let crc = crc32c::crc32c(&head[..40]);
        head[40..].copy_from_slice(&crc.to_le_bytes());
        head
    }

    /// The head at the start of `bytes`, `None` when there is no sound one.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let head = bytes.first_chunk::<HEAD_BYTES>()?;
        if head[..4] != MAGIC || u32_at(head, 40) != crc32c::crc32c(&head[..40]) {
            return None;
        }
        let kind = match head[4] {
            1 => Kind::Definition,
            2 => Kind::Rows,
            _ => return None,
        };
        Some(Self {
            kind,
            body_bytes: u32_at(head, 8),
            group: u32_at(head, 12),
            from: i64_at(head, 16),
            to: i64_at(head, 24),
            rows: u32_at(head, 32),
            body_crc: u32_at(head, 36),
        })
    }

    /// Bytes of head and body.
    pub(super) fn frame_bytes(&self) -> u64 {
        HEAD_BYTES as u64 + u64::from(self.body_bytes)
    }
}

/// Body of a definition. `None` when it cannot be compressed, which memory alone could cause.
pub(super) fn encode_definition<'a>(
    series: impl Iterator<Item = &'a Labels>,
) -> std::io::Result<Vec<u8>> {
    let series: Vec<Vec<(&str, &str)>> = series.map(|labels| labels.iter().collect()).collect();
    let json = serde_json::to_vec(&series).map_err(std::io::Error::other)?;
    zstd::bulk::compress(&json, 3)
}

/// The series of a definition, `None` when it is none.
pub(super) fn decode_definition(body: &[u8]) -> Option<Vec<Labels>> {
    let json = zstd::bulk::decompress(body, DEFINITION_BYTES_MAX).ok()?;
    let series: Vec<Vec<(Box<str>, Box<str>)>> = serde_json::from_slice(&json).ok()?;
    Some(series.into_iter().map(Labels::from).collect())
}

fn u32_at(bytes: &[u8; HEAD_BYTES], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}

fn i64_at(bytes: &[u8; HEAD_BYTES], at: usize) -> i64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    i64::from_le_bytes(eight)
}

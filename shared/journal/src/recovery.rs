//! What a log's files hold when nobody has written to them for a while: at open, and offline.

use crate::format::{HEADER_BYTES, Header};
use crate::segment::{End, Found, SegmentReader};
use crate::{Disk, Io, JournalError, Lsn, LsnRange, directory};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much [`Log::open`](crate::Log::open) reads. Readers report damage in any case.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scan {
    /// Every segment, so that [`Recovery::damaged`] is complete.
    #[default]
    All,
    /// The last segment only, which is what writing needs: for logs of many gigabytes.
    Last,
}

/// What [`Log::open`](crate::Log::open) does with bytes after the last trusted record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Tail {
    /// Cuts them: a group that was being written when the power went was never acknowledged.
    #[default]
    CutBad,
    /// Cuts a record that is shorter than its length says, and refuses to open on a whole one that is damaged: for
    /// the ledger, where that is a forgery or a failing disk.
    CutIncomplete,
}

/// What [`Log::open`](crate::Log::open) found and did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Recovery {
    /// Records that cannot be read, in order.
    pub damaged: Vec<Damage>,
    /// What was cut from the end of the last segment.
    pub torn: Option<TornTail>,
}

/// A damaged place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// The segment, or the one before a missing segment.
    pub path: PathBuf,
    /// First bad byte in it; 0 for the header.
    pub offset: u64,
    /// The records lost there; `None` when only the header is damaged, which loses nothing.
    pub lost: Option<LsnRange>,
}

/// Bytes after the last trusted record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TornTail {
    /// The last segment.
    pub path: PathBuf,
    /// Where its trusted records end.
    pub offset: u64,
    /// Bytes that follow.
    pub bytes: u64,
    /// Whether they are at least one whole record as far as its length field says, rather than the start of one.
    pub whole: bool,
    /// The number the first record there would have.
    pub lsn: Lsn,
}

/// What [`verify`] found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Summary {
    /// Segment files.
    pub segments: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Trusted records.
    pub records: u64,
    /// First number that the log still holds.
    pub first: Lsn,
    /// Number after the last trusted record.
    pub next: Lsn,
    /// Damaged places, in order.
    pub damaged: Vec<Damage>,
    /// Bytes after the last trusted record.
    pub torn: Option<TornTail>,
}

/// Reads a whole log without changing or locking it. An empty directory is an empty log.
///
/// # Errors
/// [`JournalError::Read`] and [`JournalError::Version`]; damage is not an error but in the summary.
pub fn verify(dir: &Path) -> Result<Summary, JournalError> {
    let io: Arc<dyn Io> = Arc::new(Disk);
    let firsts = directory::segments(&*io, dir)?;
    let mut summary = Summary {
        segments: firsts.len(),
        bytes: 0,
        records: 0,
        first: firsts.first().copied().unwrap_or(Lsn::FIRST),
        next: Lsn::FIRST,
        damaged: Vec::new(),
        torn: None,
    };
    for (index, first) in firsts.iter().enumerate() {
        let upper = firsts.get(index + 1).copied();
        let scanned = scan(&io, dir, *first, upper)?;
        summary.bytes += scanned.end.offset + scanned.end.rest;
        summary.records += scanned.records;
        summary.next = scanned.next;
        summary.torn = scanned.torn();
        summary.damaged.extend(scanned.damaged);
    }
    Ok(summary)
}

/// One segment as far as it can be read.
#[derive(Debug)]
pub(crate) struct Scanned {
    pub(crate) path: PathBuf,
    pub(crate) header: Header,
    pub(crate) records: u64,
    pub(crate) damaged: Vec<Damage>,
    pub(crate) end: End,
    pub(crate) next: Lsn,
}

impl Scanned {
    /// The bytes after the records; a header that was cut short counts.
    pub(crate) fn torn(&self) -> Option<TornTail> {
        (self.end.rest > 0).then(|| TornTail {
            path: self.path.clone(),
            offset: self.end.offset,
            bytes: self.end.rest,
            whole: self.end.whole,
            lsn: self.next,
        })
    }
}

/// Reads the segment that starts with `first`. With `upper`, the first number of the following segment, whatever is
/// missing up to there is damage; without it the segment is the last one and ends where its records end.
pub(crate) fn scan(
    io: &Arc<dyn Io>,
    dir: &Path,
    first: Lsn,
    upper: Option<Lsn>,
) -> Result<Scanned, JournalError> {
    let (mut segment, header) = SegmentReader::open(Arc::clone(io), dir, first)?;
    let mut damaged = Vec::new();
    let mut records = 0;
    let damage = |path: &Path, offset, lost| Damage { path: path.to_owned(), offset, lost };
    if header == Header::Bad {
        damaged.push(damage(&segment.path, 0, None));
    }
    let end = loop {
        match segment.next(upper)? {
            Found::Record { .. } => records += 1,
            Found::Lost { range, offset } => {
                damaged.push(damage(&segment.path, offset, Some(range)));
            }
            Found::End(end) => break end,
        }
    };
    let mut scanned =
        Scanned { records, damaged, end, next: segment.expected, header, path: segment.path };
    if let Some(upper) = upper {
        let lost = scanned.next.until(upper);
        if lost.is_some() || end.rest > 0 {
            scanned.damaged.push(damage(&scanned.path, end.offset, lost));
        }
        scanned.next = scanned.next.max(upper);
        scanned.end = End { offset: end.offset + end.rest, rest: 0, whole: false };
    } else if end.rest == 0 && scanned.header == Header::Bad && end.offset == HEADER_BYTES {
        // A crash between creating the file and writing its header: nothing was ever in it.
        scanned.damaged.clear();
    }
    Ok(scanned)
}

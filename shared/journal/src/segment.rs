//! Reads one segment record by record, and past damage.

use crate::format::{self, HEAD_BYTES, HEADER_BYTES, Header, MAX_PAYLOAD_BYTES};
use crate::{Io, JournalError, Lsn, LsnRange, directory};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes read at once: large enough that a record costs no system call, small enough for an agent's memory.
const WINDOW_BYTES: usize = 256 << 10;

/// One segment and the place reached in it.
#[derive(Debug)]
pub(crate) struct SegmentReader {
    io: Arc<dyn Io>,
    pub(crate) path: PathBuf,
    pub(crate) first: Lsn,
    /// Number of the record that must come next.
    pub(crate) expected: Lsn,
    file: File,
    offset: u64,
    /// Length of the file when it was asked last; it may have grown since.
    end: u64,
    window: Vec<u8>,
    window_at: u64,
}

/// What comes next in a segment.
#[derive(Debug)]
pub(crate) enum Found {
    /// A record.
    Record { lsn: Lsn, kind: u8, payload: Vec<u8> },
    /// Records that cannot be read, before one that can.
    Lost { range: LsnRange, offset: u64 },
    /// No trusted record from `offset` on; `rest` bytes stand there. Asking again later may find more.
    End(End),
}

/// Where the trusted records of a segment end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// First byte after them.
    pub(crate) offset: u64,
    /// Bytes that follow.
    pub(crate) rest: u64,
    /// Whether the bytes that follow are at least one whole record, as far as their length field says.
    pub(crate) whole: bool,
}

impl SegmentReader {
    /// Opens the segment that starts with `first`; its header is judged, not trusted.
    pub(crate) fn open(
        io: Arc<dyn Io>,
        dir: &Path,
        first: Lsn,
    ) -> Result<(Self, Header), JournalError> {
        let path = directory::segment_path(dir, first);
        let file = io.open(&path).map_err(JournalError::read(&path))?;
        let mut reader = Self {
            io,
            path,
            first,
            expected: first,
            file,
            offset: HEADER_BYTES,
            end: 0,
            window: Vec::new(),
            window_at: 0,
        };
        let header = reader.read(0, HEADER_BYTES as usize);
        let header = header.map(|bytes| format::check_header(bytes, first));
        let header = header.map_err(JournalError::read(&reader.path))?;
        if let Header::Version(found) = header {
            let path = reader.path;
            return Err(JournalError::Version { path, found });
        }
        Ok((reader, header))
    }

    /// The next record, damage or end. `upper` is the first number of the following segment, if there is one.
    pub(crate) fn next(&mut self, upper: Option<Lsn>) -> Result<Found, JournalError> {
        self.step(upper).map_err(|e| JournalError::read(&self.path)(e))
    }

    fn step(&mut self, upper: Option<Lsn>) -> io::Result<Found> {
        if let Some(found) = self.in_place()? {
            return Ok(found);
        }
        // The file may have grown since. Only what was there before the second look may be searched, or records that
        // are written meanwhile would pass for the first ones after damage.
        self.refresh_end()?;
        let end = self.end;
        if let Some(found) = self.in_place()? {
            return Ok(found);
        }
        let Some((offset, lsn)) = self.next_trusted(end, upper)? else {
            return self.tail(end).map(Found::End);
        };
        let from = std::mem::replace(&mut self.expected, lsn);
        let damaged_at = std::mem::replace(&mut self.offset, offset);
        match from.until(lsn) {
            Some(range) => Ok(Found::Lost { range, offset: damaged_at }),
            // Foreign bytes between two records that follow each other: nothing is lost. One level deep, because the
            // record that was just found is trusted.
            None => self.step(upper),
        }
    }

    /// The record that must come next, if it is at its place.
    fn in_place(&mut self) -> io::Result<Option<Found>> {
        let record = self.record(self.offset, self.expected..=self.expected)?;
        Ok(record.map(|(lsn, kind, payload)| {
            self.offset += (HEAD_BYTES + payload.len()) as u64;
            self.expected = lsn.next();
            Found::Record { lsn, kind, payload }
        }))
    }

    fn tail(&mut self, end: u64) -> io::Result<End> {
        let offset = self.offset;
        let bytes = self.read(offset, HEAD_BYTES)?;
        // Zeros are what a file system leaves where a write was cut short by a power loss, not a record.
        let head = format::decode_head(bytes).filter(|_| bytes.iter().any(|b| *b != 0));
        let rest = end.saturating_sub(offset);
        let whole = head.is_some_and(|h| (HEAD_BYTES + h.payload_bytes) as u64 <= rest);
        Ok(End { offset, rest, whole })
    }

    /// The record at `offset` if it can be trusted and its number is one of `numbers`.
    fn record(
        &mut self,
        offset: u64,
        numbers: std::ops::RangeInclusive<Lsn>,
    ) -> io::Result<Option<(Lsn, u8, Vec<u8>)>> {
        let head = self.read(offset, HEAD_BYTES).map(format::decode_head)?;
        let Some(head) = head.filter(|h| numbers.contains(&h.lsn)) else {
            return Ok(None);
        };
        if head.payload_bytes > MAX_PAYLOAD_BYTES {
            return Ok(None);
        }
        let record = self.read(offset, HEAD_BYTES + head.payload_bytes)?;
        let payload = format::checked_payload(head, record);
        Ok(payload.map(|payload| (head.lsn, head.kind, payload.to_vec())))
    }

    /// Offset and number of the first record from `self.offset` on that lies before `end` and can be trusted.
    fn next_trusted(&mut self, end: u64, upper: Option<Lsn>) -> io::Result<Option<(u64, Lsn)>> {
        let start = self.offset;
        let head = self.read(start, HEAD_BYTES).map(format::decode_head)?;
        let room = end.saturating_sub(start) / HEAD_BYTES as u64;
        let last = Lsn(self.expected.0.saturating_add(room));
        let last = upper.map_or(last, |u| last.min(Lsn(u.0.saturating_sub(1))));
        // Damage within the payload leaves the length right. Trying its end first keeps bytes of a payload that
        // happen to look like a record from being taken for one.
        if let Some(head) = head.filter(|h| h.lsn == self.expected) {
            let after = start + (HEAD_BYTES + head.payload_bytes) as u64;
            let next = self.expected.next();
            if after < end && self.record(after, next..=next)?.is_some() {
                return Ok(Some((after, next)));
            }
        }
        for offset in start..(end + 1).saturating_sub(HEAD_BYTES as u64) {
            if let Some((lsn, ..)) = self.record(offset, self.expected..=last)? {
                return Ok(Some((offset, lsn)));
            }
        }
        Ok(None)
    }

    /// Up to `want` bytes from `offset`, fewer at the end of the file.
    fn read(&mut self, offset: u64, want: usize) -> io::Result<&[u8]> {
        let covered = |this: &Self| {
            let start = usize::try_from(offset.checked_sub(this.window_at)?).ok()?;
            (start + want <= this.window.len()).then_some(start)
        };
        let start = match covered(self) {
            Some(start) => start,
            None => {
                self.fill(offset, want)?;
                0
            }
        };
        let stop = (start + want).min(self.window.len());
        Ok(&self.window[start..stop])
    }

    fn fill(&mut self, offset: u64, want: usize) -> io::Result<()> {
        self.refresh_end()?;
        let rest = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        self.window.resize(want.max(WINDOW_BYTES).min(rest), 0);
        self.window_at = offset;
        let mut filled = 0;
        while filled < self.window.len() {
            let at = offset + filled as u64;
            match self.io.read_at(&self.file, &mut self.window[filled..], at) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    self.window.clear();
                    return Err(e);
                }
            }
        }
        self.window.truncate(filled);
        Ok(())
    }

    fn refresh_end(&mut self) -> io::Result<()> {
        self.end = self.io.bytes(&self.file)?;
        Ok(())
    }
}

//! The writer of a log.

use crate::format::{self, HEAD_BYTES, HEADER_BYTES, Header, MAX_PAYLOAD_BYTES};
use crate::recovery::{self, Scanned};
use crate::{Disk, Io, JournalError, Lsn, LsnRange, Reader, Recovery, Scan, Tail, directory};
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Appended bytes that wait in memory for [`Log::flush`]; at this many `append` flushes by itself. Above one group of
/// an ordinary second, below what an agent may hold.
const BUFFER_BYTES: usize = 1 << 20;

/// How a log is cut into files and what it may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// A segment is closed when the next record would take it over this. At least 64.
    pub segment_bytes: u64,
    /// Bytes of all segments from which [`Log::over_budget`] speaks up. The log never drops anything by itself.
    pub budget_bytes: Option<u64>,
    /// Longest payload, at most 64 MiB.
    pub max_record_bytes: usize,
    /// How much is read at open.
    pub scan: Scan,
    /// What is cut at open.
    pub tail: Tail,
}

impl Default for Options {
    /// 8 MiB segments, no budget, records up to 4 MiB, everything read at open, a bad tail cut.
    fn default() -> Self {
        Self {
            segment_bytes: 8 << 20,
            budget_bytes: None,
            max_record_bytes: 4 << 20,
            scan: Scan::All,
            tail: Tail::CutBad,
        }
    }
}

/// The one writer of a log.
#[derive(Debug)]
pub struct Log {
    dir: PathBuf,
    options: Options,
    io: Arc<dyn Io>,
    /// Never empty; the last is the active one. `bytes` of that one counts what is written, not what is buffered.
    segments: VecDeque<Segment>,
    active: File,
    active_path: PathBuf,
    buffer: Vec<u8>,
    next: Lsn,
    /// Number after the last record that is in a file; readers of this process read up to here.
    flushed: Arc<AtomicU64>,
    /// Number after the last record that is on disk.
    durable: Lsn,
    /// The active file was written since its last fdatasync.
    unsynced: bool,
    poisoned: Option<String>,
    _lock: File,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    first: Lsn,
    bytes: u64,
}

impl Log {
    /// Opens the log in `dir`, which is created when missing, and cuts a torn tail.
    ///
    /// Everything that is found is synced before this returns, so that nothing built upon it can be lost later.
    ///
    /// # Errors
    /// [`JournalError::Locked`] while another `Log` has it open; [`JournalError::Version`];
    /// [`JournalError::DamagedTail`] as [`Tail`] says; read, write and fsync errors.
    pub fn open(dir: &Path, options: Options) -> Result<(Self, Recovery), JournalError> {
        Self::open_with(Arc::new(Disk), dir, options)
    }

    /// [`Log::open`] with other file calls.
    pub fn open_with(
        io: Arc<dyn Io>,
        dir: &Path,
        options: Options,
    ) -> Result<(Self, Recovery), JournalError> {
        if options.segment_bytes < 64 {
            return Err(JournalError::Option("segment_bytes is below 64"));
        }
        if options.max_record_bytes > MAX_PAYLOAD_BYTES {
            return Err(JournalError::Option("max_record_bytes is over 64 MiB"));
        }
        if !dir.is_dir() {
            fs::create_dir_all(dir).map_err(JournalError::write(dir))?;
            if let Some(parent) = dir.parent().filter(|p| !p.as_os_str().is_empty()) {
                io.sync_dir(parent).map_err(sync_error(parent))?;
            }
        }
        let lock = directory::lock(dir)?;
        let mut recovery = Recovery::default();
        let (segments, next) = recover(&io, dir, options, &mut recovery)?;
        let first = segments.back().map_or(next, |s| s.first);
        let active_path = directory::segment_path(dir, first);
        let mut open = OpenOptions::new();
        let active = open.read(true).write(true).open(&active_path);
        let active = active.map_err(JournalError::write(&active_path))?;
        io.sync_data(&active).map_err(sync_error(&active_path))?;
        io.sync_dir(dir).map_err(sync_error(dir))?;
        let log = Self {
            dir: dir.to_owned(),
            options,
            io,
            segments,
            active,
            active_path,
            buffer: Vec::new(),
            next,
            flushed: Arc::new(AtomicU64::new(next.0)),
            durable: next,
            unsynced: false,
            poisoned: None,
            _lock: lock,
        };
        Ok((log, recovery))
    }

    /// Takes a record into memory and gives it its number. `kind` is the caller's. Starting a new segment or a full
    /// buffer flushes what was appended before.
    ///
    /// # Errors
    /// [`JournalError::RecordTooLarge`], and those of [`Log::flush`] and [`Log::sync`]; the record is then not in the
    /// log and has no number.
    pub fn append(&mut self, kind: u8, payload: &[u8]) -> Result<Lsn, JournalError> {
        self.healthy()?;
        let limit = self.options.max_record_bytes;
        if payload.len() > limit {
            let bytes = payload.len();
            return Err(JournalError::RecordTooLarge { bytes, limit });
        }
        let end = self.written() + self.buffer.len() as u64;
        let grown = end + (HEAD_BYTES + payload.len()) as u64;
        if end > HEADER_BYTES && grown > self.options.segment_bytes {
            self.begin_segment(self.next)?;
        } else if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        let lsn = self.next;
        format::encode_record(&mut self.buffer, kind, lsn, payload);
        self.next = lsn.next();
        Ok(lsn)
    }

    /// Writes what was appended into the file: it survives the death of this process and readers see it.
    ///
    /// # Errors
    /// [`JournalError::Write`]: nothing is lost, what was appended stays in memory and the call may be repeated, for
    /// example after [`Log::evict_oldest`] on a full disk.
    pub fn flush(&mut self) -> Result<(), JournalError> {
        self.healthy()?;
        if self.buffer.is_empty() {
            return Ok(());
        }
        let at = self.written();
        self.unsynced = true;
        self.io
            .write_at(&self.active, &self.buffer, at)
            .map_err(JournalError::write(&self.active_path))?;
        if let Some(active) = self.segments.back_mut() {
            active.bytes += self.buffer.len() as u64;
        }
        self.buffer.clear();
        self.flushed.store(self.next.0, Ordering::Release);
        Ok(())
    }

    /// [`Log::flush`], then waits until it is all on disk: it survives the loss of power.
    ///
    /// # Errors
    /// Those of `flush`, and [`JournalError::Sync`], which poisons the log: every later call that changes it answers
    /// [`JournalError::Poisoned`].
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.flush()?;
        if self.unsynced {
            let synced = self.io.sync_data(&self.active);
            self.poison_on_error(synced, self.active_path.clone())?;
            self.unsynced = false;
        }
        self.durable = self.next;
        Ok(())
    }

    /// Lets the next record have number `to`; the numbers between stay without a record and are read as damaged. For
    /// a writer that gave numbers away which a crash may have kept from the disk.
    ///
    /// # Errors
    /// [`JournalError::SkipBack`] when `to` is below [`Log::next`]; those of [`Log::sync`].
    pub fn skip_to(&mut self, to: Lsn) -> Result<(), JournalError> {
        self.healthy()?;
        let next = self.next;
        match to.cmp(&next) {
            std::cmp::Ordering::Less => Err(JournalError::SkipBack { to, next }),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => self.begin_segment(to),
        }
    }

    /// Ends the active segment, so that all its records can be dropped. Nothing when it has none.
    ///
    /// # Errors
    /// Those of [`Log::sync`].
    pub fn roll(&mut self) -> Result<(), JournalError> {
        self.healthy()?;
        let is_empty = self.written() <= HEADER_BYTES && self.buffer.is_empty();
        if is_empty { Ok(()) } else { self.begin_segment(self.next) }
    }

    /// Reads from `from` on what is flushed. The reader may go to another thread and outlive the log.
    pub fn reader(&self, from: Lsn) -> Reader {
        Reader::bounded(Arc::clone(&self.io), &self.dir, from, Some(Arc::clone(&self.flushed)))
    }

    /// Removes the segments that hold only records before `lsn`, never the active one. Returns what was removed.
    ///
    /// # Errors
    /// [`JournalError::Write`] when a file could not be removed; those before it are gone.
    pub fn drop_before(&mut self, lsn: Lsn) -> Result<Option<LsnRange>, JournalError> {
        self.healthy()?;
        let from = self.first();
        while self.segments.get(1).is_some_and(|s| s.first <= lsn) {
            self.remove_oldest()?;
        }
        let removed = from.until(self.first());
        if removed.is_some() {
            self.sync_dir()?;
        }
        Ok(removed)
    }

    /// The oldest segment's records, when the log is over its budget and that segment is not the active one.
    pub fn over_budget(&self) -> Option<LsnRange> {
        let budget = self.options.budget_bytes?;
        let second = self.segments.get(1)?;
        if self.bytes() <= budget {
            return None;
        }
        self.first().until(second.first)
    }

    /// Removes the oldest segment unless it is the active one. Returns what was removed: the caller declares the loss.
    ///
    /// # Errors
    /// [`JournalError::Write`] when the file could not be removed.
    pub fn evict_oldest(&mut self) -> Result<Option<LsnRange>, JournalError> {
        self.healthy()?;
        if self.segments.len() < 2 {
            return Ok(None);
        }
        let from = self.first();
        self.remove_oldest()?;
        self.sync_dir()?;
        Ok(from.until(self.first()))
    }

    /// Bytes of all segments, those that wait in memory included.
    pub fn bytes(&self) -> u64 {
        let written: u64 = self.segments.iter().map(|s| s.bytes).sum();
        written + self.buffer.len() as u64
    }

    /// First number that the log still holds, or [`Log::next`] when it holds none.
    pub fn first(&self) -> Lsn {
        self.segments.front().map_or(self.next, |s| s.first)
    }

    /// First number of the segment that holds `lsn`, or of the oldest one when all begin after it.
    pub fn start_of(&self, lsn: Lsn) -> Lsn {
        let after = self.segments.partition_point(|s| s.first <= lsn);
        self.segments.get(after.saturating_sub(1)).map_or(self.next, |s| s.first)
    }

    /// Number of the next record.
    pub fn next(&self) -> Lsn {
        self.next
    }

    /// Number after the last record that is known to be on disk.
    pub fn durable(&self) -> Lsn {
        self.durable
    }

    /// How many segment files there are, the active one included.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn written(&self) -> u64 {
        self.segments.back().map_or(HEADER_BYTES, |s| s.bytes)
    }

    /// Closes the active segment, synced, and begins the one that starts with `first`.
    fn begin_segment(&mut self, first: Lsn) -> Result<(), JournalError> {
        self.sync()?;
        let path = directory::segment_path(&self.dir, first);
        let file = match create_segment(&*self.io, &path, first) {
            Ok(file) => file,
            Err(e) => return Err(self.discard_attempt(&path, e)),
        };
        self.sync_dir()?;
        self.active = file;
        self.active_path = path;
        self.segments.push_back(Segment { first, bytes: HEADER_BYTES });
        self.next = first;
        self.unsynced = true;
        self.flushed.store(first.0, Ordering::Release);
        Ok(())
    }

    /// Removes what a failed attempt to begin a segment left, since its name would be wrong once shorter records still
    /// found room in the segment before it.
    fn discard_attempt(&mut self, path: &Path, error: JournalError) -> JournalError {
        match self.io.remove(path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                self.poisoned = Some(format!("{error}; its file stays behind: {e}"));
            }
            _ => {}
        }
        error
    }

    fn remove_oldest(&mut self) -> Result<(), JournalError> {
        let path = directory::segment_path(&self.dir, self.first());
        self.io.remove(&path).map_err(JournalError::write(path))?;
        self.segments.pop_front();
        Ok(())
    }

    fn sync_dir(&mut self) -> Result<(), JournalError> {
        let synced = self.io.sync_dir(&self.dir);
        self.poison_on_error(synced, self.dir.clone())
    }

    fn poison_on_error(
        &mut self,
        synced: std::io::Result<()>,
        path: PathBuf,
    ) -> Result<(), JournalError> {
        synced.map_err(|source| {
            self.poisoned = Some(source.to_string());
            JournalError::Sync { path, source }
        })
    }

    fn healthy(&self) -> Result<(), JournalError> {
        match &self.poisoned {
            None => Ok(()),
            Some(reason) => {
                Err(JournalError::Poisoned { dir: self.dir.clone(), reason: reason.clone() })
            }
        }
    }
}

/// Finds the segments, cuts the tail of the last one, and begins the first segment of an empty log.
fn recover(
    io: &Arc<dyn Io>,
    dir: &Path,
    options: Options,
    recovery: &mut Recovery,
) -> Result<(VecDeque<Segment>, Lsn), JournalError> {
    let firsts = directory::segments(&**io, dir)?;
    let mut segments = VecDeque::with_capacity(firsts.len() + 1);
    for (index, first) in firsts.iter().copied().enumerate() {
        let upper = firsts.get(index + 1).copied();
        if upper.is_some() && options.scan == Scan::Last {
            let path = directory::segment_path(dir, first);
            let bytes = io.open(&path).and_then(|file| io.bytes(&file));
            let bytes = bytes.map_err(JournalError::read(path))?;
            segments.push_back(Segment { first, bytes });
            continue;
        }
        let mut scanned = recovery::scan(io, dir, first, upper)?;
        recovery.damaged.append(&mut scanned.damaged);
        if upper.is_none() {
            repair(&**io, &scanned, first, options.tail)?;
            recovery.torn = scanned.torn();
            let bytes = scanned.end.offset;
            segments.push_back(Segment { first, bytes });
            return Ok((segments, scanned.next));
        }
        let bytes = scanned.end.offset;
        segments.push_back(Segment { first, bytes });
    }
    create_segment(&**io, &directory::segment_path(dir, Lsn::FIRST), Lsn::FIRST)?;
    segments.push_back(Segment { first: Lsn::FIRST, bytes: HEADER_BYTES });
    Ok((segments, Lsn::FIRST))
}

fn repair(io: &dyn Io, last: &Scanned, first: Lsn, tail: Tail) -> Result<(), JournalError> {
    if last.end.rest > 0 && last.end.whole && tail == Tail::CutIncomplete {
        return Err(JournalError::DamagedTail {
            path: last.path.clone(),
            offset: last.end.offset,
            lsn: last.next,
        });
    }
    if last.header == Header::Bad && last.end.offset == HEADER_BYTES {
        // No record can be trusted, so nothing is lost with it.
        create_segment(io, &last.path, first)?;
    } else if last.end.rest > 0 {
        let mut open = OpenOptions::new();
        let file = open.write(true).open(&last.path);
        let file = file.map_err(JournalError::write(&last.path))?;
        io.set_len(&file, last.end.offset).map_err(JournalError::write(&last.path))?;
    }
    Ok(())
}

fn create_segment(io: &dyn Io, path: &Path, first: Lsn) -> Result<File, JournalError> {
    let file = io.create(path).map_err(JournalError::write(path))?;
    io.write_at(&file, &format::encode_header(first), 0).map_err(JournalError::write(path))?;
    Ok(file)
}

fn sync_error(path: &Path) -> impl FnOnce(std::io::Error) -> JournalError {
    let path = path.to_owned();
    move |source| JournalError::Sync { path, source }
}

//! The files of the days: one folder per UTC day with one append-only file.

use super::frame::{HEAD_BYTES, Head, Kind};
use super::{GroupId, SeriesError};
use shared_journal::Lsn;
use shared_model::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A day in microseconds.
const DAY_MICROS: i64 = 86_400_000_000;

/// A UTC day, counted from 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Day(pub(super) i64);

impl Day {
    pub(super) fn of(at: Timestamp) -> Self {
        Self(at.as_micros().div_euclid(DAY_MICROS))
    }

    /// `2026-11-23`, the name of its folder.
    pub(super) fn name(self) -> Result<String, SeriesError> {
        let micros = self.0.saturating_mul(DAY_MICROS);
        let text = Timestamp::from_micros(micros).to_string();
        let name = text.get(..10).filter(|name| Self::parse(name) == Some(self));
        name.map(str::to_owned).ok_or(SeriesError::Time { micros })
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        let start: Timestamp = format!("{name}T00:00:00Z").parse().ok()?;
        Some(Self::of(start))
    }
}

/// The open file of a day. Readers read it while it grows.
#[derive(Debug)]
pub(super) struct DayFile {
    pub(super) day: Day,
    pub(super) path: PathBuf,
    pub(super) file: File,
}

/// Where a block is in its day's file.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockRef {
    pub(super) offset: u64,
    pub(super) frame_bytes: u32,
    pub(super) from: i64,
    pub(super) to: i64,
}

impl DayFile {
    /// Opens a day's file for appending, creating folder and file when they are missing.
    pub(super) fn open(root: &Path, day: Day) -> Result<Self, SeriesError> {
        let dir = root.join(day.name()?);
        let path = dir.join("blocks");
        let new = !path.exists();
        fs::create_dir_all(&dir).map_err(SeriesError::write(&dir))?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(SeriesError::write(&path))?;
        if new {
            for dir in [&*dir, root] {
                sync_dir(dir)?;
            }
        }
        Ok(Self { day, path, file })
    }

    /// fdatasync.
    pub(super) fn sync(&self) -> Result<(), SeriesError> {
        self.file
            .sync_data()
            .map_err(|e| SeriesError::Sync { path: self.path.clone(), reason: e.to_string() })
    }

    /// The sound body of a block, `None` when it is damaged.
    pub(super) fn body(&self, block: BlockRef) -> Result<Option<Vec<u8>>, SeriesError> {
        let mut frame = vec![0; block.frame_bytes as usize];
        self.file.read_exact_at(&mut frame, block.offset).map_err(SeriesError::read(&self.path))?;
        let head = Head::decode(&frame);
        let body = frame.split_off(HEAD_BYTES.min(frame.len()));
        let sound = head.is_some_and(|h| h.body_crc == crc32c::crc32c(&body));
        Ok(sound.then_some(body))
    }
}

/// All days, and what of them is on disk for certain.
#[derive(Debug)]
pub(super) struct Days {
    root: PathBuf,
    pub(super) files: BTreeMap<Day, OpenDay>,
    dirty: BTreeSet<Day>,
    /// Smallest journal position among the blocks that are written and not yet synced.
    unsynced: Option<Lsn>,
    /// The same for blocks that are being synced just now.
    syncing: Option<Lsn>,
    failed: Option<String>,
}

/// A day's file as it is appended to.
#[derive(Debug)]
pub(super) struct OpenDay {
    pub(super) file: Arc<DayFile>,
    /// Where the next frame goes.
    pub(super) end: u64,
    /// Numbers of the groups in this file.
    pub(super) defined: BTreeMap<GroupId, u32>,
    pub(super) next_group: u32,
}

impl OpenDay {
    pub(super) fn new(file: DayFile) -> Self {
        Self { file: Arc::new(file), end: 0, defined: BTreeMap::new(), next_group: 0 }
    }
}

/// Rows that are ready to be written.
pub(super) struct Sealed<'a> {
    pub(super) group: GroupId,
    pub(super) day: Day,
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) rows: u32,
    pub(super) body: &'a [u8],
    pub(super) lsn: Option<Lsn>,
}

impl Days {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            files: BTreeMap::new(),
            dirty: BTreeSet::new(),
            unsynced: None,
            syncing: None,
            failed: None,
        }
    }

    /// Writes a block, and before a group's first block of the day its definition, which `define` yields.
    pub(super) fn write(
        &mut self,
        sealed: &Sealed<'_>,
        define: impl FnOnce() -> std::io::Result<Vec<u8>>,
    ) -> Result<(Arc<DayFile>, BlockRef), SeriesError> {
        let open = match self.files.entry(sealed.day) {
            std::collections::btree_map::Entry::Occupied(open) => open.into_mut(),
            std::collections::btree_map::Entry::Vacant(slot) => {
                slot.insert(OpenDay::new(DayFile::open(&self.root, sealed.day)?))
            }
        };
        let mut bytes = Vec::new();
        let number = match open.defined.get(&sealed.group) {
            Some(number) => *number,
            None => {
                let body = define().map_err(SeriesError::write(&open.file.path))?;
                bytes.extend_from_slice(
                    &Head::of(Kind::Definition, open.next_group, &body).encode(),
                );
                bytes.extend_from_slice(&body);
                open.next_group
            }
        };
        let head = Head {
            from: sealed.from,
            to: sealed.to,
            rows: sealed.rows,
            ..Head::of(Kind::Rows, number, sealed.body)
        };
        let block = BlockRef {
            offset: open.end + bytes.len() as u64,
            frame_bytes: head.frame_bytes() as u32,
            from: sealed.from,
            to: sealed.to,
        };
        bytes.extend_from_slice(&head.encode());
        bytes.extend_from_slice(sealed.body);
        // At a fixed place: a failed attempt is overwritten by the next one.
        let written = open.file.file.write_all_at(&bytes, open.end);
        written.map_err(SeriesError::write(&open.file.path))?;
        open.end += bytes.len() as u64;
        if open.defined.insert(sealed.group, number).is_none() {
            open.next_group += 1;
        }
        self.dirty.insert(sealed.day);
        self.unsynced = earliest(self.unsynced, sealed.lsn);
        Ok((Arc::clone(&open.file), block))
    }

    /// Smallest journal position that is written but not on disk for certain.
    pub(super) fn oldest_unsynced(&self) -> Option<Lsn> {
        earliest(self.unsynced, self.syncing)
    }

    /// Takes what is to be synced. [`Days::end_sync`] must follow.
    pub(super) fn begin_sync(&mut self) -> Result<Vec<(Arc<DayFile>, u64)>, SeriesError> {
        if let Some(reason) = &self.failed {
            return Err(SeriesError::SyncFailedBefore(reason.clone()));
        }
        self.syncing = earliest(self.syncing, self.unsynced.take());
        let dirty = std::mem::take(&mut self.dirty);
        let open = dirty.iter().filter_map(|day| self.files.get(day));
        Ok(open.map(|open| (Arc::clone(&open.file), open.end)).collect())
    }

    /// Notes the outcome: a failed fsync is never tried again, since the next one would succeed without the data.
    pub(super) fn end_sync(&mut self, synced: Result<(), SeriesError>) -> Result<(), SeriesError> {
        match &synced {
            Ok(()) => self.syncing = None,
            Err(e) => self.failed = Some(e.to_string()),
        }
        synced
    }

    /// Removes the folders of the days before `first`.
    pub(super) fn remove_before(&mut self, first: Day) -> Result<Vec<String>, SeriesError> {
        let mut removed = Vec::new();
        while let Some(day) = self.files.keys().next().copied().filter(|day| *day < first) {
            let name = day.name()?;
            let dir = self.root.join(&name);
            fs::remove_dir_all(&dir).map_err(SeriesError::write(&dir))?;
            self.files.remove(&day);
            self.dirty.remove(&day);
            removed.push(name);
        }
        Ok(removed)
    }
}

/// The file that says up to which byte each day's file is on disk for certain, so that a start need not read all bodies.
#[derive(Debug)]
pub(super) struct SyncedMarks;

impl SyncedMarks {
    pub(super) fn write(root: &Path, ends: &BTreeMap<String, u64>) -> Result<(), SeriesError> {
        let path = root.join("synced");
        let json = serde_json::to_vec(ends).map_err(std::io::Error::other);
        let replace =
            |json: Vec<u8>| shared_runtime::replace_file(&path, &json, 0o600).map_err(|e| e.source);
        json.and_then(replace).map_err(SeriesError::write(&path))
    }

    /// Empty when the file is missing or damaged: then every body is read.
    pub(super) fn read(root: &Path) -> BTreeMap<String, u64> {
        let json = fs::read(root.join("synced")).unwrap_or_default();
        serde_json::from_slice(&json).unwrap_or_default()
    }
}

pub(super) fn sync_dir(dir: &Path) -> Result<(), SeriesError> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|e| SeriesError::Sync { path: dir.to_owned(), reason: e.to_string() })
}

pub(super) fn earliest(a: Option<Lsn>, b: Option<Lsn>) -> Option<Lsn> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

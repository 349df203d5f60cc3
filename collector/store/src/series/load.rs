//! Builds the index from the files at a start, and cuts what a crash left half-written.

use super::day::{BlockRef, Day, DayFile, OpenDay, SyncedMarks};
use super::frame::{self, HEAD_BYTES, Head, Kind, MAGIC};
use super::{GroupId, Inner, SeriesError};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes searched at once for the frame after damage.
const SEARCH_BYTES: usize = 1 << 20;

/// A place in a day's file that cannot be used. Its samples are gone unless the journal still has them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeriesDamage {
    /// The day's file.
    pub path: PathBuf,
    /// Where the bad bytes start.
    pub offset: u64,
    /// How many there are.
    pub bytes: u64,
    /// What is wrong with them.
    pub why: &'static str,
}

/// Reads the files of all days into an empty store.
pub(super) struct Loader<'a> {
    inner: &'a Inner,
    /// Digest of a definition's bytes -> its group: most days define the same groups.
    known: HashMap<[u8; 32], GroupId>,
    pub(super) damaged: Vec<SeriesDamage>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(inner: &'a Inner) -> Self {
        Self { inner, known: HashMap::new(), damaged: Vec::new() }
    }

    pub(super) fn load(&mut self) -> Result<(), SeriesError> {
        let root = &self.inner.root;
        let synced = SyncedMarks::read(root);
        let mut days = BTreeSet::new();
        for entry in fs::read_dir(root).map_err(SeriesError::read(root))? {
            let entry = entry.map_err(SeriesError::read(root))?;
            if let Some(day) = entry.file_name().to_str().and_then(Day::parse) {
                days.insert(day);
            }
        }
        let mut marks = BTreeMap::new();
        for day in days {
            let mut open = OpenDay::new(DayFile::open(root, day)?);
            let name = day.name()?;
            let trusted = synced.get(&name).copied().unwrap_or(0);
            self.file(&mut open, trusted)?;
            if open.end != trusted {
                // What is indexed counts as stored when the journal is replayed, so it must not be lost any more.
                open.file.sync()?;
            }
            marks.insert(name, open.end);
            super::lock(&self.inner.days).files.insert(day, open);
        }
        if marks != synced {
            SyncedMarks::write(root, &marks)?;
        }
        *super::lock(&self.inner.marks) = marks;
        Ok(())
    }

    /// Walks over the frames of one file. Bodies before `trusted` are read only when they are asked for.
    fn file(&mut self, open: &mut OpenDay, trusted: u64) -> Result<(), SeriesError> {
        let file = Arc::clone(&open.file);
        let length = file.file.metadata().map_err(SeriesError::read(&file.path))?;
        let length = length.len();
        let mut groups: BTreeMap<u32, GroupId> = BTreeMap::new();
        while open.end < length {
            let offset = open.end;
            let head = read(&file, offset, HEAD_BYTES)?;
            let head = Head::decode(&head).filter(|h| h.frame_bytes() <= length - offset);
            let Some(head) = head else {
                let next = next_frame(&file, offset + 1, length)?;
                self.damage(&file, offset, next.unwrap_or(length) - offset, "no frame");
                let Some(next) = next else {
                    // Nothing sound follows: the end of a write that was cut short.
                    let cut = file.file.set_len(offset);
                    return cut.map_err(SeriesError::write(&file.path));
                };
                open.end = next;
                continue;
            };
            open.end += head.frame_bytes();
            let block = BlockRef {
                offset,
                frame_bytes: head.frame_bytes() as u32,
                from: head.from,
                to: head.to,
            };
            match head.kind {
                Kind::Definition => {
                    open.next_group = open.next_group.max(head.group.saturating_add(1));
                    match self.definition(&file, block)? {
                        Some(id) => {
                            groups.insert(head.group, id);
                            open.defined.insert(id, head.group);
                        }
                        None => self.damage(&file, offset, head.frame_bytes(), "bad definition"),
                    }
                }
                Kind::Rows => {
                    self.rows(&file, block, groups.get(&head.group), offset >= trusted)?;
                }
            }
        }
        Ok(())
    }

    fn rows(
        &mut self,
        file: &Arc<DayFile>,
        block: BlockRef,
        group: Option<&GroupId>,
        check: bool,
    ) -> Result<(), SeriesError> {
        let bytes = u64::from(block.frame_bytes);
        let Some(group) = group.and_then(|id| self.inner.group(*id)) else {
            self.damage(file, block.offset, bytes, "rows of an undefined group");
            return Ok(());
        };
        let day_fits = [block.from, block.to]
            .map(|micros| Day::of(shared_model::Timestamp::from_micros(micros)) == file.day);
        if day_fits != [true, true] || block.from > block.to {
            self.damage(file, block.offset, bytes, "rows of another day");
        } else if check && file.body(block)?.is_none() {
            self.damage(file, block.offset, bytes, "bad checksum");
        } else {
            super::lock(&group).add_block(Arc::clone(file), block);
        }
        Ok(())
    }

    /// The group that a definition defines, `None` when it is damaged or there is no room for its series.
    fn definition(
        &mut self,
        file: &DayFile,
        block: BlockRef,
    ) -> Result<Option<GroupId>, SeriesError> {
        let Some(body) = file.body(block)? else {
            return Ok(None);
        };
        let digest: [u8; 32] = Sha256::digest(&body).into();
        if let Some(id) = self.known.get(&digest) {
            return Ok(Some(*id));
        }
        let Some(series) = frame::decode_definition(&body) else {
            return Ok(None);
        };
        let ids: Vec<_> =
            series.into_iter().map(|labels| self.inner.define(labels)).collect::<Result<_, _>>()?;
        let id = self.inner.define_group(&ids)?;
        self.known.insert(digest, id);
        Ok(Some(id))
    }

    fn damage(&mut self, file: &DayFile, offset: u64, bytes: u64, why: &'static str) {
        let path = file.path.clone();
        tracing::warn!(path = %path.display(), offset, bytes, why, "samples cannot be read");
        self.damaged.push(SeriesDamage { path, offset, bytes, why });
    }
}

/// Offset of the first sound head from `from` on.
fn next_frame(file: &DayFile, from: u64, length: u64) -> Result<Option<u64>, SeriesError> {
    let mut at = from;
    while at < length {
        let window = read(file, at, SEARCH_BYTES)?;
        for (index, bytes) in window.windows(MAGIC.len()).enumerate() {
            let offset = at + index as u64;
            if *bytes == MAGIC {
                let head = Head::decode(&read(file, offset, HEAD_BYTES)?);
                if head.is_some_and(|h| h.frame_bytes() <= length - offset) {
                    return Ok(Some(offset));
                }
            }
        }
        // Windows overlap so that a magic across their border is seen.
        at += (window.len().max(MAGIC.len()) - MAGIC.len() + 1) as u64;
    }
    Ok(None)
}

/// Up to `want` bytes, fewer at the end of the file.
fn read(file: &DayFile, offset: u64, want: usize) -> Result<Vec<u8>, SeriesError> {
    let mut bytes = vec![0; want];
    let mut filled = 0;
    while filled < want {
        match file.file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(SeriesError::read(&file.path)(e)),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

//! Reads a log from a number on, while it is written or at rest.

use crate::segment::{Found, SegmentReader};
use crate::{Disk, Io, JournalError, Lsn, LsnRange, directory};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a reader meets, in order of numbers and without a hole between two items.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// A record, as it was appended.
    Record {
        /// Its number.
        lsn: Lsn,
        /// The kind it was appended with.
        kind: u8,
        /// Its payload.
        payload: Vec<u8>,
    },
    /// Records that cannot be read any more.
    Damaged {
        /// First lost number.
        from: Lsn,
        /// Last lost number.
        to: Lsn,
        /// The segment they were in, or the one before a missing segment.
        path: PathBuf,
        /// First bad byte in it.
        offset: u64,
    },
    /// Records that were removed on purpose, by [`Log::drop_before`](crate::Log::drop_before) or
    /// [`Log::evict_oldest`](crate::Log::evict_oldest), before they were read.
    Dropped {
        /// First removed number.
        from: Lsn,
        /// Last removed number.
        to: Lsn,
    },
}

/// An iterator over a log from a number on.
///
/// `None` means that everything flushed so far was read; asking again later yields what was flushed since. After an
/// error the same place is tried again.
#[derive(Debug)]
pub struct Reader {
    io: Arc<dyn Io>,
    dir: PathBuf,
    /// Next number to hand out.
    want: Lsn,
    segment: Option<SegmentReader>,
    /// First number of the segment after the open one, once it is known.
    following: Option<Following>,
    /// Number after the last flushed record, where the writer is in this process.
    flushed: Option<Arc<AtomicU64>>,
}

#[derive(Clone, Copy, Debug)]
struct Following {
    first: Lsn,
    /// No older segment is left, so what is missing before it was dropped.
    oldest: bool,
}

impl Reader {
    /// Reads the log in `dir` from number `from` on, whoever writes it.
    pub fn open(dir: &Path, from: Lsn) -> Self {
        Self::bounded(Arc::new(Disk), dir, from, None)
    }

    pub(crate) fn bounded(
        io: Arc<dyn Io>,
        dir: &Path,
        from: Lsn,
        flushed: Option<Arc<AtomicU64>>,
    ) -> Self {
        Self {
            io,
            dir: dir.to_owned(),
            want: from.max(Lsn::FIRST),
            segment: None,
            following: None,
            flushed,
        }
    }

    /// The number that comes next.
    pub fn position(&self) -> Lsn {
        self.want
    }

    fn advance(&mut self) -> Result<Option<Item>, JournalError> {
        loop {
            // Read before the files are: every record below it is in them by now.
            let flushed = self.flushed.as_ref().map(|f| Lsn(f.load(Ordering::Acquire)));
            if flushed.is_some_and(|flushed| self.want >= flushed) {
                return Ok(None);
            }
            let Some(segment) = &mut self.segment else {
                match self.locate()? {
                    Located::Open => continue,
                    Located::Nothing => return Ok(None),
                    Located::Later(first) => return Ok(self.dropped_until(first)),
                }
            };
            match segment.next(self.following.map(|f| f.first))? {
                Found::Record { lsn, .. } if lsn < self.want => {}
                Found::Record { lsn, kind, payload } => {
                    self.want = lsn.next();
                    return Ok(Some(Item::Record { lsn, kind, payload }));
                }
                Found::Lost { range, .. } if range.to < self.want => {}
                Found::Lost { range, offset } => {
                    let path = segment.path.clone();
                    return Ok(self.damaged_until(range.to.next(), path, offset));
                }
                Found::End(end) => {
                    if let Some(item) = self.at_end(end.offset, flushed)? {
                        return Ok(item);
                    }
                }
            }
        }
    }

    /// The open segment yields nothing more for now. `None` to go on, otherwise the answer.
    fn at_end(
        &mut self,
        offset: u64,
        flushed: Option<Lsn>,
    ) -> Result<Option<Option<Item>>, JournalError> {
        let Some(segment) = &mut self.segment else {
            return Ok(None);
        };
        let path = segment.path.clone();
        let Some(following) = self.following else {
            self.following = following(&*self.io, &self.dir, segment.first)?;
            if self.following.is_some() {
                // Records may have been added to this segment before the other one was begun: look once more.
                return Ok(None);
            }
            let Some(flushed) = flushed.filter(|flushed| self.want < *flushed) else {
                return Ok(Some(None));
            };
            segment.expected = flushed;
            return Ok(Some(self.damaged_until(flushed, path, offset)));
        };
        self.following = None;
        self.segment = self.open_segment(following.first)?;
        if self.want >= following.first || self.segment.is_none() {
            return Ok(None);
        }
        Ok(Some(if following.oldest {
            self.dropped_until(following.first)
        } else {
            self.damaged_until(following.first, path, offset)
        }))
    }

    /// Opens the segment that holds `self.want`, or the first one after it.
    fn locate(&mut self) -> Result<Located, JournalError> {
        let firsts = directory::segments(&*self.io, &self.dir)?;
        let after = firsts.partition_point(|first| *first <= self.want);
        if let Some(first) = after.checked_sub(1).and_then(|i| firsts.get(i)) {
            // When it was removed since it was listed, the next round lists again.
            self.segment = self.open_segment(*first)?;
            return Ok(Located::Open);
        }
        Ok(firsts.first().map_or(Located::Nothing, |first| Located::Later(*first)))
    }

    fn open_segment(&self, first: Lsn) -> Result<Option<SegmentReader>, JournalError> {
        match SegmentReader::open(Arc::clone(&self.io), &self.dir, first) {
            Ok((segment, _)) => Ok(Some(segment)),
            Err(JournalError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    fn dropped_until(&mut self, end: Lsn) -> Option<Item> {
        let LsnRange { from, to } = self.want.until(end)?;
        self.want = end;
        Some(Item::Dropped { from, to })
    }

    fn damaged_until(&mut self, end: Lsn, path: PathBuf, offset: u64) -> Option<Item> {
        let LsnRange { from, to } = self.want.until(end)?;
        self.want = end;
        Some(Item::Damaged { from, to, path, offset })
    }
}

enum Located {
    Open,
    Nothing,
    Later(Lsn),
}

fn following(io: &dyn Io, dir: &Path, first: Lsn) -> Result<Option<Following>, JournalError> {
    let firsts = directory::segments(io, dir)?;
    let index = firsts.partition_point(|other| *other <= first);
    Ok(firsts.get(index).map(|first| Following { first: *first, oldest: index == 0 }))
}

impl Iterator for Reader {
    type Item = Result<Item, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

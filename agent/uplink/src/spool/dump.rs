//! Reading a spool at rest or under a running agent, for `wardround-agent spool status` and `spool dump`. Takes no lock
//! and changes nothing.

use super::record::VOID;
use super::stream::Stream;
use super::{Record, SpoolError, catalog_file};
use proto::{BodyDecoder, DecodeError, StreamId};
use shared_journal::{Item, Lsn, Reader};
use shared_model::{Batch, Catalog, Event, Gap, GapReason, Seq, SeqRange};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a spool holds, in order of numbers.
#[derive(Debug)]
pub enum SpoolItem {
    /// A round of readings; the error says why its body cannot be read.
    Batch(Seq, Result<Batch, DecodeError>),
    /// A declared loss.
    Gap(Seq, Gap),
    /// Something that happened.
    Event(Seq, Event),
    /// Numbers without a readable record.
    Damaged(SeqRange),
}

/// A spool in numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpoolSummary {
    /// Names the sequence numbers.
    pub stream: StreamId,
    /// First number that is still there.
    pub first: Seq,
    /// Number of the next record.
    pub next: Seq,
    /// Bytes on disk, the reserve included.
    pub bytes: u64,
    /// Readable rounds of readings. Those that are confirmed but not yet removed count, here and below.
    pub batches: u64,
    /// Readable events.
    pub events: u64,
    /// Declared losses by reason: how many declarations, of how many numbers.
    pub gaps: BTreeMap<&'static str, (u64, u64)>,
    /// Numbers without a readable record.
    pub damaged: u64,
    /// Why nothing can be written where the spool is; `None` when something can.
    pub degraded: Option<&'static str>,
}

/// Where the spool is within the agent's data folder.
pub(crate) fn spool_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("spool")
}

/// Every record of the spool in the agent's data folder.
pub fn dump(
    data_dir: &Path,
) -> Result<impl Iterator<Item = Result<SpoolItem, SpoolError>>, SpoolError> {
    let mut decoder = BodyDecoder::new().map_err(SpoolError::Decoder)?;
    let reader = Reader::open(&spool_dir(data_dir).join("log"), Lsn::FIRST);
    Ok(reader.filter_map(move |item| match item {
        Err(error) => Some(Err(error.into())),
        Ok(Item::Record { kind: VOID, .. } | Item::Dropped { .. }) => None,
        Ok(Item::Record { lsn, kind, payload }) => {
            let seq = Seq(lsn.0);
            Some(Ok(match Record::decode(kind, payload) {
                Some(Record::Batch(b)) => {
                    let body = b.body;
                    let batch =
                        decoder.decode(&body.zbody, body.raw_len, body.crc32c, b.generation);
                    SpoolItem::Batch(seq, batch)
                }
                Some(Record::Gap(gap)) => SpoolItem::Gap(seq, gap),
                Some(Record::Event(event)) => SpoolItem::Event(seq, event),
                None => SpoolItem::Damaged(SeqRange { from: seq, to: seq }),
            }))
        }
        Ok(Item::Damaged { from, to, .. }) => {
            Some(Ok(SpoolItem::Damaged(SeqRange { from: Seq(from.0), to: Seq(to.0) })))
        }
    }))
}

/// The catalog that names the series of the batches.
pub fn read_catalog(data_dir: &Path) -> Result<Catalog, SpoolError> {
    catalog_file::read(&spool_dir(data_dir))
}

/// The spool in numbers. Reads all of it.
pub fn summary(data_dir: &Path) -> Result<SpoolSummary, SpoolError> {
    let dir = spool_dir(data_dir);
    let path = Stream::path(&dir);
    let stream = Stream::read(&path)?
        .ok_or_else(|| SpoolError::Read { path, source: std::io::ErrorKind::NotFound.into() })?;
    let found = shared_journal::verify(&dir.join("log"))?;
    let reserve = shared_journal::verify(&dir.join("reserve"))?;
    let mut summary = SpoolSummary {
        stream: stream.id,
        first: Seq(found.first.0),
        next: Seq(found.next.0),
        bytes: found.bytes + reserve.bytes,
        batches: 0,
        events: 0,
        gaps: BTreeMap::new(),
        damaged: 0,
        degraded: unwritable(&dir),
    };
    for item in Reader::open(&dir.join("log"), Lsn::FIRST) {
        summary.count(item?);
    }
    Ok(summary)
}

impl SpoolSummary {
    fn count(&mut self, item: Item) {
        match item {
            Item::Record { kind: VOID, .. } | Item::Dropped { .. } => {}
            Item::Record { kind, payload, .. } => match Record::decode(kind, payload) {
                Some(Record::Batch(_)) => self.batches += 1,
                Some(Record::Event(_)) => self.events += 1,
                Some(Record::Gap(gap)) => {
                    let (declarations, numbers) = self.gaps.entry(reason(gap.reason)).or_default();
                    *declarations += 1;
                    *numbers += gap.lost.count();
                }
                None => self.damaged += 1,
            },
            Item::Damaged { from, to, .. } => self.damaged += to.0 - from.0 + 1,
        }
    }
}

/// The word for a reason, as the commands print it.
pub fn reason(reason: GapReason) -> &'static str {
    match reason {
        GapReason::Budget => "budget",
        GapReason::Damaged => "damaged",
        GapReason::Unsynced => "unsynced",
        GapReason::Refused => "refused",
    }
}

/// What keeps the file system from taking more, as far as can be seen without writing (statvfs).
fn unwritable(dir: &Path) -> Option<&'static str> {
    let stat = rustix::fs::statvfs(dir).ok()?;
    if stat.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        return Some("the file system is read-only");
    }
    (stat.f_bavail == 0).then_some("the file system is full")
}

//! Reading a spool at rest or under a running agent, for `wardround-agent spool status` and `spool dump`. Takes no lock
//! and changes nothing.

use super::stream::Stream;
use super::{Record, SpoolError, catalog_file};
use proto::{BodyDecoder, DecodeError, StreamId};
use shared_journal::{Item, Lsn, Reader};
use shared_model::{Batch, Catalog, Event, Gap, Seq, SeqRange};
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
    /// Bytes on disk.
    pub bytes: u64,
    /// Readable records, those that are confirmed but not yet removed included.
    pub records: u64,
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
        Ok(Item::Dropped { .. }) => None,
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
    Ok(SpoolSummary {
        stream: stream.id,
        first: Seq(found.first.0),
        next: Seq(found.next.0),
        bytes: found.bytes,
        records: found.records,
    })
}

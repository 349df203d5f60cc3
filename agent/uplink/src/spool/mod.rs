//! The spool: every batch and declared loss of this node that the collector has not confirmed, bounded, on disk.
//!
//! A record's sequence number is its number in the journal. A record is in the file (it survives the death of the
//! process) before it may be sent; about a second later it is on a disk (it survives a loss of power): on the collector's
//! when that has confirmed it by then, else on this one. Numbers are never reused: after a loss of power the numbers that
//! were promised are skipped and declared lost.

mod catalog_file;
mod disk;
mod dump;
mod error;
mod evict;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod full_disk;
mod lazy_sync;
mod memory;
mod open;
mod record;
mod reserve;
mod space;
mod stream;
#[cfg(test)]
mod tests;

pub use dump::{SpoolItem, SpoolSummary, dump, read_catalog, reason, summary};
pub use error::{OfferError, SpoolError};
pub use space::{Space, SpoolLimits};

pub(crate) use dump::spool_dir;
pub(crate) use lazy_sync::LazySync;
pub(crate) use open::SpaceProbe;
pub(crate) use record::{BatchRecord, Record};
pub(crate) use space::space_of;
pub(crate) use stream::sixteen;

use memory::Memory;
use proto::limits::MAX_RANGES;
use proto::{CatalogDigest, CatalogVersion, StreamId, catalog_digest, wire};
use record::clip;
use reserve::Reserve;
use shared_journal::{Item, JournalError, Log, Lsn, Reader};
use shared_model::{Catalog, Event, Gap, GapReason, Seq, SeqRange, SeqSet, Timestamp};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use stream::{RESERVE, Stream};

/// Records kept in memory so that the live path never reads the disk: some seconds of rounds, far more than a round trip
/// takes.
const RECENT_RECORDS: usize = 64;

/// Bytes of records kept in memory, within the agent's 20 MiB.
const RECENT_BYTES: usize = 512 << 10;

/// The spool of one node, open for writing.
pub(crate) struct Spool {
    dir: PathBuf,
    log: Log,
    reserve: Reserve,
    lazy: LazySync,
    limits: SpoolLimits,
    space: SpaceProbe,
    stream: Stream,
    catalog: Catalog,
    digest: CatalogDigest,
    /// Numbers below `next` that need not be sent: confirmed by the collector, or declared lost.
    settled: SeqSet,
    /// Records below were handed to a sync.
    synced_to: Seq,
    /// The latest records, in order.
    recent: VecDeque<(Seq, Record)>,
    recent_bytes: usize,
    /// Losses that could not be written yet.
    owed: Vec<Gap>,
    /// Losses for want of room that were written since the spool was opened and are not confirmed, with their numbers.
    declared: Vec<(Seq, Gap)>,
    /// Records that wait while the disk takes none.
    memory: Option<Memory>,
    /// What the kernel said when the last sync failed.
    sync_failure: Option<String>,
    /// No number from here on is promised on disk.
    promised: Arc<AtomicU64>,
    /// Numbers that are neither here nor declared lost: confirmed before this start, or evicted just before a crash. The
    /// collector knows which.
    unaccounted: SeqSet,
    /// The next number when the spool was opened, until the collector has said what it holds.
    unconfirmed_from: Option<Seq>,
}

impl Spool {
    /// Takes a batch and gives it its number. When this returns the batch is in the file, or, while the disk takes
    /// nothing, in memory.
    pub(crate) fn push(&mut self, batch: BatchRecord) -> Result<Seq, SpoolError> {
        self.write_owed();
        self.make_room(batch.body.zbody.len() as u64);
        self.append(Record::Batch(batch))
    }

    /// Takes an event and gives it its number, as [`Spool::push`] does for a batch.
    pub(crate) fn push_event(&mut self, event: Event) -> Result<Seq, SpoolError> {
        self.write_owed();
        self.trim_reserve();
        self.append(Record::Event(event))
    }

    /// What the collector has on disk. Frees what is no longer needed.
    pub(crate) fn ack(&mut self, durable: &SeqSet) -> Result<(), SpoolError> {
        let last = Seq(self.next().0 - 1);
        let known = durable.ranges().iter().filter_map(|r| clip(*r, Seq(1), last));
        known.for_each(|range| self.settled.insert_range(range));
        while let Some((seq, record)) = self.recent.front()
            && self.settled.contains(*seq)
        {
            self.recent_bytes -= record.bytes();
            self.recent.pop_front();
        }
        if let Some(memory) = &mut self.memory {
            memory.settle(&self.settled);
        }
        self.reserve.settle(&self.settled)?;
        let keep_from = self.next_unsettled(Seq(1)).unwrap_or(self.next());
        self.log.drop_before(Lsn(keep_from.0))?;
        Ok(())
    }

    /// What the collector holds of this stream, as it says when a session opens.
    ///
    /// When it holds numbers that this spool gives out only since it was opened, they were given before to records that
    /// a loss of power kept from the disk: the new records under them are numbered anew.
    pub(crate) fn welcome(&mut self, held: &SeqSet) -> Result<(), SpoolError> {
        let opened_at = self.unconfirmed_from.take();
        if let (Some(from), Some(max)) = (opened_at, held.max())
            && max >= from
        {
            self.renumber(from, max)?;
        }
        self.account_for(held);
        self.ack(held)
    }

    /// Declares lost what is neither here nor with the collector. A set as long as it may be was cut short: nothing is
    /// known of what lies above it.
    fn account_for(&mut self, held: &SeqSet) {
        let known_to = held.max().filter(|_| held.ranges().len() >= MAX_RANGES);
        for range in std::mem::take(&mut self.unaccounted).ranges() {
            for lost in without(*range, held) {
                if known_to.is_none_or(|max| lost.to <= max) {
                    tracing::warn!(%lost, "records that neither the spool nor the collector has are declared lost");
                    let (reason, first, last) = (GapReason::Budget, None, None);
                    self.owed.push(Gap { lost, reason, first, last });
                }
            }
        }
        self.write_owed();
    }

    /// Gives the records from `from` on new numbers above `held`.
    fn renumber(&mut self, from: Seq, held: Seq) -> Result<(), SpoolError> {
        self.restore();
        let old_next = self.next();
        tracing::warn!(
            %from, %held,
            "the collector holds numbers this spool has just given out: a loss of power took records from the disk; numbering anew"
        );
        let above = Seq(held.0.max(old_next.0 - 1) + 1);
        match &mut self.memory {
            Some(memory) => memory.next = above,
            None => self.log.skip_to(Lsn(above.0))?,
        }
        let waiting = self.memory.as_ref().map(Memory::numbers).unwrap_or_default();
        let mut reader = self.log.reader(Lsn(from.0));
        while Seq(reader.position().0) < old_next
            && let Some(item) = reader.next().transpose()?
        {
            if let Item::Record { lsn, kind, payload } = item
                && !waiting.contains(&Seq(lsn.0))
                && let Some(record) = Record::decode(kind, payload)
            {
                self.append(record)?;
            }
        }
        for seq in waiting.into_iter().filter(|seq| *seq >= from) {
            let record = self.memory.as_ref().and_then(|memory| memory.get(seq)).cloned();
            if let Some(record) = record {
                self.append(record)?;
            }
        }
        if let Some(range) = SeqRange::new(from, Seq(above.0 - 1)) {
            self.settled.insert_range(range);
        }
        Ok(())
    }

    /// The record `seq` was refused for good: its loss is declared instead. `false` when it is itself a declaration,
    /// which must not be lost.
    pub(crate) fn refuse(&mut self, seq: Seq) -> bool {
        let times = match self.record(seq) {
            Some(Record::Batch(batch)) => Some((batch.first, batch.last)),
            Some(Record::Gap(_)) => return false,
            Some(Record::Event(event)) => Some((event.at, event.at)),
            None => None,
        };
        let (first, last) = times.unzip();
        let lost = SeqRange { from: seq, to: seq };
        self.owed.push(Gap { lost, reason: GapReason::Refused, first, last });
        self.settled.insert(seq);
        self.write_owed();
        true
    }

    /// A record from memory or disk, `None` when it cannot be read.
    fn record(&self, seq: Seq) -> Option<Record> {
        if let Some(record) = self.at_hand(seq) {
            return Some(record);
        }
        match self.reader(seq).next()?.ok()? {
            Item::Record { lsn, kind, payload } if lsn.0 == seq.0 => Record::decode(kind, payload),
            _ => None,
        }
    }

    /// Declares the unsettled numbers of `range` lost, but for what the reserve still holds.
    pub(crate) fn declare(
        &mut self,
        range: SeqRange,
        reason: GapReason,
        times: Option<(Timestamp, Timestamp)>,
    ) {
        let (first, last) = times.unzip();
        for lost in self.losable(range, false) {
            self.owed.push(Gap { lost, reason, first, last });
            self.settled.insert_range(lost);
        }
        self.write_owed();
    }

    /// The lowest number from `from` on that is still to be sent.
    pub(crate) fn next_unsettled(&self, from: Seq) -> Option<Seq> {
        let covering = self.settled.ranges().iter().find(|r| r.from <= from && from <= r.to);
        let seq = covering.map_or(from, |r| Seq(r.to.0 + 1));
        (seq < self.next()).then_some(seq)
    }

    /// Where a new session begins to send ahead of the backlog: at the next record, but with `tight` or more intervals
    /// of settled numbers right behind the highest, so that no further one comes up.
    pub(crate) fn fresh_from(&self, tight: usize) -> Seq {
        match self.settled.max() {
            Some(max) if self.settled.ranges().len() >= tight => Seq(max.0 + 1).min(self.next()),
            _ => self.next(),
        }
    }

    /// A record that need not be searched in the log: a late one, one that waits in memory, or an event.
    pub(crate) fn at_hand(&self, seq: Seq) -> Option<Record> {
        if let Ok(at) = self.recent.binary_search_by_key(&seq, |(s, _)| *s) {
            return self.recent.get(at).map(|(_, record)| record.clone());
        }
        let waiting = self.memory.as_ref().and_then(|memory| memory.get(seq));
        waiting.cloned().or_else(|| self.reserve.get(seq))
    }

    /// Why the spool is not on its disk; `None` while all is well.
    pub(crate) fn degraded(&self) -> Option<&str> {
        let waiting = self.memory.as_ref().map(|memory| memory.reason.as_str());
        waiting.or(self.sync_failure.as_deref())
    }

    /// Notes how a sync went: why it failed, or `None`.
    pub(crate) fn synced(&mut self, failure: Option<String>) {
        self.sync_failure = failure;
    }

    /// Reads records from disk.
    pub(crate) fn reader(&self, from: Seq) -> Reader {
        self.log.reader(Lsn(from.0))
    }

    /// Whether there is no number that is still to be sent, and nothing waits for a disk that takes none.
    pub(crate) fn is_settled(&self) -> bool {
        self.next_unsettled(Seq(1)).is_none() && self.memory.is_none() && self.owed.is_empty()
    }

    /// Takes a catalog: a delta, a whole one that extends what is known, or, while nothing is to be sent, a whole one that
    /// takes its place. Returns the message to send to a collector that knows the generation before, `None` when nothing is
    /// new.
    pub(crate) fn extend_catalog(
        &mut self,
        offered: &Catalog,
    ) -> Result<Option<wire::Catalog>, OfferError> {
        let full = match catalog_file::extended(&self.catalog, offered) {
            Ok(Some(full)) => full,
            Ok(None) => return Ok(None),
            Err(OfferError::Redefined { .. })
                if self.is_settled() && catalog_file::replaces(&self.catalog, offered) =>
            {
                self.forget_records()?;
                offered.clone()
            }
            Err(error) => return Err(error),
        };
        catalog_file::write(&self.dir, &catalog_file::message(&full)?)?;
        self.digest = catalog_digest(&full);
        self.catalog = full;
        catalog_file::message(offered).map(Some)
    }

    /// Removes the confirmed records that are still in the file: a collector that was set back would ask for them, and the
    /// new catalog says something else of their numbers. They are gone before it is there.
    fn forget_records(&mut self) -> Result<(), SpoolError> {
        self.log.roll()?;
        self.log.drop_before(self.log.next())?;
        self.lazy.sync().map_err(|source| {
            SpoolError::Journal(JournalError::Sync { path: self.dir.join("log"), source })
        })
    }

    /// The message of the full catalog.
    pub(crate) fn catalog_message(&self) -> Result<wire::Catalog, OfferError> {
        catalog_file::message(&self.catalog)
    }

    /// The full catalog.
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Generation and digest of the full catalog, `None` before the first one.
    pub(crate) fn catalog_version(&self) -> Option<CatalogVersion> {
        let generation = self.catalog.generation;
        let digest = self.digest;
        (!self.catalog.series.is_empty()).then_some(CatalogVersion { generation, digest })
    }

    /// Names the numbers.
    pub(crate) fn stream_id(&self) -> StreamId {
        self.stream.id
    }

    /// How often the spool was opened.
    pub(crate) fn starts(&self) -> u64 {
        self.stream.starts
    }

    /// The number the next record gets.
    pub(crate) fn next(&self) -> Seq {
        self.memory.as_ref().map_or(Seq(self.log.next().0), |memory| memory.next)
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.log.bytes() + self.reserve.bytes()
    }

    /// The numbers that are still to be sent.
    pub(crate) fn spooled(&self) -> SeqSet {
        let all = SeqRange::new(Seq(1), Seq(self.next().0 - 1));
        all.into_iter().flat_map(|range| self.unsettled(range)).collect()
    }

    /// Whether there is anything that only a sync makes safe: a record that is on no disk for sure, a loss that is still
    /// owed, a file to be removed after what was written before, or a promise of numbers that runs low. What the collector
    /// has confirmed is on its disk.
    pub(crate) fn needs_sync(&self) -> bool {
        self.next_unsettled(self.synced_to).is_some()
            || !self.owed.is_empty()
            || self.lazy.has_removals()
            || self.promise_is_low()
            // A disk that failed is tried again.
            || self.degraded().is_some()
    }

    fn promise_is_low(&self) -> bool {
        self.next().0 + RESERVE / 2 > self.promised.load(Ordering::Acquire)
    }

    /// Hands everything that waits in memory to the kernel and returns what must be synced, together with the stream
    /// file when its promise runs low. Sync it without holding the spool.
    pub(crate) fn prepare_sync(&mut self) -> Result<SyncWork, SpoolError> {
        self.restore();
        self.write_owed();
        if self.memory.is_none() {
            self.log.sync()?;
            self.reserve.sync()?;
            self.synced_to = self.next();
        }
        let reserved = self.next().0 + RESERVE;
        let stream = self.promise_is_low().then(|| Stream { reserved, ..self.stream.clone() });
        let promised = Arc::clone(&self.promised);
        Ok(SyncWork { lazy: self.lazy.clone(), stream, promised, path: Stream::path(&self.dir) })
    }

    /// Everything to disk, and a note that nothing was left behind. For an orderly end.
    pub(crate) fn close(&mut self) -> Result<(), SpoolError> {
        self.prepare_sync()?.run()?;
        if let Some(reason) = self.degraded() {
            return Err(SpoolError::Degraded(reason.to_owned()));
        }
        self.stream.reserved = self.promised.load(Ordering::Acquire);
        self.stream.clean = true;
        self.stream.write(&Stream::path(&self.dir))
    }

    /// The unsettled parts of a range, in order.
    fn unsettled(&self, range: SeqRange) -> Vec<SeqRange> {
        without(range, &self.settled)
    }

    /// The unsettled parts of a range that the reserve does not hold; it holds events, and unless `events_only` declared
    /// losses.
    fn losable(&self, range: SeqRange, events_only: bool) -> Vec<SeqRange> {
        let mut kept = self.settled.clone();
        for seq in self.reserve.numbers(range, events_only) {
            kept.insert(seq);
        }
        without(range, &kept)
    }
}

/// The parts of a range that are not in the set, in order.
fn without(range: SeqRange, set: &SeqSet) -> Vec<SeqRange> {
    let mut parts = Vec::new();
    let mut from = range.from;
    for inside in set.ranges().iter().filter_map(|r| clip(*r, range.from, range.to)) {
        parts.extend(SeqRange::new(from, Seq(inside.from.0 - 1)));
        from = Seq(inside.to.0 + 1);
    }
    parts.extend(SeqRange::new(from, range.to));
    parts
}

/// What is to be synced; independent of the spool, so that nobody waits for the disk.
pub(crate) struct SyncWork {
    lazy: LazySync,
    stream: Option<Stream>,
    promised: Arc<AtomicU64>,
    path: PathBuf,
}

impl SyncWork {
    /// Blocks until it is on disk.
    pub(crate) fn run(self) -> Result<(), SpoolError> {
        let synced = self.lazy.sync();
        if let Some(stream) = &self.stream {
            stream.write(&self.path)?;
            self.promised.store(stream.reserved, Ordering::Release);
        }
        synced.map_err(|source| {
            SpoolError::Journal(JournalError::Sync {
                path: self.path.with_file_name("log"),
                source,
            })
        })
    }
}

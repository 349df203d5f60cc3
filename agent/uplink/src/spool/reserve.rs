//! The reserve: a second, small log with a copy of every event and declared loss, so that no flood of batches can take
//! their place. Its records begin with the sequence number; the rest is as in the main log.
//!
//! An event whose segment is evicted is still sent, from here. A declared loss is kept to know at the next start which
//! numbers it speaks of.

use super::SpoolError;
use super::record::Record;
use shared_journal::{Io, Item, JournalError, Log, Lsn, Options, Scan};
use shared_model::{Gap, Seq, SeqRange, SeqSet};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

/// Share of the spool's budget that batches may not take.
pub(super) const SHARE: u64 = 10;

/// Records that may wait in it, events and losses together: their numbers are in memory, a mebibyte at the most.
const MAX_KEPT: usize = 1 << 16;

/// Segments: small, so that one can be dropped before all of it is confirmed elsewhere.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = 4 << 10..=1 << 20;

/// The reserve of one spool.
pub(super) struct Reserve {
    log: Log,
    /// What is not settled, in order of numbers.
    kept: VecDeque<Kept>,
    /// From here on the oldest segment goes: a segment below the budget, so that the next one fits.
    limit_bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    seq: Seq,
    lsn: Lsn,
    is_event: bool,
}

impl Reserve {
    /// Opens or creates the reserve in `dir`. Yields the losses that were declared before, with their numbers.
    pub(super) fn open(
        io: Arc<dyn Io>,
        dir: &Path,
        spool_bytes: u64,
    ) -> Result<(Self, Vec<(Seq, Gap)>), SpoolError> {
        let budget_bytes = spool_bytes / SHARE;
        let (low, high) = (*SEGMENT_BYTES.start(), *SEGMENT_BYTES.end());
        let segment_bytes = (budget_bytes / 4).clamp(low, high);
        let limit_bytes = budget_bytes.saturating_sub(segment_bytes);
        let options = Options {
            segment_bytes,
            budget_bytes: Some(0),
            scan: Scan::Last,
            ..Options::default()
        };
        let (log, _) = Log::open_with(io, dir, options)?;
        let mut reserve = Self { log, kept: VecDeque::new(), limit_bytes };
        let mut gaps = Vec::new();
        let mut reader = reserve.log.reader(reserve.log.first());
        while let Some(item) = reader.next().transpose()? {
            // What is damaged here is whole in the main log, or is declared as lost from there.
            let Item::Record { lsn, kind, payload } = item else { continue };
            let Some((seq, record)) = decode(kind, &payload) else { continue };
            if reserve.kept.back().is_some_and(|last| last.seq >= seq) {
                continue;
            }
            let is_event = matches!(record, Record::Event(_));
            reserve.kept.push_back(Kept { seq, lsn, is_event });
            if let Record::Gap(gap) = record {
                gaps.push((seq, gap));
            }
        }
        Ok((reserve, gaps))
    }

    /// Writes a copy. Batches have none.
    pub(super) fn write(&mut self, seq: Seq, record: &Record) -> Result<(), JournalError> {
        let is_event = match record {
            Record::Batch(_) => return Ok(()),
            Record::Gap(_) => false,
            Record::Event(_) => true,
        };
        // A number is written once: after a failure the copy may be there already.
        if self.kept.back().is_some_and(|last| last.seq >= seq) {
            return self.log.flush();
        }
        let (kind, content) = record.encode();
        let payload = [&seq.0.to_le_bytes()[..], &content].concat();
        let lsn = self.log.append(kind, &payload)?;
        self.kept.push_back(Kept { seq, lsn, is_event });
        self.log.flush()
    }

    /// The numbers in a range, in order; those of events only, or of declared losses as well.
    pub(super) fn numbers(&self, range: SeqRange, events_only: bool) -> impl Iterator<Item = Seq> {
        let start = self.kept.partition_point(|kept| kept.seq < range.from);
        let inside = self.kept.iter().skip(start).take_while(move |kept| kept.seq <= range.to);
        inside.filter(move |kept| kept.is_event || !events_only).map(|kept| kept.seq)
    }

    /// Events and losses from `seq` on, as they are on disk.
    pub(super) fn from(&self, seq: Seq) -> Vec<(Seq, Record)> {
        let late = self.kept.iter().filter(|kept| kept.seq >= seq);
        late.filter_map(|kept| Some((kept.seq, self.read(*kept)?))).collect()
    }

    /// The event or declared loss `seq`, `None` when it is not here or cannot be read.
    pub(super) fn get(&self, seq: Seq) -> Option<Record> {
        let at = self.kept.binary_search_by_key(&seq, |kept| kept.seq).ok()?;
        self.read(*self.kept.get(at)?)
    }

    /// Forgets what is settled.
    pub(super) fn settle(&mut self, settled: &SeqSet) -> Result<(), JournalError> {
        while self.kept.front().is_some_and(|kept| settled.contains(kept.seq)) {
            self.kept.pop_front();
        }
        let needed = self.kept.front().map_or(self.log.next(), |kept| kept.lsn);
        self.log.drop_before(needed).map(drop)
    }

    /// Drops the oldest segment when there is too much here. Yields the numbers in it, with the losses that were declared.
    pub(super) fn evict(&mut self) -> Vec<(Seq, Option<Gap>)> {
        let over = self.log.bytes() > self.limit_bytes || self.kept.len() > MAX_KEPT;
        let Some(range) = self.log.over_budget().filter(|_| over) else {
            return Vec::new();
        };
        let mut gone = Vec::new();
        while let Some(kept) = self.kept.pop_front_if(|kept| kept.lsn.0 <= range.to.0) {
            let gap = match self.read(kept).filter(|_| !kept.is_event) {
                Some(Record::Gap(gap)) => Some(gap),
                _ => None,
            };
            gone.push((kept.seq, gap));
        }
        if let Err(error) = self.log.evict_oldest() {
            tracing::warn!(%error, "the oldest segment of the spool's reserve cannot be removed");
        }
        gone
    }

    /// Hands what waits in memory to the kernel and notes that it must be synced.
    pub(super) fn sync(&mut self) -> Result<(), JournalError> {
        self.log.sync()
    }

    /// Bytes on disk.
    pub(super) fn bytes(&self) -> u64 {
        self.log.bytes()
    }

    fn read(&self, kept: Kept) -> Option<Record> {
        match self.log.reader(kept.lsn).next()?.ok()? {
            Item::Record { lsn, kind, payload } if lsn == kept.lsn => {
                decode(kind, &payload).filter(|(seq, _)| *seq == kept.seq).map(|(_, record)| record)
            }
            _ => None,
        }
    }
}

fn decode(kind: u8, payload: &[u8]) -> Option<(Seq, Record)> {
    let (number, content) = payload.split_first_chunk::<8>()?;
    let seq = Seq(u64::from_le_bytes(*number));
    Record::decode(kind, content.to_vec()).map(|record| (seq, record))
}

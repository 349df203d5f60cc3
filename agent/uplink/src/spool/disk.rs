//! Writing records, and going on in memory while the disk takes none.

use super::memory::Memory;
use super::record::{Record, VOID};
use super::{RECENT_BYTES, RECENT_RECORDS, Spool, SpoolError};
use shared_journal::{JournalError, Lsn};
use shared_model::{Gap, GapReason, Seq, SeqRange};
use std::io::ErrorKind;

/// Numbers without a record that are filled up one by one; more of them begin a new segment.
const FILLED: u64 = 64;

impl Spool {
    /// Gives a record its number. When this returns it is in the file, or in memory while the disk takes none.
    pub(super) fn append(&mut self, record: Record) -> Result<Seq, SpoolError> {
        self.restore();
        let seq = self.next();
        if self.memory.is_none() {
            match self.write(seq, &record) {
                Ok(()) => {
                    self.remember(seq, record);
                    return Ok(seq);
                }
                Err(JournalError::Write { source, .. }) => self.degrade(seq, source.to_string()),
                Err(other) => return Err(other.into()),
            }
        }
        self.remember(seq, record.clone());
        let gone = self.memory.as_mut().map(|memory| memory.push(seq, record));
        for lost in gone.into_iter().flatten() {
            if !self.settled.contains(lost) {
                self.owe(SeqRange { from: lost, to: lost });
                self.settled.insert(lost);
            }
        }
        Ok(seq)
    }

    /// Goes on in memory, from the number `next` on.
    pub(super) fn degrade(&mut self, next: Seq, reason: String) {
        tracing::error!(reason, "the spool cannot write to its disk and goes on in memory");
        self.memory = Some(Memory::new(next, reason));
    }

    /// Writes what waits in memory, if the disk takes it again.
    pub(super) fn restore(&mut self) {
        let Some(mut memory) = self.memory.take() else { return };
        let mut written = self.write_back(&mut memory);
        while written.as_ref().is_err_and(is_full) && self.free_now() {
            written = self.write_back(&mut memory);
        }
        match written {
            Ok(()) => tracing::info!("the spool writes to its disk again"),
            Err(_) => self.memory = Some(memory),
        }
    }

    fn write_back(&mut self, memory: &mut Memory) -> Result<(), JournalError> {
        self.log.flush()?;
        while let Some((seq, record)) = memory.front() {
            // What was half written when the disk failed has its place already.
            if seq.0 >= self.log.next().0 && !self.settled.contains(seq) {
                let record = record.clone();
                self.fill_to(seq)?;
                self.try_write(seq, &record)?;
            }
            memory.pop();
        }
        self.fill_to(memory.next)?;
        self.log.flush()
    }

    /// Lets the next record of the log have the number `seq`; the numbers before it were given to records that are
    /// settled.
    pub(super) fn fill_to(&mut self, seq: Seq) -> Result<(), JournalError> {
        if seq.0.saturating_sub(self.log.next().0) > FILLED {
            return self.log.skip_to(Lsn(seq.0));
        }
        while self.log.next().0 < seq.0 {
            self.log.append(VOID, &[])?;
        }
        Ok(())
    }

    fn write(&mut self, seq: Seq, record: &Record) -> Result<(), JournalError> {
        match self.try_write(seq, record) {
            Err(error) if is_full(&error) && self.free_now() => self.try_write(seq, record),
            other => other,
        }
    }

    fn try_write(&mut self, seq: Seq, record: &Record) -> Result<(), JournalError> {
        self.reserve.write(seq, record)?;
        // After a failed attempt it may wait in the log's memory already.
        if self.log.next().0 == seq.0 {
            let (kind, payload) = record.encode();
            self.log.append(kind, &payload)?;
        }
        self.log.flush()
    }

    pub(super) fn remember(&mut self, seq: Seq, record: Record) {
        self.recent_bytes += record.bytes();
        self.recent.push_back((seq, record));
        while self.recent.len() > RECENT_RECORDS || self.recent_bytes > RECENT_BYTES {
            let Some((_, oldest)) = self.recent.pop_front() else { break };
            self.recent_bytes -= oldest.bytes();
        }
    }

    /// Owes the declaration of numbers that are lost for want of room; one that continues the last joins it.
    fn owe(&mut self, lost: SeqRange) {
        match self.owed.last_mut() {
            Some(last) if last.reason == GapReason::Budget && last.lost.to.0 + 1 == lost.from.0 => {
                last.lost.to = lost.to;
            }
            _ => {
                let (reason, first, last) = (GapReason::Budget, None, None);
                self.owed.push(Gap { lost, reason, first, last });
            }
        }
    }
}

/// Whether there is no room, rather than no way to write at all.
fn is_full(error: &JournalError) -> bool {
    let JournalError::Write { source, .. } = error else { return false };
    matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

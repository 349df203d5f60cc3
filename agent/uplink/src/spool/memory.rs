//! Where records wait while the disk takes none: the newest of them, batches and events apart. Pure.

use super::record::Record;
use shared_model::{Seq, SeqSet};
use std::collections::VecDeque;

/// Bytes of events and declared losses that wait: some five hundred, far more than a node has in a day.
const EVENT_BYTES: usize = 64 << 10;

/// Bytes of batches that wait: within the agent's 20 MiB, some ten minutes of 800 busy series.
const BATCH_BYTES: usize = 4 << 20;

/// Records that wait for the disk.
#[derive(Debug)]
pub(super) struct Memory {
    /// The number the next record gets.
    pub(super) next: Seq,
    /// What the kernel said.
    pub(super) reason: String,
    batches: Ring,
    events: Ring,
}

#[derive(Debug, Default)]
struct Ring {
    records: VecDeque<(Seq, Record)>,
    bytes: usize,
}

impl Memory {
    /// Empty, from the number `next` on.
    pub(super) fn new(next: Seq, reason: String) -> Self {
        Self { next, reason, batches: Ring::default(), events: Ring::default() }
    }

    /// Takes a record under a number above all others. Yields the numbers of those that had to go for it.
    pub(super) fn push(&mut self, seq: Seq, record: Record) -> Vec<Seq> {
        let (ring, limit) = match &record {
            Record::Batch(_) => (&mut self.batches, BATCH_BYTES),
            Record::Gap(_) | Record::Event(_) => (&mut self.events, EVENT_BYTES),
        };
        self.next = self.next.max(Seq(seq.0 + 1));
        ring.push(seq, record, limit)
    }

    /// A record that waits.
    pub(super) fn get(&self, seq: Seq) -> Option<&Record> {
        self.batches.get(seq).or_else(|| self.events.get(seq))
    }

    /// The record with the lowest number.
    pub(super) fn front(&self) -> Option<(Seq, &Record)> {
        let fronts = [self.batches.records.front(), self.events.records.front()];
        let front = fronts.into_iter().flatten().min_by_key(|(seq, _)| *seq)?;
        Some((front.0, &front.1))
    }

    /// Forgets the record with the lowest number.
    pub(super) fn pop(&mut self) {
        let Some((seq, _)) = self.front() else { return };
        self.batches.forget(|s| s == seq);
        self.events.forget(|s| s == seq);
    }

    /// Forgets what is settled at the front.
    pub(super) fn settle(&mut self, settled: &SeqSet) {
        self.batches.forget(|seq| settled.contains(seq));
        self.events.forget(|seq| settled.contains(seq));
    }

    /// The numbers of all records, ascending.
    pub(super) fn numbers(&self) -> Vec<Seq> {
        let all = self.batches.records.iter().chain(&self.events.records);
        let mut numbers: Vec<Seq> = all.map(|(seq, _)| *seq).collect();
        numbers.sort_unstable();
        numbers
    }
}

impl Ring {
    fn push(&mut self, seq: Seq, record: Record, limit: usize) -> Vec<Seq> {
        self.bytes += record.bytes();
        self.records.push_back((seq, record));
        let mut gone = Vec::new();
        while self.bytes > limit && self.records.len() > 1 {
            let Some((seq, oldest)) = self.records.pop_front() else { break };
            self.bytes -= oldest.bytes();
            gone.push(seq);
        }
        gone
    }

    fn get(&self, seq: Seq) -> Option<&Record> {
        let at = self.records.binary_search_by_key(&seq, |(s, _)| *s).ok()?;
        self.records.get(at).map(|(_, record)| record)
    }

    fn forget(&mut self, is_done: impl Fn(Seq) -> bool) {
        while let Some((_, record)) = self.records.pop_front_if(|(seq, _)| is_done(*seq)) {
            self.bytes -= record.bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::BatchRecord;
    use super::*;
    use bytes::Bytes;
    use proto::EncodedBody;
    use shared_model::{BootTime, Event, EventContent, Timestamp};

    fn batch(bytes: usize) -> Record {
        let at = Timestamp::from_secs(1);
        let zbody = Bytes::from(vec![7; bytes - size_of::<Record>()]);
        let body = EncodedBody { zbody, crc32c: 1, raw_len: 2 };
        Record::Batch(BatchRecord { generation: 1, first: at, last: at, body })
    }

    fn event() -> Record {
        let (at, boot) = (Timestamp::from_secs(1), BootTime::default());
        let content = EventContent::ClockStep { step_us: 1 };
        Record::Event(Event { at, boot, key: "".into(), content })
    }

    /// Scenario: batches just up to the limit, one byte past it, and events between them.
    /// Guarantees: only past the limit the oldest batches go, and no event; the front is the lowest number of both.
    #[test]
    fn the_oldest_batches_go_first() {
        let mut memory = Memory::new(Seq(1), "full".into());
        assert!(memory.push(Seq(1), event()).is_empty());
        assert!(memory.push(Seq(2), batch(BATCH_BYTES / 2)).is_empty());
        assert!(memory.push(Seq(3), batch(BATCH_BYTES / 2)).is_empty());
        assert!(memory.push(Seq(4), event()).is_empty());
        assert_eq!(memory.push(Seq(5), batch(1_000)), [Seq(2)]);
        assert_eq!(memory.numbers(), [1, 3, 4, 5].map(Seq));
        assert_eq!(memory.front().map(|(seq, _)| seq), Some(Seq(1)));
        assert_eq!(memory.next, Seq(6));
        memory.settle(
            &[1, 3]
                .into_iter()
                .filter_map(|s| shared_model::SeqRange::new(Seq(s), Seq(s)))
                .collect(),
        );
        assert_eq!(memory.numbers(), [4, 5].map(Seq));
        memory.pop();
        assert_eq!(memory.numbers(), [Seq(5)]);
        assert_eq!(memory.batches.bytes, 1_000);
    }

    /// Scenario: a flood of events. Guarantees: their own limit holds, the newest stay, batches do not notice.
    #[test]
    fn events_have_their_own_limit() {
        let mut memory = Memory::new(Seq(1), "full".into());
        memory.push(Seq(1), batch(1_000));
        let room = (EVENT_BYTES / event().bytes()) as u64;
        let gone: Vec<Seq> = (2..2 + room + 3).flat_map(|n| memory.push(Seq(n), event())).collect();
        assert_eq!(gone, [2, 3, 4].map(Seq));
        assert!(memory.get(Seq(1)).is_some());
    }
}

//! What a session sends next: the oldest record that is not settled, its catalog before it. In the steady state the
//! record comes from memory; after an outage the older ones come from disk.

use crate::link::chain;
use crate::spool::{OfferError, Record};
use crate::uplink::Shared;
use proto::{event_to_wire, gap_to_wire, up, wire};
use shared_journal::{Item, Reader};
use shared_model::{GapReason, Lane, Seq, SeqRange};

/// Where a session is in the spool.
pub(super) struct Outbox {
    /// Everything below was sent in this session or is settled.
    cursor: Seq,
    /// Records from here on were made while the session was open.
    live_from: Seq,
    /// The generation the collector knows, 0 for none.
    known_generation: u32,
    /// The collector asked for the full catalog.
    catalog_due: bool,
    /// Open while records come from disk.
    reader: Option<Reader>,
}

/// What came of reading one record from disk.
enum FromDisk {
    Record(Record),
    /// The numbers are settled or passed over: look again.
    Again,
    /// It will be there later.
    NotYet,
}

impl Outbox {
    /// For a session that has just been welcomed by a collector that knows `known_generation` of the catalog.
    pub(super) fn new(live_from: Seq, known_generation: u32) -> Self {
        Self {
            cursor: Seq(1),
            live_from,
            known_generation,
            catalog_due: known_generation == 0,
            reader: None,
        }
    }

    /// The next message, `None` when there is nothing to send for now.
    pub(super) fn next(&mut self, shared: &Shared) -> Result<Option<wire::Up>, OfferError> {
        loop {
            let state = shared.lock();
            if self.catalog_due && state.spool.catalog_version().is_some() {
                let message = state.spool.catalog_message()?;
                self.known_generation = message.generation;
                self.catalog_due = false;
                return Ok(Some(up(message)));
            }
            let Some(seq) = state.spool.next_unsettled(self.cursor) else {
                self.reader = None;
                return Ok(None);
            };
            let record = match state.spool.at_hand(seq) {
                Some(record) => {
                    drop(state);
                    record
                }
                None => {
                    let reader = self.reader.take().filter(|r| r.position().0 == seq.0);
                    let mut reader = reader.unwrap_or_else(|| state.spool.reader(seq));
                    drop(state);
                    let found = self.read(shared, &mut reader, seq);
                    self.reader = Some(reader);
                    match found {
                        FromDisk::Record(record) => record,
                        FromDisk::Again => continue,
                        FromDisk::NotYet => return Ok(None),
                    }
                }
            };
            if let Record::Batch(batch) = &record
                && batch.generation > self.known_generation
            {
                return self.catalog(shared).map(Some);
            }
            self.cursor = Seq(seq.0 + 1);
            return Ok(Some(self.message(seq, record)));
        }
    }

    /// Sends `seq` again, and all that follows it and is not settled by then.
    pub(super) fn rewind(&mut self, seq: Seq) {
        self.cursor = self.cursor.min(seq);
    }

    /// Sends the full catalog before anything else.
    pub(super) fn resend_catalog(&mut self) {
        self.catalog_due = true;
    }

    fn message(&self, seq: Seq, record: Record) -> wire::Up {
        match record {
            Record::Batch(batch) => {
                let lane = if seq >= self.live_from { Lane::Live } else { Lane::Backfill };
                up(wire::Batch::new(seq, lane, batch.generation, &batch.body))
            }
            Record::Gap(gap) => up(gap_to_wire(seq, &gap)),
            Record::Event(event) => up(event_to_wire(seq, &event)),
        }
    }

    /// The delta where the collector has exactly what it adds to, else the full catalog.
    fn catalog(&mut self, shared: &Shared) -> Result<wire::Up, OfferError> {
        let state = shared.lock();
        let delta = state.delta.as_ref().filter(|delta| {
            delta.base_generation == self.known_generation
                && delta.generation == state.spool.catalog().generation
        });
        let message = match delta {
            Some(delta) => delta.clone(),
            None => state.spool.catalog_message()?,
        };
        self.known_generation = message.generation;
        Ok(up(message))
    }

    fn read(&mut self, shared: &Shared, reader: &mut Reader, seq: Seq) -> FromDisk {
        let damaged = |range: SeqRange| {
            tracing::warn!(lost = %range, "records in the spool cannot be read");
            shared.lock().spool.declare(range, GapReason::Damaged, None);
            FromDisk::Again
        };
        match reader.next() {
            None => FromDisk::NotYet,
            Some(Ok(Item::Record { lsn, kind, payload })) => match Record::decode(kind, payload) {
                Some(record) if lsn.0 == seq.0 => FromDisk::Record(record),
                _ => damaged(SeqRange { from: seq, to: seq }),
            },
            Some(Ok(Item::Damaged { from, to, .. })) => {
                damaged(SeqRange { from: Seq(from.0), to: Seq(to.0) })
            }
            // Evicted since it was looked up, and declared by the one who did it.
            Some(Ok(Item::Dropped { .. })) => FromDisk::Again,
            Some(Err(error)) => {
                // It stays unsettled and is tried again in the next session; the live records do not wait for it.
                tracing::warn!(%seq, error = chain(&error), "a record of the spool cannot be read now");
                self.cursor = Seq(seq.0 + 1);
                FromDisk::Again
            }
        }
    }
}

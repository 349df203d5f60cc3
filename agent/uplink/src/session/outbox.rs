//! What a session sends next. Two cursors go through the spool: one over what is made while the session is open, which
//! always goes first, and one over the backlog before it. Each keeps the order of numbers. In the steady state a record
//! comes from memory; after an outage the older ones come from disk.

use super::flight::{Flight, Track};
use crate::link::chain;
use crate::spool::{OfferError, Record};
use crate::uplink::Shared;
use proto::{Credit, event_to_wire, gap_to_wire, up, wire};
use shared_journal::{Item, Reader};
use shared_model::{BootTime, GapReason, Lane, Seq, SeqRange, SeqSet};
use std::time::Duration;

/// Around a record's body: envelope, HTTP/2 and TLS.
const ENVELOPE_BYTES: u64 = 100;

/// Where a session is in the spool.
pub(super) struct Outbox {
    fresh: Cursor,
    backlog: Cursor,
    /// Records from here on were made while the session was open.
    live_from: Seq,
    flight: Flight,
    /// The generation the collector knows, 0 for none.
    known_generation: u32,
    /// The collector asked for the full catalog.
    catalog_due: bool,
    /// A record waits for a confirmation of others.
    full: bool,
}

/// Where one track is.
struct Cursor {
    /// Everything of this track below was sent in this session or is settled.
    next: Seq,
    /// The first number that is not of this track any more.
    end: Seq,
    /// Open while records come from disk.
    reader: Option<Reader>,
    /// Nothing is sent before.
    paused: Option<BootTime>,
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
    /// For a session that has just been welcomed by a collector that knows `known_generation` of the catalog. Records
    /// from `fresh_from` on go first; those from `live_from` on were made while the session was open.
    pub(super) fn new(
        fresh_from: Seq,
        live_from: Seq,
        known_generation: u32,
        credit: Credit,
    ) -> Self {
        let cursor = |next, end| Cursor { next, end, reader: None, paused: None };
        Self {
            fresh: cursor(fresh_from, Seq(u64::MAX)),
            backlog: cursor(Seq(1), fresh_from),
            live_from,
            flight: Flight::new(credit),
            known_generation,
            catalog_due: known_generation == 0,
            full: false,
        }
    }

    /// The next message, `None` when there is nothing to send for now.
    pub(super) fn next(&mut self, shared: &Shared) -> Result<Option<wire::Up>, OfferError> {
        if self.catalog_due {
            let state = shared.lock();
            if state.spool.catalog_version().is_some() {
                let message = state.spool.catalog_message()?;
                self.known_generation = message.generation;
                self.catalog_due = false;
                return Ok(Some(up(message)));
            }
        }
        self.full = false;
        for track in [Track::Fresh, Track::Backlog] {
            if let Some(message) = self.next_of(track, shared)? {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    fn next_of(&mut self, track: Track, shared: &Shared) -> Result<Option<wire::Up>, OfferError> {
        let now = shared.clock.boot();
        if self.cursor(track).paused.is_some_and(|until| now < until) {
            return Ok(None);
        }
        self.cursor(track).paused = None;
        loop {
            let Some(seq) = self.candidate(track, shared) else {
                self.cursor(track).reader = None;
                return Ok(None);
            };
            if !self.flight.room(track) {
                self.full = true;
                return Ok(None);
            }
            let recent = shared.lock().spool.at_hand(seq);
            let record = match recent {
                Some(record) => record,
                None => match self.read_disk(track, shared, seq) {
                    FromDisk::Record(record) => record,
                    FromDisk::Again => continue,
                    FromDisk::NotYet => return Ok(None),
                },
            };
            if let Record::Batch(batch) = &record
                && batch.generation > self.known_generation
            {
                return self.catalog(shared).map(Some);
            }
            self.cursor(track).next = Seq(seq.0 + 1);
            self.flight.sent(track, seq, record.bytes() as u64 + ENVELOPE_BYTES, now);
            return Ok(Some(self.message(seq, record)));
        }
    }

    /// The lowest number of a track that is to be sent and is not on the way.
    fn candidate(&mut self, track: Track, shared: &Shared) -> Option<Seq> {
        let state = shared.lock();
        loop {
            let Cursor { next, end, .. } = *self.cursor(track);
            let seq = state.spool.next_unsettled(next).filter(|seq| *seq < end)?;
            if !self.flight.contains(seq) {
                return Some(seq);
            }
            self.cursor(track).next = Seq(seq.0 + 1);
        }
    }

    fn cursor(&mut self, track: Track) -> &mut Cursor {
        match track {
            Track::Fresh => &mut self.fresh,
            Track::Backlog => &mut self.backlog,
        }
    }

    /// These records are on the collector's disk, and so much may be on the way from now on. Answers whether a record
    /// may be waiting for that.
    pub(super) fn confirmed(&mut self, durable: &SeqSet, credit: Credit, now: BootTime) -> bool {
        self.flight.confirmed(durable, now);
        self.flight.grant(credit);
        self.full
    }

    /// Nothing is on the way.
    pub(super) fn is_clear(&self) -> bool {
        self.flight.is_empty()
    }

    /// A record was not taken and is settled otherwise.
    pub(super) fn forget(&mut self, seq: Seq) {
        self.flight.returned(seq);
    }

    /// A record was not taken: sends it again, and nothing of its track before `pause` has passed. The other track does
    /// not wait with it.
    pub(super) fn again(&mut self, seq: Seq, pause: Duration, now: BootTime) {
        let track = self.flight.returned(seq);
        let fresh = seq >= self.fresh.next || seq >= self.backlog.end;
        let track = track.unwrap_or(if fresh { Track::Fresh } else { Track::Backlog });
        let cursor = self.cursor(track);
        cursor.next = cursor.next.min(seq);
        cursor.reader = None;
        cursor.paused = Some(now.plus(pause));
    }

    /// How long until a paused track goes on, `None` when none is paused.
    pub(super) fn paused(&self, now: BootTime) -> Option<Duration> {
        let until = [&self.fresh, &self.backlog].into_iter().filter_map(|cursor| cursor.paused);
        until.min().map(|at| at.since(now))
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

    fn read_disk(&mut self, track: Track, shared: &Shared, seq: Seq) -> FromDisk {
        let reader = self.cursor(track).reader.take().filter(|r| r.position().0 == seq.0);
        let mut reader = reader.unwrap_or_else(|| shared.lock().spool.reader(seq));
        let found = self.read(track, shared, &mut reader, seq);
        self.cursor(track).reader = Some(reader);
        found
    }

    fn read(&mut self, track: Track, shared: &Shared, reader: &mut Reader, seq: Seq) -> FromDisk {
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
                self.cursor(track).next = Seq(seq.0 + 1);
                FromDisk::Again
            }
        }
    }
}

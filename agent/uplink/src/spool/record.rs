//! What a record of the spool holds, as bytes.

use bytes::Bytes;
use prost::Message;
use proto::{EncodedBody, event_from_wire, event_to_wire, gap_from_wire, gap_to_wire, wire};
use shared_model::{Event, Gap, Seq, SeqRange, Timestamp};

/// Journal kind of a batch.
const BATCH: u8 = 1;
/// Journal kind of a declared loss.
const GAP: u8 = 2;
/// Journal kind of an event.
const EVENT: u8 = 3;
/// Journal kind of a number whose record was settled or lost while it was in memory only; without content.
pub(super) const VOID: u8 = 4;

/// Before the body of a batch: generation, raw length, checksum (4 bytes each), first and last time (8 bytes each), all
/// little endian.
const HEAD_BYTES: usize = 28;

/// One numbered record.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Record {
    /// A round of readings, encoded.
    Batch(BatchRecord),
    /// A declared loss.
    Gap(Gap),
    /// Something that happened.
    Event(Event),
}

/// An encoded batch and what is needed without decoding it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct BatchRecord {
    /// Its catalog.
    pub(crate) generation: u32,
    /// Time of its first row.
    pub(crate) first: Timestamp,
    /// Time of its last row.
    pub(crate) last: Timestamp,
    /// Its body.
    pub(crate) body: EncodedBody,
}

impl Record {
    /// Journal kind and payload.
    pub(super) fn encode(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Batch(batch) => {
                let mut payload = Vec::with_capacity(HEAD_BYTES + batch.body.zbody.len());
                payload.extend_from_slice(&batch.generation.to_le_bytes());
                payload.extend_from_slice(&batch.body.raw_len.to_le_bytes());
                payload.extend_from_slice(&batch.body.crc32c.to_le_bytes());
                payload.extend_from_slice(&batch.first.as_micros().to_le_bytes());
                payload.extend_from_slice(&batch.last.as_micros().to_le_bytes());
                payload.extend_from_slice(&batch.body.zbody);
                (BATCH, payload)
            }
            // Its number is the journal's; the message needs one above the loss to be valid.
            Self::Gap(gap) => (GAP, gap_to_wire(Seq(gap.lost.to.0 + 1), gap).encode_to_vec()),
            Self::Event(event) => (EVENT, event_to_wire(Seq(1), event).encode_to_vec()),
        }
    }

    /// `None` for a payload that is not a record of this kind.
    pub(crate) fn decode(kind: u8, payload: Vec<u8>) -> Option<Self> {
        match kind {
            BATCH => {
                let head = payload.first_chunk::<HEAD_BYTES>()?;
                let four = |at: usize| {
                    u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
                };
                let eight = |at: usize| i64::from(four(at)) | i64::from(four(at + 4)) << 32;
                let (generation, raw_len, crc32c) = (four(0), four(4), four(8));
                let (first, last) =
                    (Timestamp::from_micros(eight(12)), Timestamp::from_micros(eight(20)));
                let zbody = Bytes::from(payload).slice(HEAD_BYTES..);
                let body = EncodedBody { zbody, crc32c, raw_len };
                Some(Self::Batch(BatchRecord { generation, first, last, body }))
            }
            GAP => {
                let message = wire::Gap::decode(payload.as_slice()).ok()?;
                gap_from_wire(&message).ok().map(|(_, gap)| Self::Gap(gap))
            }
            EVENT => {
                let message = wire::Event::decode(payload.as_slice()).ok()?;
                event_from_wire(&message).ok().map(|(_, event)| Self::Event(event))
            }
            _ => None,
        }
    }

    /// Bytes it takes in memory, roughly.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Batch(batch) => batch.body.zbody.len() + size_of::<Self>(),
            Self::Gap(_) => size_of::<Self>(),
            Self::Event(_) => size_of::<Self>() + self.encode().1.len(),
        }
    }
}

/// The numbers of `range` that lie within `from..=to`.
pub(super) fn clip(range: SeqRange, from: Seq, to: Seq) -> Option<SeqRange> {
    SeqRange::new(range.from.max(from), range.to.min(to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shared_model::{BootTime, EventContent, GapReason};

    proptest! {
        /// Scenario: any batch record. Guarantees: it comes back equal.
        #[test]
        fn batches_round_trip(generation: u32, first: i64, last: i64, crc32c: u32, raw_len: u32, body: Vec<u8>) {
            let record = Record::Batch(BatchRecord {
                generation,
                first: Timestamp::from_micros(first),
                last: Timestamp::from_micros(last),
                body: EncodedBody { zbody: body.into(), crc32c, raw_len },
            });
            let (kind, payload) = record.encode();
            prop_assert_eq!(Record::decode(kind, payload), Some(record));
        }

        /// Scenario: any bytes of any kind. Guarantees: an answer, never a panic.
        #[test]
        fn any_bytes_are_answered(kind in 0u8..5, payload: Vec<u8>) {
            let _ignored = Record::decode(kind, payload).is_some();
        }
    }

    /// Scenario: an event. Guarantees: it comes back equal.
    #[test]
    fn events_round_trip() {
        let (at, boot) = (Timestamp::from_secs(5), BootTime::from_micros(6));
        let content = EventContent::ClockStep { step_us: -7 };
        let record = Record::Event(Event { at, boot, key: "".into(), content });
        let (kind, payload) = record.encode();
        assert_eq!(Record::decode(kind, payload), Some(record));
    }

    /// Scenario: a declared loss. Guarantees: it comes back equal.
    #[test]
    fn gaps_round_trip() {
        let lost = SeqRange { from: Seq(4), to: Seq(7) };
        let last = Some(Timestamp::from_secs(5));
        let record = Record::Gap(Gap { lost, reason: GapReason::Budget, first: None, last });
        let (kind, payload) = record.encode();
        assert_eq!(Record::decode(kind, payload), Some(record));
    }
}

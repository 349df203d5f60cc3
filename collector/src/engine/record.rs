//! Records of the collector's journal: everything a decision reads.
//!
//! The journal's kind byte tells the record. Batches, which are nearly all of it, have a fixed little-endian head of 45
//! bytes (source u32, seq u64, wall i64 µs, boot u64 µs, lane u8, generation u32, raw length u32, CRC32C u32, reserved u32)
//! and then the compressed body as it came on the wire. The others are MessagePack maps.
//!
//! Kinds are on disk for ever: fields may be added with a default, never changed, and no number is used twice. 14 is
//! kept for late evaluations; 20 and up are free.

use super::observed::ObservedRecord;
use super::steady::Stamp;
use bytes::Bytes;
use collector_domain::{
    Act, ChangeAct, Contract, DeliveryReport, Exhibit, ForeignAlert, Report, RosterChange,
    SilenceChange, Topology,
};
use collector_notify::Profile;
use serde::{Deserialize, Serialize};
use shared_model::{
    BootTime, Event, EventContent, Gap, GapReason, Lane, NodeIdentity, Seq, SeqRange, Timestamp,
};
use std::time::Duration;

const STARTED: u8 = 1;
const SOURCE: u8 = 2;
const CATALOG: u8 = 3;
const BATCH: u8 = 4;
const GAP: u8 = 5;
const OPENED: u8 = 6;
const HEARTBEAT: u8 = 7;
const CLOSED: u8 = 8;
const TICK: u8 = 9;
const ACTED: u8 = 10;
const EVENT: u8 = 13;
const OBSERVED: u8 = 15;
const SILENCED: u8 = 11;
const DELIVERED: u8 = 12;
const CHANGED: u8 = 16;
const REPORTED: u8 = 17;
const ROSTERED: u8 = 18;
const FOREIGN: u8 = 19;

const BATCH_HEAD_BYTES: usize = 45;

/// One input of the fold.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Record {
    Started(Box<Started>),
    Source(Source),
    Catalog {
        source: u32,
        wire: Bytes,
    },
    Batch(BatchRecord),
    Gap(GapRecord),
    Opened(OpenedRecord),
    Heartbeat {
        stamp: Stamp,
        source: u32,
        clock_offset_us: Option<i64>,
    },
    Closed {
        stamp: Stamp,
        source: u32,
        planned: bool,
    },
    Tick(Stamp),
    Acted {
        stamp: Stamp,
        act: Act,
    },
    Event(EventRecord),
    Observed(ObservedRecord),
    Silenced {
        stamp: Stamp,
        change: SilenceChange,
    },
    Delivered {
        stamp: Stamp,
        report: DeliveryReport,
    },
    Changed {
        stamp: Stamp,
        act: ChangeAct,
    },
    Reported {
        stamp: Stamp,
        report: Report,
    },
    Rostered {
        stamp: Stamp,
        change: RosterChange,
    },
    /// Alerts that the account `by` sent.
    Foreign {
        stamp: Stamp,
        by: String,
        alerts: Vec<ForeignAlert>,
    },
}

/// The collector started: from here on this contract and topology hold.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Started {
    pub(crate) stamp: Stamp,
    pub(crate) boot_id: String,
    pub(crate) version: String,
    pub(crate) pack: String,
    pub(crate) contract: Contract,
    pub(crate) topology: Topology,
    /// Over which agents were told to come back. Absent in journals of version 0.1.0.
    #[serde(default)]
    pub(crate) reconnect_window: Duration,
    /// Who is told of incidents. Records of releases that told nobody have none.
    #[serde(default)]
    pub(crate) notify: Profile,
}

/// A stream of a node gets its number.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) source: u32,
    pub(crate) node: NodeIdentity,
    pub(crate) stream: [u8; 16],
}

/// A batch as it came.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct BatchRecord {
    pub(crate) stamp: Stamp,
    pub(crate) source: u32,
    pub(crate) seq: Seq,
    pub(crate) lane: Lane,
    pub(crate) generation: u32,
    pub(crate) raw_len: u32,
    pub(crate) crc32c: u32,
    pub(crate) body: Bytes,
}

/// A declared loss.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct GapRecord {
    pub(crate) stamp: Stamp,
    pub(crate) source: u32,
    pub(crate) seq: Seq,
    pub(crate) lost: SeqRange,
    reason: u8,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

/// Something that happened on a node.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct EventRecord {
    pub(crate) stamp: Stamp,
    pub(crate) source: u32,
    pub(crate) seq: Seq,
    at: Timestamp,
    boot: BootTime,
    key: String,
    /// Kind and body as on the wire, so that what this build does not know is kept for one that does.
    kind: i32,
    body: Vec<u8>,
}

/// A session was accepted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct OpenedRecord {
    pub(crate) stamp: Stamp,
    pub(crate) source: u32,
    pub(crate) session_no: u64,
    pub(crate) agent_version: String,
    pub(crate) clock_offset_us: i64,
}

impl GapRecord {
    pub(crate) fn new(stamp: Stamp, source: u32, seq: Seq, gap: &Gap) -> Self {
        let reason = match gap.reason {
            GapReason::Budget => 1,
            GapReason::Damaged => 2,
            GapReason::Unsynced => 3,
            GapReason::Refused => 4,
        };
        Self { stamp, source, seq, lost: gap.lost, reason, first: gap.first, last: gap.last }
    }
}

impl EventRecord {
    pub(crate) fn new(stamp: Stamp, source: u32, seq: Seq, event: &Event) -> Self {
        let proto::wire::Event { kind, key, body, .. } = proto::event_to_wire(seq, event);
        let (at, boot, body) = (event.at, event.boot, body.into());
        Self { stamp, source, seq, at, boot, key, kind, body }
    }

    /// What happened; `None` when it cannot be read, which validation has ruled out.
    pub(crate) fn content(&self) -> Option<EventContent> {
        proto::event_content(self.kind, &self.body).ok()
    }

    /// What a probe said of the instance that the event names, or of `node` itself.
    pub(crate) fn exhibit(&self, node: &str, topic: &str, lines: Vec<Box<str>>) -> Exhibit {
        let instance = if self.key.is_empty() { node } else { &self.key };
        Exhibit {
            at: self.at,
            instance: instance.to_owned(),
            topic: topic.to_owned(),
            lines: lines.into_iter().map(String::from).collect(),
        }
    }
}

/// A journal record that this build does not understand.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    /// The kind byte is not known.
    #[error("record kind {0} is not known: was it written by a newer version?")]
    Kind(u8),
    /// A batch's head is cut or holds nonsense.
    #[error("the head of a batch record is damaged")]
    Head,
    /// MessagePack does not fit.
    #[error("a record of kind {kind} does not decode")]
    Decode {
        /// The kind byte.
        kind: u8,
        /// Why.
        #[source]
        source: rmp_serde::decode::Error,
    },
}

impl Record {
    /// Kind byte and payload.
    pub(crate) fn encode(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Started(r) => (STARTED, pack(r)),
            Self::Source(r) => (SOURCE, pack(r)),
            Self::Catalog { source, wire } => (CATALOG, [&source.to_le_bytes()[..], wire].concat()),
            Self::Batch(r) => (BATCH, r.encode()),
            Self::Gap(r) => (GAP, pack(r)),
            Self::Opened(r) => (OPENED, pack(r)),
            Self::Heartbeat { stamp, source, clock_offset_us } => {
                (HEARTBEAT, pack(&(stamp, source, clock_offset_us)))
            }
            Self::Closed { stamp, source, planned } => (CLOSED, pack(&(stamp, source, planned))),
            Self::Tick(stamp) => (TICK, pack(stamp)),
            Self::Acted { stamp, act } => (ACTED, pack(&(stamp, act))),
            Self::Event(r) => (EVENT, pack(r)),
            Self::Observed(r) => (OBSERVED, pack(r)),
            Self::Silenced { stamp, change } => (SILENCED, pack(&(stamp, change))),
            Self::Delivered { stamp, report } => (DELIVERED, pack(&(stamp, report))),
            Self::Changed { stamp, act } => (CHANGED, pack(&(stamp, act))),
            Self::Reported { stamp, report } => (REPORTED, pack(&(stamp, report))),
            Self::Rostered { stamp, change } => (ROSTERED, pack(&(stamp, change))),
            Self::Foreign { stamp, by, alerts } => (FOREIGN, pack(&(stamp, by, alerts))),
        }
    }

    /// The record behind a kind byte and payload.
    pub(crate) fn decode(kind: u8, payload: Vec<u8>) -> Result<Self, RecordError> {
        Ok(match kind {
            STARTED => Self::Started(unpack(kind, &payload)?),
            SOURCE => Self::Source(unpack(kind, &payload)?),
            CATALOG => {
                let mut wire = Bytes::from(payload);
                if wire.len() < 4 {
                    return Err(RecordError::Head);
                }
                let source = wire.split_to(4);
                Self::Catalog { source: u32::from_le_bytes(array(&source)?), wire }
            }
            BATCH => Self::Batch(BatchRecord::decode(payload)?),
            GAP => Self::Gap(unpack(kind, &payload)?),
            OPENED => Self::Opened(unpack(kind, &payload)?),
            HEARTBEAT => {
                let (stamp, source, clock_offset_us) = unpack(kind, &payload)?;
                Self::Heartbeat { stamp, source, clock_offset_us }
            }
            CLOSED => {
                let (stamp, source, planned) = unpack(kind, &payload)?;
                Self::Closed { stamp, source, planned }
            }
            TICK => Self::Tick(unpack(kind, &payload)?),
            ACTED => {
                let (stamp, act) = unpack(kind, &payload)?;
                Self::Acted { stamp, act }
            }
            EVENT => Self::Event(unpack(kind, &payload)?),
            OBSERVED => Self::Observed(unpack(kind, &payload)?),
            SILENCED => {
                let (stamp, change) = unpack(kind, &payload)?;
                Self::Silenced { stamp, change }
            }
            DELIVERED => {
                let (stamp, report) = unpack(kind, &payload)?;
                Self::Delivered { stamp, report }
            }
            CHANGED => {
                let (stamp, act) = unpack(kind, &payload)?;
                Self::Changed { stamp, act }
            }
            REPORTED => {
                let (stamp, report) = unpack(kind, &payload)?;
                Self::Reported { stamp, report }
            }
            ROSTERED => {
                let (stamp, change) = unpack(kind, &payload)?;
                Self::Rostered { stamp, change }
            }
            FOREIGN => {
                let (stamp, by, alerts) = unpack(kind, &payload)?;
                Self::Foreign { stamp, by, alerts }
            }
            other => return Err(RecordError::Kind(other)),
        })
    }
}

impl BatchRecord {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(BATCH_HEAD_BYTES + self.body.len());
        out.extend(self.source.to_le_bytes());
        out.extend(self.seq.0.to_le_bytes());
        out.extend(self.stamp.wall.as_micros().to_le_bytes());
        out.extend(self.stamp.boot.as_micros().to_le_bytes());
        out.push(match self.lane {
            Lane::Live => 0,
            Lane::Backfill => 1,
        });
        out.extend(self.generation.to_le_bytes());
        out.extend(self.raw_len.to_le_bytes());
        out.extend(self.crc32c.to_le_bytes());
        out.extend([0; 4]);
        out.extend_from_slice(&self.body);
        out
    }

    fn decode(payload: Vec<u8>) -> Result<Self, RecordError> {
        let mut body = Bytes::from(payload);
        if body.len() < BATCH_HEAD_BYTES {
            return Err(RecordError::Head);
        }
        let head = body.split_to(BATCH_HEAD_BYTES);
        let field = |from: usize, to: usize| head.get(from..to).ok_or(RecordError::Head);
        let wall = i64::from_le_bytes(array(field(12, 20)?)?);
        let boot = u64::from_le_bytes(array(field(20, 28)?)?);
        Ok(Self {
            source: u32::from_le_bytes(array(field(0, 4)?)?),
            seq: Seq(u64::from_le_bytes(array(field(4, 12)?)?)),
            stamp: Stamp { wall: Timestamp::from_micros(wall), boot: BootTime::from_micros(boot) },
            lane: match head.get(28) {
                Some(0) => Lane::Live,
                Some(1) => Lane::Backfill,
                _ => return Err(RecordError::Head),
            },
            generation: u32::from_le_bytes(array(field(29, 33)?)?),
            raw_len: u32::from_le_bytes(array(field(33, 37)?)?),
            crc32c: u32::from_le_bytes(array(field(37, 41)?)?),
            body,
        })
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], RecordError> {
    bytes.try_into().map_err(|_| RecordError::Head)
}

fn pack<T: Serialize>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(value)
        .expect("these types have no map with keys that MessagePack refuses")
}

fn unpack<'a, T: Deserialize<'a>>(kind: u8, payload: &'a [u8]) -> Result<T, RecordError> {
    rmp_serde::from_slice(payload).map_err(|source| RecordError::Decode { kind, source })
}

#[cfg(test)]
mod tests;

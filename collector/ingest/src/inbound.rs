//! What sessions hand to the collector's engine, and what it hands back.

use crate::budget::Held;
use bytes::Bytes;
use proto::StreamId;
use proto::limits::MAX_RANGES;
use proto::wire::NackCode;
use shared_model::{Batch, Catalog, Event, Gap, Lane, NodeIdentity, Seq, SeqRange, SeqSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

/// Numbers a session within one run of the collector.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionId(pub u64);

/// From a session to the engine. Everything in it was validated.
#[derive(Debug)]
pub enum Inbound {
    /// A node opened a session.
    Open(Box<Open>),
    /// Definitions, full or added.
    Catalog {
        /// Which session.
        session: SessionId,
        /// As they came, for the journal.
        wire: Bytes,
    },
    /// A round of readings.
    Batch {
        /// Which session.
        session: SessionId,
        /// Its number.
        seq: Seq,
        /// Which way it came.
        lane: Lane,
        /// Length of the body before compression.
        raw_len: u32,
        /// CRC32C of the compressed body.
        crc32c: u32,
        /// Compressed body as it came, for the journal.
        body: Bytes,
        /// Decoded.
        batch: Batch,
        /// The memory it takes until it is dropped.
        held: Held,
    },
    /// A declared loss.
    Gap {
        /// Which session.
        session: SessionId,
        /// Its own number.
        seq: Seq,
        /// What is lost.
        gap: Gap,
    },
    /// Something that happened on the node.
    Event {
        /// Which session.
        session: SessionId,
        /// Its number.
        seq: Seq,
        /// What happened.
        event: Event,
    },
    /// A sign of life without data.
    Heartbeat {
        /// Which session.
        session: SessionId,
        /// Collector's wall clock minus the node's, in microseconds, once measured.
        clock_offset_us: Option<i64>,
    },
    /// The session ended.
    Close {
        /// Which session.
        session: SessionId,
        /// The agent said that it stops on purpose.
        planned: bool,
    },
}

/// The opening of a session.
#[derive(Debug)]
pub struct Open {
    /// The session.
    pub session: SessionId,
    /// Who, from the certificate.
    pub node: NodeIdentity,
    /// Serial number of that certificate.
    pub serial: String,
    /// Name space of its sequence numbers.
    pub stream: StreamId,
    /// Counts the agent's sessions of this stream.
    pub session_no: u64,
    /// Which start of the agent's program; that of the machine's boot where the agent is too old to say.
    pub run: [u8; 16],
    /// The agent's address, `unknown` where there is none.
    pub address: String,
    /// Version of the agent.
    pub agent_version: String,
    /// Collector's wall clock minus the node's when `Hello` came; includes the way, so it is rough.
    pub clock_offset_us: i64,
    /// Where acknowledgements go.
    pub acks: Arc<Acks>,
    /// Told when the engine wants the session to end.
    pub reply: oneshot::Sender<Result<Opened, Refusal>>,
}

/// The engine accepted the session.
#[derive(Debug)]
pub struct Opened {
    /// What is on disk of this stream.
    pub acked: SeqSet,
    /// The full catalog as known, to validate batches against; `None` when there is none.
    pub catalog: Option<Arc<Catalog>>,
    /// Number of this run of the collector, which never falls.
    pub epoch: u64,
}

/// The engine refused the session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The node was revoked.
    Revoked,
    /// The same identity is connected from another installation.
    Duplicate,
    /// A newer session of the same agent took over.
    Superseded,
    /// The collector stops or is overloaded.
    Unavailable,
}

/// A record that the engine does not take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefusedRecord {
    /// Its number.
    pub seq: Seq,
    /// What the agent is to do.
    pub code: NackCode,
    /// Not to be sent again sooner.
    pub retry_after: Duration,
    /// Why.
    pub detail: String,
}

/// Records refused by the engine that wait for their session: an agent has fewer on the way.
const REFUSED_MAX: usize = 256;

/// Acknowledgements and orders on their way to one session: bounded, because ranges merge.
#[derive(Debug, Default)]
pub struct Acks {
    state: Mutex<AckState>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct AckState {
    durable: SeqSet,
    refused: Vec<RefusedRecord>,
    end: Option<Refusal>,
}

/// What a session is to tell its agent.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub(crate) durable: SeqSet,
    pub(crate) refused: Vec<RefusedRecord>,
}

impl Acks {
    /// The record is on disk.
    pub fn durable(&self, seq: Seq) {
        self.lock().durable.insert_range(SeqRange { from: seq, to: seq });
        self.changed.notify_one();
    }

    /// The record is not taken.
    pub fn refuse(&self, refused: RefusedRecord) {
        let mut state = self.lock();
        if state.refused.len() < REFUSED_MAX {
            state.refused.push(refused);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// The session must end.
    pub fn end(&self, why: Refusal) {
        self.lock().end = Some(why);
        self.changed.notify_one();
    }

    /// Waits for news: what became durable or was refused since the last call, or the order to end. At most as many
    /// intervals as fit a message; the others come with the next call.
    pub(crate) async fn next(&self) -> Result<News, Refusal> {
        loop {
            {
                let mut state = self.lock();
                if let Some(why) = state.end.clone() {
                    return Err(why);
                }
                if state.durable.max().is_some() || !state.refused.is_empty() {
                    let all = std::mem::take(&mut state.durable);
                    let (now, later) = all.ranges().split_at(all.ranges().len().min(MAX_RANGES));
                    state.durable = later.iter().copied().collect();
                    let refused = std::mem::take(&mut state.refused);
                    return Ok(News { durable: now.iter().copied().collect(), refused });
                }
            }
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, AckState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

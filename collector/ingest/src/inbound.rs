//! What sessions hand to the collector's engine, and what it hands back.

use bytes::Bytes;
use proto::StreamId;
use shared_model::{Batch, Catalog, Event, Gap, Lane, NodeIdentity, Seq, SeqRange, SeqSet};
use std::sync::{Arc, Mutex, PoisonError};
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

/// Acknowledgements and orders on their way to one session: bounded, because ranges merge.
#[derive(Debug, Default)]
pub struct Acks {
    state: Mutex<AckState>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct AckState {
    durable: SeqSet,
    end: Option<Refusal>,
}

impl Acks {
    /// The record is on disk.
    pub fn durable(&self, seq: Seq) {
        self.lock().durable.insert_range(SeqRange { from: seq, to: seq });
        self.changed.notify_one();
    }

    /// The session must end.
    pub fn end(&self, why: Refusal) {
        self.lock().end = Some(why);
        self.changed.notify_one();
    }

    /// Waits for news: what became durable since the last call, or the order to end.
    pub(crate) async fn next(&self) -> Result<SeqSet, Refusal> {
        loop {
            {
                let mut state = self.lock();
                if let Some(why) = state.end.clone() {
                    return Err(why);
                }
                if state.durable.max().is_some() {
                    return Ok(std::mem::take(&mut state.durable));
                }
            }
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, AckState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Staging: turns what sessions sent into journal records, and remembers whom to tell once they are on disk.

use super::fold::Fold;
use super::record::{BatchRecord, EventRecord, GapRecord, OpenedRecord, Record, Source};
use super::steady::Stamp;
use collector_domain::{Act, ActRefused, IncidentRevision, Silence, SilenceRefused};
use collector_ingest::{Acks, Inbound, Open, Opened, Refusal, SessionId};
use shared_model::{Batch, NodeIdentity, Seq, SeqRange};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The answer to an act.
pub(crate) type ActReply = oneshot::Sender<Result<IncidentRevision, ActRefused>>;

/// The answer to a change of a silence.
pub(crate) type SilenceReply = oneshot::Sender<Result<Silence, SilenceRefused>>;

/// Whether the registry admits a node with the certificate of this serial number.
type Admits<'a> = &'a dyn Fn(&NodeIdentity, &str) -> bool;

/// A record on its way through a group.
pub(crate) struct Staged {
    pub(crate) record: Record,
    pub(crate) decoded: Option<Batch>,
    pub(crate) then: Then,
}

/// What to do once the record is on disk and folded.
pub(crate) enum Then {
    Nothing,
    Acknowledge(Arc<Acks>, Seq),
    Answer(ActReply, Act),
    AnswerSilence(SilenceReply),
    /// What became of a delivery is on disk.
    Noted(oneshot::Sender<()>),
    Open(Box<Open>, u32),
}

/// The sessions of this run.
#[derive(Default)]
pub(crate) struct Sessions {
    live: BTreeMap<SessionId, Live>,
    /// Numbers of streams that are journalled in this group but not folded yet.
    next_source: u32,
    pending: BTreeMap<(NodeIdentity, [u8; 16]), u32>,
}

struct Live {
    source: u32,
    node: NodeIdentity,
    stream: [u8; 16],
    session_no: u64,
    acks: Arc<Acks>,
}

impl Sessions {
    /// Begins a group; streams of the last one are folded by now.
    pub(crate) fn begin(&mut self, fold: &Fold) {
        self.pending.clear();
        self.next_source = fold.streams.keys().next_back().map_or(1, |n| n + 1);
    }

    /// How many sessions are open.
    pub(crate) fn count(&self) -> usize {
        self.live.len()
    }

    /// Ends every session.
    pub(crate) fn end_all(&mut self, why: &Refusal) {
        for live in std::mem::take(&mut self.live).into_values() {
            live.acks.end(why.clone());
        }
    }

    /// Stages one message. `admits` tells whether a node may come in with a certificate. Returns whether the record was there
    /// already.
    pub(crate) fn stage(
        &mut self,
        inbound: Inbound,
        stamp: Stamp,
        fold: &Fold,
        admits: Admits<'_>,
        out: &mut Vec<Staged>,
    ) -> bool {
        match inbound {
            Inbound::Open(open) => self.open(open, stamp, fold, admits, out),
            Inbound::Close { session, planned } => {
                if let Some(live) = self.live.remove(&session) {
                    out.push(plain(Record::Closed { stamp, source: live.source, planned }));
                }
            }
            Inbound::Catalog { session, wire } => {
                if let Some(live) = self.live.get(&session) {
                    out.push(plain(Record::Catalog { source: live.source, wire }));
                }
            }
            Inbound::Heartbeat { session, clock_offset_us } => {
                if let Some(live) = self.live.get(&session) {
                    let source = live.source;
                    out.push(plain(Record::Heartbeat { stamp, source, clock_offset_us }));
                }
            }
            Inbound::Gap { session, seq, gap } => {
                let Some(live) = self.live.get(&session) else { return false };
                if duplicate(fold, live, seq) {
                    return true;
                }
                let record = Record::Gap(GapRecord::new(stamp, live.source, seq, &gap));
                let then = Then::Acknowledge(Arc::clone(&live.acks), seq);
                out.push(Staged { record, decoded: None, then });
            }
            Inbound::Event { session, seq, event } => {
                let Some(live) = self.live.get(&session) else { return false };
                if duplicate(fold, live, seq) {
                    return true;
                }
                let record = Record::Event(EventRecord::new(stamp, live.source, seq, &event));
                let then = Then::Acknowledge(Arc::clone(&live.acks), seq);
                out.push(Staged { record, decoded: None, then });
            }
            Inbound::Batch { session, seq, lane, raw_len, crc32c, body, batch } => {
                let Some(live) = self.live.get(&session) else { return false };
                if duplicate(fold, live, seq) {
                    return true;
                }
                let generation = batch.generation;
                let source = live.source;
                let record =
                    BatchRecord { stamp, source, seq, lane, generation, raw_len, crc32c, body };
                let then = Then::Acknowledge(Arc::clone(&live.acks), seq);
                out.push(Staged { record: Record::Batch(record), decoded: Some(batch), then });
            }
        }
        false
    }

    fn open(
        &mut self,
        open: Box<Open>,
        stamp: Stamp,
        fold: &Fold,
        admits: Admits<'_>,
        out: &mut Vec<Staged>,
    ) {
        if !admits(&open.node, &open.serial) {
            answer(*open, Err(Refusal::Revoked));
            return;
        }
        let same = |live: &Live| live.node == open.node;
        if self.live.values().any(|l| same(l) && l.stream != open.stream.0) {
            answer(*open, Err(Refusal::Duplicate));
            return;
        }
        // The same installation again: its larger session number wins over a half-open older one.
        if self.live.values().any(|l| same(l) && l.session_no > open.session_no) {
            answer(*open, Err(Refusal::Superseded));
            return;
        }
        let older: Vec<SessionId> =
            self.live.iter().filter(|(_, l)| same(l)).map(|(&id, _)| id).collect();
        for id in older {
            if let Some(live) = self.live.remove(&id) {
                live.acks.end(Refusal::Superseded);
            }
        }
        let key = (open.node.clone(), open.stream.0);
        let known = fold.source_of(&key.0, key.1).or_else(|| self.pending.get(&key).copied());
        let source = known.unwrap_or_else(|| {
            let source = self.next_source;
            self.next_source += 1;
            let (node, stream) = key.clone();
            out.push(plain(Record::Source(Source { source, node, stream })));
            self.pending.insert(key.clone(), source);
            source
        });
        let (node, stream) = key;
        let acks = Arc::clone(&open.acks);
        self.live
            .insert(open.session, Live { source, node, stream, session_no: open.session_no, acks });
        let record = Record::Opened(OpenedRecord {
            stamp,
            source,
            session_no: open.session_no,
            agent_version: open.agent_version.clone(),
            clock_offset_us: open.clock_offset_us,
        });
        out.push(Staged { record, decoded: None, then: Then::Open(open, source) });
    }
}

/// Answers an opening with what is folded by now.
pub(crate) fn welcome(open: Open, source: u32, fold: &Fold) {
    let stream = fold.streams.get(&source);
    let opened = Opened {
        acked: stream.map(|s| s.acked.clone()).unwrap_or_default(),
        catalog: stream.and_then(|s| s.catalog.clone()),
        epoch: fold.epoch,
    };
    answer(open, Ok(opened));
}

fn answer(open: Open, answer: Result<Opened, Refusal>) {
    // The session is gone when nobody waits any more; its Close is on its way then.
    drop(open.reply.send(answer));
}

/// A record that is on disk already is acknowledged again and not journalled twice.
fn duplicate(fold: &Fold, live: &Live, seq: Seq) -> bool {
    let known = fold.has(live.source, SeqRange { from: seq, to: seq });
    if known {
        live.acks.durable(seq);
    }
    known
}

fn plain(record: Record) -> Staged {
    Staged { record, decoded: None, then: Then::Nothing }
}

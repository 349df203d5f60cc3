//! Staging: turns what sessions sent into journal records, and remembers whom to tell once they are on disk.

use super::fold::Fold;
use super::record::{BatchRecord, EventRecord, GapRecord, OpenedRecord, Record, Source};
use super::rivals::{ALIVE_WITHIN, CopyId, Rivals};
use super::steady::Stamp;
use collector_domain::{
    Act, ActRefused, Change, ChangeRefused, IncidentRevision, ReportRefused, Roster, RosterRefused,
    Silence, SilenceRefused,
};
use collector_ingest::{
    Acks, Held, Inbound, NackCode, Open, Opened, Refusal, RefusedRecord, SessionId,
};
use proto::limits::MAX_SETTLED_RANGES;
use shared_model::{Batch, NodeIdentity, Seq, SeqRange, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// The answer to an act.
pub(crate) type ActReply = oneshot::Sender<Result<IncidentRevision, ActRefused>>;

/// The answer to a change of a silence.
pub(crate) type SilenceReply = oneshot::Sender<Result<Silence, SilenceRefused>>;

/// The answer to an act on a planned change.
pub(crate) type ChangeReply = oneshot::Sender<Result<Change, ChangeRefused>>;

/// The answer to a report.
pub(crate) type ReportReply = oneshot::Sender<Result<IncidentRevision, ReportRefused>>;

/// The answer to a change of the roster.
pub(crate) type RosterReply = oneshot::Sender<Result<Arc<Roster>, RosterRefused>>;

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
    /// The memory of the record is free again with that.
    Acknowledge(Arc<Acks>, Seq, Option<Held>),
    Answer(ActReply, Act),
    AnswerSilence(SilenceReply),
    AnswerChange(ChangeReply),
    AnswerReport(ReportReply),
    AnswerRoster(RosterReply),
    /// It is on disk.
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
    rivals: Rivals,
    /// Nodes whose identity was proven in this group to be used twice.
    claimed_twice: Vec<NodeIdentity>,
}

/// A stream that leaves this many holes sends what fills them before anything else.
const FILL_AFTER: Duration = Duration::from_secs(1);

struct Live {
    source: u32,
    node: NodeIdentity,
    serial: String,
    copy: CopyId,
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

    /// Ends the sessions of nodes that may not come in any more.
    pub(crate) fn end_unwelcome(&mut self, stamp: Stamp, admits: Admits<'_>) -> Vec<Staged> {
        let mut closed = Vec::new();
        self.live.retain(|_, live| {
            let welcome = admits(&live.node, &live.serial);
            if !welcome {
                tracing::warn!(node = %live.node, "revoked: its session ends");
                live.acks.end(Refusal::Revoked);
                let source = live.source;
                closed.push(plain(Record::Closed { stamp, source, planned: false }));
            }
            welcome
        });
        closed
    }

    /// Nodes whose identity was found to be used twice since the last call, and those where that is over.
    pub(crate) fn claims(&mut self, now: Timestamp) -> Vec<(NodeIdentity, bool)> {
        let over = self.rivals.forget(now).into_iter().map(|node| (node, false));
        let found = std::mem::take(&mut self.claimed_twice).into_iter().map(|node| (node, true));
        found.chain(over).collect()
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
                let own = SeqRange { from: seq, to: seq };
                if leaves_holes(fold, live, seq, &[own, gap.lost]) {
                    return false;
                }
                let record = Record::Gap(GapRecord::new(stamp, live.source, seq, &gap));
                let then = Then::Acknowledge(Arc::clone(&live.acks), seq, None);
                out.push(Staged { record, decoded: None, then });
            }
            Inbound::Event { session, seq, event } => {
                let Some(live) = self.live.get(&session) else { return false };
                if duplicate(fold, live, seq) {
                    return true;
                }
                if leaves_holes(fold, live, seq, &[SeqRange { from: seq, to: seq }]) {
                    return false;
                }
                let record = Record::Event(EventRecord::new(stamp, live.source, seq, &event));
                let then = Then::Acknowledge(Arc::clone(&live.acks), seq, None);
                out.push(Staged { record, decoded: None, then });
            }
            Inbound::Batch { session, seq, lane, raw_len, crc32c, body, batch, held } => {
                let Some(live) = self.live.get(&session) else { return false };
                if duplicate(fold, live, seq) {
                    return true;
                }
                if leaves_holes(fold, live, seq, &[SeqRange { from: seq, to: seq }]) {
                    return false;
                }
                let generation = batch.generation;
                let source = live.source;
                let record =
                    BatchRecord { stamp, source, seq, lane, generation, raw_len, crc32c, body };
                let then = Then::Acknowledge(Arc::clone(&live.acks), seq, Some(held));
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
        if let Some(refusal) = self.refusal(&open, fold) {
            answer(*open, Err(refusal));
            return;
        }
        let same = |live: &Live| live.node == open.node;
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
        let (node, acks) = (key.0, Arc::clone(&open.acks));
        let (serial, session_no, copy) = (open.serial.clone(), open.session_no, copy_of(&open));
        let live = Live { source, node, serial, copy, session_no, acks };
        self.live.insert(open.session, live);
        let record = Record::Opened(OpenedRecord {
            stamp,
            source,
            session_no: open.session_no,
            agent_version: open.agent_version.clone(),
            clock_offset_us: open.clock_offset_us,
        });
        out.push(Staged { record, decoded: None, then: Then::Open(open, source) });
    }

    /// Why a session is not let in beside the one that its node has.
    fn refusal(&mut self, open: &Open, fold: &Fold) -> Option<Refusal> {
        let (copy, now) = (copy_of(open), fold.now);
        let held = self.live.values().find(|live| live.node == open.node);
        match held {
            // The same program again: its larger session number wins over a half-open older one.
            Some(live) if live.copy == copy => {
                (live.session_no > open.session_no).then_some(Refusal::Superseded)
            }
            Some(live) if is_alive(fold, live) => {
                tracing::warn!(
                    node = %open.node, address = open.address,
                    "another installation with this identity asks for a session while one is open"
                );
                if self.rivals.refused(&open.node, live.copy, now) {
                    tracing::error!(
                        node = %open.node, address = open.address,
                        "two machines claim this identity: the one without a session is a clone, or joined under a wrong name"
                    );
                    self.claimed_twice.push(open.node.clone());
                }
                Some(Refusal::Duplicate)
            }
            _ => {
                let keeper = self.rivals.keeper(&open.node)?;
                let source = fold.source_of(&open.node, keeper.0);
                let heard = source.and_then(|s| fold.streams.get(&s)).and_then(|s| s.last_heard);
                let waits = self.rivals.must_wait(&open.node, copy, heard, now);
                waits.then_some(Refusal::Duplicate)
            }
        }
    }
}

fn copy_of(open: &Open) -> CopyId {
    (open.stream.0, open.run)
}

/// Whether a session's agent was heard a moment ago; one that is about to be folded was.
fn is_alive(fold: &Fold, live: &Live) -> bool {
    let heard = fold.streams.get(&live.source).and_then(|s| s.last_heard);
    heard.is_none_or(|at| fold.now.since(at) < ALIVE_WITHIN)
}

/// Refuses, for a while, a record that would leave one more hole in a stream that has many: what is known of a stream
/// must stay small. Agents fill the holes first; only a broken or hostile one comes here.
fn leaves_holes(fold: &Fold, live: &Live, seq: Seq, ranges: &[SeqRange]) -> bool {
    let Some(acked) = fold.streams.get(&live.source).map(|s| &s.acked) else { return false };
    if acked.ranges().len() < MAX_SETTLED_RANGES {
        return false;
    }
    let joins = ranges.iter().all(|r| {
        let before = r.from.0.checked_sub(1).is_none_or(|n| n == 0 || acked.contains(Seq(n)));
        before || acked.contains(Seq(r.to.0.saturating_add(1))) || acked.covers(*r)
    });
    if !joins {
        live.acks.refuse(RefusedRecord {
            seq,
            code: NackCode::Busy,
            retry_after: FILL_AFTER,
            detail: format!(
                "the stream has {MAX_SETTLED_RANGES} holes: send what is missing before record {seq}"
            ),
        });
    }
    !joins
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

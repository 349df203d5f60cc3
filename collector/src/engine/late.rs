//! Data that arrives late: what lay in a node's spool while it had no session is judged by an evaluator of its own, which
//! goes on where the live one heard the node last, in event time, and never touches what is live.
//!
//! ```text
//! live evaluator   ....a|  no session   |b.......
//! branch               a|  backfill     |b...     until nothing is open that began before b
//! ```
//!
//! Live rows from b on are kept until the backfill has come, so that a breach that goes on over b is judged as if the session
//! had never been lost.

use super::fold::{Fold, Folded, Sample, rows};
use super::record::BatchRecord;
use super::source::defined;
use collector_domain::{Condition, Finding};
use collector_standards::{Evaluator, Snapshot};
use serde::{Deserialize, Serialize};
use shared_model::{Labels, Seq, SeqRange, Timestamp};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Nodes whose late data is judged at a time. A branch holds the windows of one node, some 100 KiB; when more nodes than
/// this come back at once, the first ones are done within seconds.
const NODES_MAX: usize = 256;
/// Live batches that wait for the backfill before them: ten minutes of a large node. What is beyond is judged live only.
const TAIL_BYTES_MAX: usize = 1 << 20;
/// Spans between losses that are remembered while one backfill goes on; a session that breaks more often tells nothing.
const SPANS_MAX: usize = 64;
/// A hole in the data itself: nothing was missing in it but the data.
const HOLE: Duration = Duration::from_secs(5);
/// No rule's `for` is longer, so nothing that began before the session can be open after this.
const SETTLED_AFTER: Duration = Duration::from_secs(3_600);

/// One node's late data on its way through its own evaluator.
pub(crate) struct Late {
    pub(crate) evaluator: Evaluator,
    progress: Progress,
}

/// Where it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Progress {
    /// Spans of event time that the live evaluator judges.
    live: Vec<(Timestamp, Timestamp)>,
    /// First live record of the present session.
    first_live: Option<Seq>,
    /// Live batches that wait, with the shift under which they were judged.
    tail: VecDeque<Waiting>,
    tail_bytes: usize,
    tail_cut: bool,
    /// What was breached when the session was lost.
    breached: Vec<(Arc<str>, Labels)>,
    /// Event time of the row judged last.
    last: Option<Timestamp>,
    rows: u64,
    begun: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Waiting {
    seq: Seq,
    shift_us: i64,
    generation: u32,
    raw_len: u32,
    crc32c: u32,
    body: Vec<u8>,
}

/// A [`Late`] as the state file holds it, to be written.
#[derive(Serialize)]
pub(crate) struct WrittenLate<'a, E: Serialize> {
    evaluator: E,
    progress: &'a Progress,
}

/// The same, read back. Series are defined again when their catalogs are bound.
#[derive(Deserialize)]
pub(crate) struct StoredLate {
    pub(crate) evaluator: Snapshot,
    progress: Progress,
}

/// What a branch found: in the past, and ends of breaches that fell into a span that is judged live.
#[derive(Default)]
struct Found {
    past: Vec<Finding>,
    ended: Vec<Finding>,
}

impl Late {
    pub(crate) fn store(&self) -> WrittenLate<'_, impl Serialize + '_> {
        WrittenLate { evaluator: self.evaluator.snapshot(), progress: &self.progress }
    }

    pub(crate) fn restore(
        stored: StoredLate,
        evaluator: impl FnOnce(Snapshot) -> Evaluator,
    ) -> Self {
        Self { evaluator: evaluator(stored.evaluator), progress: stored.progress }
    }

    /// Judges rows in event time. What began in a span that is judged live is told there, unless it began with the span and
    /// the live evaluator takes it for a breach that has not ended since before it.
    fn judge(&mut self, samples: &mut [Sample], found: &mut Found) {
        let mut out = Vec::new();
        rows(samples, |at, row| {
            if self.progress.last.is_none_or(|last| at.since(last) > HOLE) {
                self.evaluator.resumed(at, Duration::ZERO);
            }
            self.progress.last = self.progress.last.max(Some(at));
            self.progress.rows += 1;
            self.evaluator.tick(at, &mut out);
            self.evaluator.round(at, row, &mut out);
        });
        for finding in out {
            let span =
                |at| self.progress.live.iter().find(|(from, to)| (*from..=*to).contains(&at));
            let is_told = |finding: &Finding| {
                let key = |(rule, subject): &(Arc<str>, Labels)| {
                    *rule == finding.rule && *subject == finding.subject
                };
                span(finding.since).is_some_and(|(from, _)| {
                    finding.since != *from || !self.progress.breached.iter().any(key)
                })
            };
            match finding.condition {
                Condition::Breached if !is_told(&finding) => found.past.push(finding),
                Condition::Clear if span(finding.at).is_some() => found.ended.push(finding),
                Condition::Clear => found.past.push(finding),
                Condition::Breached | Condition::Unknown => {}
            }
        }
    }

    /// Notes what was judged live, and keeps it for later.
    fn wait(&mut self, record: &BatchRecord, shift_us: i64, times: Option<(Timestamp, Timestamp)>) {
        let progress = &mut self.progress;
        let is_new = progress.first_live.is_none();
        progress.first_live.get_or_insert(record.seq);
        if let Some((from, to)) = times {
            let is_full = progress.live.len() >= SPANS_MAX;
            match progress.live.last_mut() {
                Some(span) if !is_new || is_full => span.1 = span.1.max(to),
                _ => progress.live.push((from, to)),
            }
        }
        progress.tail_cut |= progress.tail_bytes + record.body.len() > TAIL_BYTES_MAX;
        if progress.tail_cut {
            return;
        }
        progress.tail_bytes += record.body.len();
        progress.tail.push_back(Waiting {
            seq: record.seq,
            shift_us,
            generation: record.generation,
            raw_len: record.raw_len,
            crc32c: record.crc32c,
            body: record.body.to_vec(),
        });
    }
}

impl Fold {
    /// The first batch of a session shows whether there is something before it that comes later.
    pub(super) fn begin_late(&mut self, source: u32) {
        let Some(stream) = self.streams.get(&source) else { return };
        let host = stream.node.node();
        let conditions = self.evaluator.conditions();
        let breached = conditions
            .filter(|(_, s, j)| j.condition == Condition::Breached && s.get("host") == Some(host))
            .map(|(rule, subject, _)| (Arc::clone(&rule.id), subject.clone()))
            .collect();
        if let Some(late) = self.late.get_mut(&source) {
            (late.progress.first_live, late.progress.breached) = (None, breached);
            return;
        }
        if self.late.len() >= NODES_MAX {
            tracing::error!(node = %stream.node, "late data of more than {NODES_MAX} nodes at a time: this node's is stored and not judged apart");
            return;
        }
        let mut evaluator = self.evaluator.branch(host);
        if evaluator.conditions().next().is_none() {
            tracing::info!(node = %stream.node, "nothing of this node was judged before: its late data is judged from nothing");
        }
        if let Some(catalog) = &stream.catalog {
            let defined = defined(catalog);
            for set in &catalog.sets {
                let Some(columns) = stream.columns.get(&set.id) else { continue };
                for (series, labels) in columns.series.iter().zip(stream.labels(&defined, set)) {
                    evaluator.define(*series, &labels);
                }
            }
        }
        let progress = Progress { begun: self.now, breached, ..Progress::default() };
        self.late.insert(source, Late { evaluator, progress });
    }

    /// Judges `self.samples`, which came late, apart from what is live. `None` when nobody waits for late data of this node.
    pub(super) fn judge_late(&mut self, source: u32, seq: Seq) -> Option<Folded> {
        let mut late = self.late.remove(&source)?;
        let mut found = Found::default();
        let mut samples = std::mem::take(&mut self.samples);
        self.drain(&mut late, source, Some(seq), &mut found);
        late.judge(&mut samples, &mut found);
        self.samples = samples;
        self.late.insert(source, late);
        Some(self.tell_late(&found))
    }

    /// Keeps a batch that was judged live while earlier ones are still to come.
    pub(super) fn keep_live(&mut self, record: &BatchRecord, shift_us: i64) {
        let Some(late) = self.late.get_mut(&record.source) else { return };
        let times = self.samples.iter().map(|(at, ..)| *at);
        let times = times.clone().min().zip(times.max());
        late.wait(record, shift_us, times);
    }

    /// Goes on over the seam when everything before the live records has come, and ends when nothing is open any more that
    /// began before them.
    pub(super) fn advance_late(&mut self, source: u32) -> Folded {
        let Some(first) = self.late.get(&source).and_then(|late| late.progress.first_live) else {
            return Folded::default();
        };
        let before = SeqRange::new(Seq(1), Seq(first.0.saturating_sub(1)));
        if before.is_some_and(|before| !self.has(source, before)) {
            return Folded::default();
        }
        let Some(mut late) = self.late.remove(&source) else { return Folded::default() };
        let mut found = Found::default();
        self.drain(&mut late, source, None, &mut found);
        let folded = self.tell_late(&found);
        let seam = late.progress.live.last().map_or(self.now, |(from, _)| *from);
        let is_open = late.evaluator.unsettled(&self.evaluator, seam);
        let waited = self.now.since(seam) > SETTLED_AFTER;
        if is_open && !waited && !late.progress.tail_cut {
            self.late.insert(source, late);
        } else if let Some(stream) = self.streams.get(&source) {
            tracing::info!(node = %stream.node, rows = late.progress.rows, since = %late.progress.begun, "late data was judged");
        }
        folded
    }

    /// Takes waiting batches, up to the one with number `until`, through the branch.
    fn drain(&mut self, late: &mut Late, source: u32, until: Option<Seq>, found: &mut Found) {
        while late.progress.tail.front().is_some_and(|w| until.is_none_or(|until| w.seq < until)) {
            let Some(waiting) = late.progress.tail.pop_front() else { return };
            late.progress.tail_bytes -= waiting.body.len();
            let decoded = self.decoder.decode(
                &waiting.body,
                waiting.raw_len,
                waiting.crc32c,
                waiting.generation,
            );
            // It was decoded once when it was judged live.
            let (Ok(batch), Some(stream)) = (decoded, self.streams.get(&source)) else { continue };
            let mut samples = Vec::new();
            stream.samples(&batch, waiting.shift_us, self.now, &mut samples);
            late.judge(&mut samples, found);
        }
    }

    fn tell_late(&mut self, found: &Found) -> Folded {
        let entries =
            self.machine.late_findings(self.now, &found.past, &found.ended, &self.evaluator);
        Folded { entries, ..Folded::default() }
    }
}

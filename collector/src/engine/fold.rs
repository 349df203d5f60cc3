//! The fold: `(state, record) -> (state, ledger entries)`. Deterministic and without I/O; where samples go is handed in.

use super::late::Late;
use super::observed::Column;
use super::record::{BatchRecord, EventRecord, Record, Started};
use super::source::{Columns, Stream, decode_catalog, defined};
use super::steady::{Stamp, Steady};
use collector_domain::{
    ActRefused, ChangeId, ChangeRefused, Entry, Finding, IncidentId, ReportRefused, RosterRefused,
    SeriesId, Silence, SilenceRefused,
};
use collector_incidents::Machine;
use collector_notify::Notifications;
use collector_standards::{Evaluator, Pack};
use collector_store::series::GroupId;
use shared_journal::Lsn;
use shared_model::{Batch, Catalog, EventContent, Labels, Lane, Seq, SeqRange, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// The longest an agent waits between attempts while it finds no collector. It doubles its waits, so that one which was down
/// for less is found sooner.
const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// Where the fold puts samples. Implemented over the series store; rows that are there already are ignored by it.
pub(crate) trait SampleSink {
    /// Makes a list of series a group whose rows are stored together.
    fn group(&mut self, series: &[Labels]) -> Result<GroupId, String>;
    /// One row of a group.
    fn row(&mut self, group: GroupId, at: Timestamp, values: &[Option<f64>], lsn: Lsn);
}

/// Everything that decisions stand on.
pub(crate) struct Fold {
    pub(crate) steady: Steady,
    pub(crate) now: Timestamp,
    pub(crate) streams: BTreeMap<u32, Stream>,
    pub(crate) evaluator: Evaluator,
    pub(crate) machine: Machine,
    /// Shared with whoever looks on; changed in a copy of its own while somebody does.
    pub(crate) notify: Arc<Notifications>,
    pub(crate) started: Option<Started>,
    /// Number of starts, which fences sessions of earlier runs.
    pub(crate) epoch: u64,
    /// Nodes whose late data is on its way, by source.
    pub(crate) late: BTreeMap<u32, Late>,
    /// Series of the collector's own observations; `None` until one is bound after a restart.
    pub(crate) observed: BTreeMap<Labels, Option<Column>>,
    pack: Arc<Pack>,
    series: HashMap<Labels, SeriesId>,
    pub(super) decoder: proto::BodyDecoder,
    /// Samples of the batch that is being folded, with the instants at which they are judged.
    pub(super) samples: Vec<Sample>,
    pub(super) findings: Vec<Finding>,
}

/// A sample with the instant at which it is judged.
pub(crate) type Sample = (Timestamp, SeriesId, f64);

/// Goes through samples in order of time. All of one instant are one row, whichever probe they came from, because a rule judges
/// a subject once per instant.
pub(super) fn rows(samples: &mut [Sample], mut judge: impl FnMut(Timestamp, &[(SeriesId, f64)])) {
    if !samples.is_sorted_by_key(|(at, ..)| *at) {
        samples.sort_by_key(|(at, ..)| *at);
    }
    let mut row = Vec::with_capacity(samples.len());
    for instant in samples.chunk_by(|a, b| a.0 == b.0) {
        let Some((at, ..)) = instant.first() else { continue };
        row.clear();
        row.extend(instant.iter().map(|&(_, id, value)| (id, value)));
        judge(*at, &row);
    }
}

/// What one record led to.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    pub(crate) entries: Vec<Entry>,
    pub(crate) refused: Option<ActRefused>,
    /// The answer to a change of a silence.
    pub(crate) silence: Option<Result<Silence, SilenceRefused>>,
    /// The answer to an act on a planned change.
    pub(crate) change: Option<Result<ChangeId, ChangeRefused>>,
    /// The answer to a report.
    pub(crate) report: Option<Result<IncidentId, ReportRefused>>,
    /// The answer to a change of the roster.
    pub(crate) roster: Option<Result<(), RosterRefused>>,
    /// Samples of nodes that were new; what the collector observes itself is not counted.
    pub(crate) samples: u64,
}

impl Fold {
    pub(crate) fn new(
        pack: Arc<Pack>,
        evaluator: Evaluator,
        machine: Machine,
    ) -> Result<Self, proto::DecodeError> {
        Ok(Self {
            steady: Steady::default(),
            now: Timestamp::default(),
            streams: BTreeMap::new(),
            evaluator,
            machine,
            notify: Arc::default(),
            started: None,
            epoch: 0,
            late: BTreeMap::new(),
            observed: BTreeMap::new(),
            pack,
            series: HashMap::new(),
            decoder: proto::BodyDecoder::new()?,
            samples: Vec::new(),
            findings: Vec::new(),
        })
    }

    /// Folds one record, and decides who is told of what it led to. `decoded` spares decoding a batch that was validated a
    /// moment ago.
    pub(crate) fn apply(
        &mut self,
        lsn: Lsn,
        record: &Record,
        decoded: Option<&Batch>,
        sink: &mut dyn SampleSink,
    ) -> Folded {
        let folded = self.step(lsn, record, decoded, sink);
        self.tell(record, &folded.entries);
        folded
    }

    fn step(
        &mut self,
        lsn: Lsn,
        record: &Record,
        decoded: Option<&Batch>,
        sink: &mut dyn SampleSink,
    ) -> Folded {
        match record {
            Record::Started(started) => self.start(started, sink),
            Record::Source(source) => {
                self.streams.insert(source.source, Stream::new(source.node.clone(), source.stream));
                Folded::default()
            }
            Record::Catalog { source, wire } => {
                self.catalog(*source, wire, sink);
                Folded::default()
            }
            Record::Batch(batch) => self.batch(lsn, batch, decoded, sink),
            Record::Gap(gap) => {
                let known = self.streams.get_mut(&gap.source);
                if let Some(stream) = known
                    && stream.acked.insert(gap.seq)
                {
                    stream.lost += gap.lost.count();
                    stream.acked.insert_range(gap.lost);
                }
                let mut folded = self.heard(gap.source, gap.stamp);
                folded.entries.extend(self.advance_late(gap.source).entries);
                folded
            }
            Record::Event(event) => self.event(lsn, event, sink),
            Record::Opened(opened) => {
                if let Some(stream) = self.streams.get_mut(&opened.source) {
                    stream.session_no = opened.session_no;
                    stream.agent_version.clone_from(&opened.agent_version);
                    stream.clock_offset_us = opened.clock_offset_us;
                    stream.open = true;
                    stream.reopened = true;
                }
                self.heard(opened.source, opened.stamp)
            }
            Record::Heartbeat { stamp, source, clock_offset_us } => {
                if let (Some(stream), Some(offset)) =
                    (self.streams.get_mut(source), clock_offset_us)
                {
                    stream.clock_offset_us = *offset;
                }
                self.heard(*source, *stamp)
            }
            Record::Closed { source, .. } => {
                if let Some(stream) = self.streams.get_mut(source) {
                    stream.open = false;
                }
                Folded::default()
            }
            Record::Tick(stamp) => self.tick(*stamp),
            Record::Acted { stamp, act } => self.acted(*stamp, act),
            Record::Observed(observed) => self.observe(lsn, observed, sink),
            Record::Silenced { stamp, change } => self.silenced(*stamp, change),
            Record::Changed { stamp, act } => self.changed(*stamp, act),
            Record::Reported { stamp, report } => self.reported(*stamp, report),
            Record::Rostered { stamp, change } => self.rostered(*stamp, change),
            Record::Foreign { stamp, alerts, .. } => self.foreign(*stamp, alerts),
            Record::Delivered { stamp, report } => {
                self.now = self.steady.now(*stamp);
                Arc::make_mut(&mut self.notify).report(self.now, report);
                Folded::default()
            }
        }
    }

    /// Gives every known set its columns again after a restart.
    pub(crate) fn bind_all(&mut self, sink: &mut dyn SampleSink) {
        let known: Vec<(u32, Arc<Catalog>)> = self
            .streams
            .iter()
            .filter_map(|(&n, s)| Some((n, Arc::clone(s.catalog.as_ref()?))))
            .collect();
        for (source, catalog) in known {
            self.bind(source, &catalog, sink);
        }
        self.bind_observed(sink);
    }

    fn start(&mut self, started: &Started, sink: &mut dyn SampleSink) -> Folded {
        let before = self.now;
        self.now = self.steady.started(&started.boot_id, started.stamp);
        let down = if self.epoch == 0 { Duration::ZERO } else { self.now.since(before) };
        self.epoch += 1;
        let changed =
            self.started.as_ref().is_none_or(|before| before.contract != started.contract);
        if changed {
            // Windows and `for` are part of the contract: what was pending under the old one starts anew.
            self.evaluator = Evaluator::new(Arc::clone(&self.pack), &started.contract);
            self.late.clear();
            self.series.clear();
            self.bind_all(sink);
        }
        self.machine.reconfigure(
            self.pack.rules(),
            started.contract.clone(),
            started.topology.clone(),
        );
        self.evaluator.resumed(self.now, started.reconnect_window + down.min(BACKOFF_MAX));
        Arc::make_mut(&mut self.notify).configure(self.now, started.notify.clone());
        self.streams.values_mut().for_each(|s| s.open = false);
        self.started = Some(started.clone());
        // The first start ever has nothing before it.
        let left = if self.epoch == 1 { self.now } else { before };
        Folded { entries: self.machine.resumed(left, self.now), ..Folded::default() }
    }

    fn catalog(&mut self, source: u32, wire: &[u8], sink: &mut dyn SampleSink) {
        let Some(stream) = self.streams.get_mut(&source) else { return };
        let mut full = stream.catalog.as_deref().cloned().unwrap_or_default();
        let applied = decode_catalog(wire)
            .and_then(|said| proto::apply_catalog(&mut full, said).map_err(|e| e.to_string()));
        if let Err(error) = applied {
            tracing::error!(node = %stream.node, error, "a journalled catalog does not apply");
            return;
        }
        let full = Arc::new(full);
        stream.catalog = Some(Arc::clone(&full));
        self.bind(source, &full, sink);
    }

    fn bind(&mut self, source: u32, catalog: &Catalog, sink: &mut dyn SampleSink) {
        let Some(stream) = self.streams.get_mut(&source) else { return };
        let node = stream.node.clone();
        // A node that numbers its series anew leaves sets behind.
        let kept: BTreeSet<u32> = catalog.sets.iter().map(|set| set.id).collect();
        stream.columns.retain(|id, _| kept.contains(id));
        let defined = defined(catalog);
        let sets: Vec<_> = catalog.sets.iter().map(|set| stream.labels(&defined, set)).collect();
        for (set, labels) in catalog.sets.iter().zip(sets) {
            let series: Vec<SeriesId> = labels.iter().map(|labels| self.define(labels)).collect();
            if let Some(late) = self.late.get_mut(&source) {
                series.iter().zip(&labels).for_each(|(id, l)| late.evaluator.define(*id, l));
            }
            let Some(stream) = self.streams.get_mut(&source) else { return };
            let is_same = |known: &Columns| known.group.is_some() && known.series == series;
            if stream.columns.get(&set.id).is_some_and(is_same) {
                continue;
            }
            // What is judged must not depend on what the store has room for, or a replay would decide otherwise.
            let group = sink.group(&labels).inspect_err(|error| {
                tracing::error!(%node, set = set.id, error, "a set of series is judged and not stored");
            });
            stream.columns.insert(set.id, Columns { series, group: group.ok() });
        }
    }

    /// The number of a series within this run.
    pub(super) fn define(&mut self, labels: &Labels) -> SeriesId {
        let next = SeriesId(u32::try_from(self.series.len()).unwrap_or(u32::MAX));
        *self.series.entry(labels.clone()).or_insert_with(|| {
            self.evaluator.define(next, labels);
            next
        })
    }

    fn batch(
        &mut self,
        lsn: Lsn,
        record: &BatchRecord,
        decoded: Option<&Batch>,
        sink: &mut dyn SampleSink,
    ) -> Folded {
        let mut folded = self.heard(record.source, record.stamp);
        let Some(stream) = self.streams.get_mut(&record.source) else { return folded };
        if !stream.acked.insert(record.seq) {
            return folded;
        }
        let owned;
        let batch = match decoded {
            Some(batch) => batch,
            None => {
                let body = &record.body;
                match self.decoder.decode(body, record.raw_len, record.crc32c, record.generation) {
                    Ok(batch) => {
                        owned = batch;
                        &owned
                    }
                    Err(error) => {
                        let error = shared_runtime::telemetry::chain(&error);
                        tracing::error!(node = %stream.node, seq = record.seq.0, error, "a journalled batch does not decode");
                        stream.lost += 1;
                        return folded;
                    }
                }
            }
        };
        stream.batches += 1;
        for block in &batch.blocks {
            let Some(columns) = stream.columns.get(&block.set) else { continue };
            let Some(group) = columns.group else { continue };
            let width = columns.series.len().max(1);
            for (&at, values) in block.times.iter().zip(block.values.chunks(width)) {
                sink.row(group, at, values, lsn);
            }
        }
        let shift_us = stream.shift_us(record, batch, self.now, self.steady.ahead_us(record.stamp));
        self.samples.clear();
        stream.samples(batch, shift_us, self.now, &mut self.samples);
        folded.samples += self.samples.len() as u64;
        let is_late = record.lane == Lane::Backfill;
        let is_first = std::mem::take(&mut stream.reopened);
        let before = SeqRange::new(Seq(1), Seq(record.seq.0.saturating_sub(1)));
        if is_first && (is_late || before.is_some_and(|before| !stream.acked.covers(before))) {
            self.begin_late(record.source);
        }
        let late = if is_late { self.judge_late(record.source, record.seq) } else { None };
        if let Some(late) = late {
            folded.entries.extend(late.entries);
        } else {
            self.judge();
            folded.entries.extend(self.machine.findings(self.now, &self.findings, &self.evaluator));
            self.keep_live(record, shift_us);
        }
        folded.entries.extend(self.advance_late(record.source).entries);
        folded
    }

    /// Judges samples when they arrive.
    pub(super) fn judge(&mut self) {
        self.findings.clear();
        let (evaluator, findings) = (&mut self.evaluator, &mut self.findings);
        rows(&mut self.samples, |at, row| evaluator.round(at, row, findings));
    }

    fn event(&mut self, lsn: Lsn, event: &EventRecord, sink: &mut dyn SampleSink) -> Folded {
        let mut folded = self.heard(event.source, event.stamp);
        let Some(stream) = self.streams.get_mut(&event.source) else { return folded };
        if !stream.acked.insert(event.seq) {
            return folded;
        }
        match event.content() {
            Some(EventContent::ClockStep { step_us }) => {
                folded.entries.extend(self.node_stepped(lsn, event, step_us, sink).entries);
            }
            Some(EventContent::Evidence { topic, lines }) => {
                let said = event.exhibit(stream.node.node(), &topic, lines);
                let order = (event.source, event.seq);
                folded.entries.extend(self.machine.said(self.now, said, order, &self.evaluator));
            }
            _ => {}
        }
        folded.entries.extend(self.advance_late(event.source).entries);
        folded
    }

    fn heard(&mut self, source: u32, stamp: Stamp) -> Folded {
        self.now = self.steady.now(stamp);
        let Some(stream) = self.streams.get_mut(&source) else { return Folded::default() };
        stream.last_heard = Some(self.now);
        self.findings.clear();
        self.evaluator.heard(stream.node.node(), self.now, &mut self.findings);
        let entries = self.machine.findings(self.now, &self.findings, &self.evaluator);
        Folded { entries, ..Folded::default() }
    }

    fn tick(&mut self, stamp: Stamp) -> Folded {
        self.now = self.steady.now(stamp);
        self.findings.clear();
        self.evaluator.tick(self.now, &mut self.findings);
        let mut entries = self.machine.findings(self.now, &self.findings, &self.evaluator);
        entries.extend(self.machine.tick(self.now, &self.evaluator));
        Folded { entries, ..Folded::default() }
    }

    /// Decides about the entries of a record. Silences end with time, or by hand.
    fn tell(&mut self, record: &Record, entries: &[Entry]) {
        let incidents = self.machine.incidents();
        if !entries.is_empty() {
            Arc::make_mut(&mut self.notify).entries(self.now, entries, incidents);
        }
        if matches!(record, Record::Tick(_)) && self.notify.has_escalatable(self.now, incidents) {
            Arc::make_mut(&mut self.notify).escalate(self.now, incidents);
        }
        if matches!(record, Record::Tick(_) | Record::Silenced { .. })
            && self.notify.has_releasable(self.now, incidents)
        {
            Arc::make_mut(&mut self.notify).release(self.now, incidents);
        }
    }

    /// The source number of a node's stream.
    pub(crate) fn source_of(
        &self,
        node: &shared_model::NodeIdentity,
        stream: [u8; 16],
    ) -> Option<u32> {
        self.streams.iter().find(|(_, s)| s.stream == stream && s.node == *node).map(|(&n, _)| n)
    }

    /// Whether a record of a stream was folded before.
    pub(crate) fn has(&self, source: u32, range: SeqRange) -> bool {
        self.streams.get(&source).is_some_and(|s| s.acked.covers(range))
    }
}

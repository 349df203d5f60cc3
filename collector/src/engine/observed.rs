//! What the collector notices itself: steps of its clock, nodes whose clock is off, identities that are used twice.
//!
//! Observations are samples like any others. The engine journals them as they are made, the fold gives them to the
//! evaluator at the collector's steady time, and rules of the pack judge them.

use super::clock_watch::{STEP, seconds};
use super::fold::{Fold, Folded, SampleSink};
use super::record::EventRecord;
use super::steady::Stamp;
use collector_domain::SeriesId;
use collector_store::series::GroupId;
use serde::{Deserialize, Serialize};
use shared_journal::Lsn;
use shared_model::{Labels, NAME, NodeIdentity, Timestamp};
use std::time::Duration;

/// Series of observations: ten for each of a thousand nodes. What is beyond is logged and not judged.
const SERIES_MAX: usize = 10_000;
/// Value of `job` on every observation.
const JOB: &str = "wardround";
/// Windows take no samples closer than 200 ms: a step keeps this far from what was observed a moment before.
const APART: Duration = Duration::from_millis(250);
/// How long before its first step a node's clock is noted as not set: the usual time between samples.
const BEFORE: Duration = Duration::from_secs(1);
/// `host` and `instance` of what concerns the collector itself. Incidents call it the same as a witness.
const COLLECTOR: &str = "collector";

/// One value of one series, complete with its name and identity labels.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Observation {
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

/// Observations made at one moment.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct ObservedRecord {
    pub(crate) stamp: Stamp,
    pub(crate) samples: Vec<Observation>,
}

/// Where an observed series goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    series: SeriesId,
    /// `None` when the series store did not take it: it is judged all the same.
    group: Option<GroupId>,
}

impl Observation {
    /// About a node: its name is `host` and `instance`.
    pub(crate) fn of_node(name: &str, node: &NodeIdentity, value: f64) -> Self {
        Self::new(name, (node.hospital(), node.appliance()), node.node(), value)
    }

    /// About the collector of a hospital and appliance.
    pub(crate) fn of_collector(name: &str, of: (&str, &str), value: f64) -> Self {
        Self::new(name, of, COLLECTOR, value)
    }

    fn new(name: &str, (hospital, appliance): (&str, &str), host: &str, value: f64) -> Self {
        let labels = Labels::from_pairs([
            (NAME, name),
            ("hospital", hospital),
            ("appliance", appliance),
            ("host", host),
            ("instance", host),
            ("job", JOB),
        ]);
        Self { labels, value }
    }
}

impl ObservedRecord {
    pub(crate) fn new(stamp: Stamp, samples: Vec<Observation>) -> Self {
        Self { stamp, samples }
    }
}

impl Fold {
    /// Judges and stores observations at the collector's own time.
    pub(super) fn observe(
        &mut self,
        lsn: Lsn,
        record: &ObservedRecord,
        sink: &mut dyn SampleSink,
    ) -> Folded {
        self.now = self.steady.now(record.stamp);
        let at = self.now;
        let samples: Vec<_> = record.samples.iter().map(|sample| (at, sample)).collect();
        self.judge_observed(lsn, &samples, sink)
    }

    /// A node told that its clock was set: an observation of it, and what its spool holds from before is mapped by it.
    pub(super) fn node_stepped(
        &mut self,
        lsn: Lsn,
        event: &EventRecord,
        step_us: i64,
        sink: &mut dyn SampleSink,
    ) -> Folded {
        let Some(stream) = self.streams.get_mut(&event.source) else { return Folded::default() };
        stream.stepped(event.seq, step_us);
        let node = stream.node.clone();
        let step = Observation::of_node(STEP, &node, seconds(step_us));
        let none = Observation::of_node(STEP, &node, 0.0);
        let mut samples = vec![(self.now.plus(APART), &step)];
        if !self.observed.contains_key(&step.labels) {
            // The first step of a node is one from a clock that was not set before.
            samples.insert(0, (self.now.minus(BEFORE), &none));
        }
        self.judge_observed(lsn, &samples, sink)
    }

    fn judge_observed(
        &mut self,
        lsn: Lsn,
        observed: &[(Timestamp, &Observation)],
        sink: &mut dyn SampleSink,
    ) -> Folded {
        self.samples.clear();
        for &(at, sample) in observed {
            let Some(column) = self.column(&sample.labels, sink) else { continue };
            if let Some(group) = column.group {
                sink.row(group, at, &[Some(sample.value)], lsn);
            }
            self.samples.push((at, column.series, sample.value));
        }
        self.judge();
        let entries = self.machine.findings(self.now, &self.findings, &self.evaluator);
        Folded { entries, ..Folded::default() }
    }

    /// Gives every observed series its place again after a restart.
    pub(super) fn bind_observed(&mut self, sink: &mut dyn SampleSink) {
        let known: Vec<Labels> = self.observed.keys().cloned().collect();
        self.observed.clear();
        for labels in known {
            self.column(&labels, sink);
        }
    }

    fn column(&mut self, labels: &Labels, sink: &mut dyn SampleSink) -> Option<Column> {
        if let Some(Some(column)) = self.observed.get(labels) {
            return Some(*column);
        }
        if self.observed.len() >= SERIES_MAX {
            tracing::error!(%labels, "more than {SERIES_MAX} series of observations: this one is not judged");
            return None;
        }
        let group = sink.group(std::slice::from_ref(labels));
        let group = group
            .inspect_err(|error| tracing::error!(%labels, error, "an observation is not stored"));
        let column = Column { series: self.define(labels), group: group.ok() };
        self.observed.insert(labels.clone(), Some(column));
        Some(column)
    }
}

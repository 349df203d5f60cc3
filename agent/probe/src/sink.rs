//! Where a probe puts its samples.

use crate::evidence::{Evidence, Shown};
use shared_model::Metric;

/// One sample of the current round.
#[derive(Clone, Debug)]
pub struct Sample {
    metric: &'static Metric,
    labels: Vec<(Box<str>, Box<str>)>,
    value: Option<f64>,
}

impl Sample {
    /// What was measured.
    pub fn metric(&self) -> &'static Metric {
        self.metric
    }

    /// Labels in the order in which the probe gave them.
    pub fn labels(&self) -> &[(Box<str>, Box<str>)] {
        &self.labels
    }

    /// The value of this round; `None` when this round did not have it.
    pub fn value(&self) -> Option<f64> {
        self.value
    }

    fn is(&self, metric: &'static Metric, labels: &[(&str, &str)]) -> bool {
        std::ptr::eq(self.metric, metric)
            && self.labels.len() == labels.len()
            && self
                .labels
                .iter()
                .zip(labels)
                .all(|((n, v), (name, value))| **v == **value && **n == **name)
    }
}

/// Collects the samples of one probe, round after round.
///
/// Probes emit the same series in the same order nearly always, so the sink remembers the last round's order and a
/// sample costs one comparison and no allocation. [`Sink::layout`] changes only when a series appears or is forgotten.
#[derive(Debug, Default)]
pub struct Sink {
    samples: Vec<Sample>,
    cursor: usize,
    layout: u64,
    rounds_with_holes: u32,
    evidence: Evidence,
}

/// A series that was not seen for this many rounds is forgotten, so that a device that is gone does not cost for ever.
const FORGET_AFTER_ROUNDS: u32 = 60;

impl Sink {
    /// Begins a round: all values of the last one are taken away, the order stays.
    pub fn begin(&mut self) {
        let holes = self.samples.iter().any(|s| s.value.is_none());
        self.rounds_with_holes = if holes { self.rounds_with_holes + 1 } else { 0 };
        if self.rounds_with_holes > FORGET_AFTER_ROUNDS {
            self.samples.retain(|s| s.value.is_some());
            self.layout += 1;
            self.rounds_with_holes = 0;
        }
        self.samples.iter_mut().for_each(|s| s.value = None);
        self.cursor = 0;
    }

    /// Puts in a sample. `labels` must be given in the same order every time; the same series twice in a round keeps
    /// the last value. A value that is not known is left out, never put in as 0.
    pub fn put(&mut self, metric: &'static Metric, labels: &[(&str, &str)], value: f64) {
        let at = match self.samples.get(self.cursor) {
            Some(sample) if sample.is(metric, labels) => self.cursor,
            _ => match self.samples.iter().position(|s| s.is(metric, labels)) {
                Some(at) => at,
                None => self.insert(metric, labels),
            },
        };
        if let Some(sample) = self.samples.get_mut(at) {
            sample.value = Some(value);
        }
        self.cursor = at + 1;
    }

    fn insert(&mut self, metric: &'static Metric, labels: &[(&str, &str)]) -> usize {
        let labels = labels.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        self.samples.push(Sample { metric, labels, value: None });
        self.layout += 1;
        self.samples.len() - 1
    }

    /// The samples of the current round, always in the same order while [`Self::layout`] stays the same.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// Says in words what explains the numbers: names of objects, accounts and processes, never the text of a statement or a value out
    /// of one. `topic` is one of [`shared_model::topic`], which one view of a probe speaks of each round that it is read, with no line
    /// when there is nothing to say. Only changes leave the node, so what grows by itself, such as a wait, is no part of a line.
    pub fn show(&mut self, topic: &'static str, lines: impl IntoIterator<Item = String>) {
        self.evidence.show(topic, lines);
    }

    /// Says what changed in a text of lines `name=value` since it was given before, in the form `name: old -> new`. A value that begins
    /// with `#` is a digest, whose change is said and no more.
    pub fn show_changes(&mut self, topic: &'static str, now: &str) {
        self.evidence.show_changes(topic, now);
    }

    /// What was said last of each topic, in this round or an earlier one.
    pub fn shown(&self) -> &[Shown] {
        self.evidence.shown()
    }

    /// A number that changes whenever the list of series changes.
    pub fn layout(&self) -> u64 {
        self.layout
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared_model::{Kind, Unit};

    static UP: Metric =
        Metric { name: "up", kind: Kind::Gauge, unit: Unit::None, help: "h", source: "s" };

    fn round(sink: &mut Sink, labels: &[&str]) {
        sink.begin();
        for label in labels {
            sink.put(&UP, &[("device", label)], 1.0);
        }
    }

    /// Scenario: the same series in another order, then one missing. Guarantees: the layout stays, the missing one has
    /// no value rather than an old one.
    #[test]
    fn layout_is_stable() {
        let mut sink = Sink::default();
        round(&mut sink, &["a", "b"]);
        let layout = sink.layout();
        round(&mut sink, &["b", "a"]);
        round(&mut sink, &["b"]);
        assert_eq!(sink.layout(), layout);
        let values: Vec<_> = sink.samples().iter().map(Sample::value).collect();
        assert_eq!(values, [None, Some(1.0)]);
    }

    /// Scenario: a device disappears for good. Guarantees: it is forgotten after a minute of rounds, not before.
    #[test]
    fn gone_series_are_forgotten() {
        let mut sink = Sink::default();
        round(&mut sink, &["a", "b"]);
        for _ in 0..=FORGET_AFTER_ROUNDS {
            round(&mut sink, &["b"]);
            assert_eq!(sink.samples().len(), 2);
        }
        round(&mut sink, &["b"]);
        assert_eq!(sink.samples().len(), 1);
    }
}

//! Turns what probes put into their sinks into numbered series, sets and batches.
//!
//! Numbers go on where the spool's catalog ends and are never given twice. A sink whose layout stays the same costs one
//! pass over its values and no allocation.

use agent_probe::{Sample, Sink};
use proto::limits::{
    MAX_CATALOG_TEXT_BYTES, MAX_LABELS, MAX_SERIES, MAX_SETS, MAX_VALUE_BYTES, RESERVED_LABELS,
};
use shared_model::{Batch, Block, Catalog, SeriesDef, SeriesSet, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Where a sink's samples belong; given by [`Batcher::slot`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Slot(usize);

/// Gives out references and set ids and builds batches.
#[derive(Debug, Default)]
pub(crate) struct Batcher {
    generation: u32,
    series: usize,
    text_bytes: usize,
    set_ids: BTreeSet<u32>,
    sources: BTreeMap<Source, Known>,
    slots: Vec<Layout>,
    batch: Batch,
    /// Definitions that `batch` needs and that are not known yet.
    delta: Catalog,
    /// Whether `batch` was taken: the next readings begin another one.
    is_taken: bool,
    /// Blocks of earlier batches, for their buffers.
    spare: Vec<Block>,
    refused: u64,
}

/// Job and instance: the same series of two instances are two series.
type Source = (Box<str>, Box<str>);

/// Name and labels, sorted.
type SeriesKey = (Box<str>, Vec<(Box<str>, Box<str>)>);

/// What is defined for one source.
#[derive(Debug, Default)]
struct Known {
    series: BTreeMap<SeriesKey, u32>,
    sets: BTreeMap<Vec<u32>, u32>,
}

/// How the samples of one sink become columns.
#[derive(Debug)]
struct Layout {
    source: Source,
    /// The sink's layout this was made for.
    layout: Option<u64>,
    /// `None` while there is no column.
    set: Option<u32>,
    /// Index of the sample of each column.
    columns: Vec<usize>,
}

impl Batcher {
    /// Goes on numbering from a catalog, which the uplink has kept from earlier runs.
    pub(crate) fn restored(catalog: &Catalog) -> Self {
        let mut batcher = Self::default();
        batcher.resume(catalog);
        batcher
    }

    /// Takes `catalog` for what is known, as after a catalog that was not taken. Slots stay valid.
    pub(crate) fn resume(&mut self, catalog: &Catalog) {
        self.generation = catalog.generation;
        self.series = catalog.series.len();
        self.set_ids = catalog.sets.iter().map(|s| s.id).collect();
        self.sources.clear();
        self.text_bytes = catalog.series.iter().map(text_bytes).sum();
        for set in &catalog.sets {
            self.text_bytes += set.job.len() + set.instance.len();
            let source = (set.job.clone(), set.instance.clone());
            let known = self.sources.entry(source).or_default();
            for reference in &set.references {
                let at = usize::try_from(*reference).ok().and_then(|r| r.checked_sub(1));
                if let Some(def) = at.and_then(|at| catalog.series.get(at)) {
                    known.series.insert((def.name.clone(), def.labels.clone()), *reference);
                }
            }
            known.sets.insert(set.references.clone(), set.id);
        }
        self.slots.iter_mut().for_each(|slot| slot.layout = None);
    }

    /// A place for one sink. `job` and `instance` become labels of its series.
    pub(crate) fn slot(&mut self, job: &str, instance: &str) -> Slot {
        let source = (job.into(), instance.into());
        self.slots.push(Layout { source, layout: None, set: None, columns: Vec::new() });
        Slot(self.slots.len() - 1)
    }

    /// Adds one row per sink to the batch under way. A sink without any value gets no block.
    pub(crate) fn add(&mut self, time: Timestamp, contents: &[(Slot, &Sink)]) {
        if std::mem::take(&mut self.is_taken) {
            self.spare.append(&mut self.batch.blocks);
        }
        let mut delta = std::mem::take(&mut self.delta);
        for (slot, sink) in contents {
            let stale = self.slots.get(slot.0).is_some_and(|s| s.layout != Some(sink.layout()));
            if stale {
                self.define(*slot, sink, &mut delta);
            }
            self.fill(*slot, sink, time);
        }
        self.delta = delta;
    }

    /// Whether the batch under way has a row of one of these already: a set may have one only.
    pub(crate) fn holds(&self, contents: &[(Slot, &Sink)]) -> bool {
        let set = |slot: &Slot| self.slots.get(slot.0).and_then(|slot| slot.set);
        let held = |set| !self.is_taken && self.batch.blocks.iter().any(|block| block.set == set);
        contents.iter().filter_map(|(slot, _)| set(slot)).any(held)
    }

    /// Ends the batch under way: all that was added since the last one, and the definitions it needs that are not known
    /// yet. `None` when that is nothing.
    pub(crate) fn take(&mut self) -> Option<(Option<Catalog>, &Batch)> {
        if std::mem::replace(&mut self.is_taken, true) {
            return None;
        }
        let mut delta = std::mem::take(&mut self.delta);
        let is_new = !delta.series.is_empty() || !delta.sets.is_empty();
        if is_new {
            delta.base = self.generation;
            self.generation += 1;
            delta.generation = self.generation;
        }
        self.batch.generation = self.generation;
        (is_new || !self.batch.blocks.is_empty()).then_some((is_new.then_some(delta), &self.batch))
    }

    /// Series and sets that could not be numbered so far, because of a limit of the wire or a label it does not take.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    fn fill(&mut self, slot: Slot, sink: &Sink, time: Timestamp) {
        let Some(Layout { set: Some(set), columns, .. }) = self.slots.get(slot.0) else {
            return;
        };
        let value = |column: &usize| sink.samples().get(*column).and_then(Sample::value);
        if columns.iter().all(|column| value(column).is_none()) {
            return;
        }
        let mut block = self.spare.pop().unwrap_or_default();
        block.set = *set;
        block.times.clear();
        block.times.push(time);
        block.values.clear();
        block.values.extend(columns.iter().map(value));
        self.batch.blocks.push(block);
    }

    /// Numbers what is new in a sink and makes its columns, in order of reference: so the same series in another order
    /// are the same set.
    fn define(&mut self, slot: Slot, sink: &Sink, delta: &mut Catalog) {
        let Some(Layout { source, .. }) = self.slots.get(slot.0) else {
            return;
        };
        let source = source.clone();
        let mut columns = BTreeMap::new();
        let mut refused = 0;
        for (at, sample) in sink.samples().iter().enumerate() {
            match self.reference(&source, sample, delta) {
                Some(reference) => drop(columns.entry(reference).or_insert(at)),
                None => refused += 1,
            }
        }
        let references: Vec<u32> = columns.keys().copied().collect();
        let set = if references.is_empty() { None } else { self.set(&source, references, delta) };
        refused += u64::from(set.is_none() && !columns.is_empty());
        if refused > 0 {
            let (job, instance) = &source;
            tracing::warn!(%job, %instance, refused, "series cannot be numbered and are not sent");
            self.refused += refused;
        }
        if let Some(slot) = self.slots.get_mut(slot.0) {
            slot.layout = Some(sink.layout());
            slot.set = set;
            slot.columns = columns.into_values().collect();
        }
    }

    fn reference(&mut self, source: &Source, sample: &Sample, delta: &mut Catalog) -> Option<u32> {
        let labels = sorted(sample.labels())?;
        let key = (Box::from(sample.metric().name), labels);
        let known = self.sources.entry(source.clone()).or_default();
        if let Some(reference) = known.series.get(&key) {
            return Some(*reference);
        }
        let reference = u32::try_from(self.series + 1).ok()?;
        let def = SeriesDef {
            reference,
            name: key.0.clone(),
            kind: sample.metric().kind,
            unit: sample.metric().unit,
            labels: key.1.clone(),
        };
        let text_bytes = self.text_bytes + text_bytes(&def);
        if self.series >= MAX_SERIES || text_bytes > MAX_CATALOG_TEXT_BYTES {
            return None;
        }
        known.series.insert(key, reference);
        self.series += 1;
        self.text_bytes = text_bytes;
        delta.series.push(def);
        Some(reference)
    }

    fn set(&mut self, source: &Source, references: Vec<u32>, delta: &mut Catalog) -> Option<u32> {
        let known = self.sources.entry(source.clone()).or_default();
        if let Some(id) = known.sets.get(&references) {
            return Some(*id);
        }
        let id = self.set_ids.last().copied().unwrap_or(0) + 1;
        let text_bytes = self.text_bytes + source.0.len() + source.1.len();
        if id as usize > MAX_SETS || text_bytes > MAX_CATALOG_TEXT_BYTES {
            return None;
        }
        known.sets.insert(references.clone(), id);
        self.set_ids.insert(id);
        self.text_bytes = text_bytes;
        let (job, instance) = source.clone();
        delta.sets.push(SeriesSet { id, job, instance, references });
        Some(id)
    }
}

/// Labels in order of name, without empty values (which mean the same as no label); `None` when the wire refuses them.
fn sorted(labels: &[(Box<str>, Box<str>)]) -> Option<Vec<(Box<str>, Box<str>)>> {
    let mut labels: Vec<_> =
        labels.iter().filter(|(_, value)| !value.is_empty()).cloned().collect();
    labels.sort();
    let doubled = labels.windows(2).any(|pair| matches!(pair, [a, b] if a.0 == b.0));
    let allowed = |(name, value): &(Box<str>, Box<str>)| {
        !RESERVED_LABELS.contains(&&**name) && value.len() <= MAX_VALUE_BYTES
    };
    (labels.len() <= MAX_LABELS && !doubled && labels.iter().all(allowed)).then_some(labels)
}

fn text_bytes(def: &SeriesDef) -> usize {
    def.name.len() + def.labels.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::apply_catalog;
    use shared_model::{Kind, Metric, Unit};

    static USED: Metric =
        Metric { name: "used", kind: Kind::Gauge, unit: Unit::Bytes, help: "h", source: "s" };

    /// A batcher whose catalogs are checked as the collector does.
    struct Pair {
        batcher: Batcher,
        full: Catalog,
    }

    impl Pair {
        fn new() -> Self {
            Self { batcher: Batcher::default(), full: Catalog::default() }
        }

        fn send(&mut self, contents: &[(Slot, &Sink)]) -> Batch {
            self.batcher.add(Timestamp::from_secs(7), contents);
            self.take()
        }

        /// What was added since the last batch; an empty batch when that is nothing.
        fn take(&mut self) -> Batch {
            let Some((delta, batch)) = self.batcher.take() else { return Batch::default() };
            if let Some(delta) = delta {
                apply_catalog(&mut self.full, delta).unwrap();
            }
            assert_eq!(batch.generation, self.full.generation);
            batch.clone()
        }

        /// Every value of a batch as `job/instance device=value`.
        fn read(&self, batch: &Batch) -> Vec<String> {
            let mut lines = Vec::new();
            for block in &batch.blocks {
                let set = self.full.sets.iter().find(|s| s.id == block.set).unwrap();
                for (reference, value) in set.references.iter().zip(&block.values) {
                    let def = &self.full.series[*reference as usize - 1];
                    let device = def.labels.iter().find(|(n, _)| &**n == "device").unwrap();
                    lines.push(format!("{}/{} {}={value:?}", set.job, set.instance, device.1));
                }
            }
            lines
        }
    }

    fn round(sink: &mut Sink, devices: &[(&str, f64)]) {
        sink.begin();
        for (device, value) in devices {
            sink.put(&USED, &[("zone", "z"), ("empty", ""), ("device", device)], *value);
        }
    }

    /// Scenario: two rounds with the same series, then one more and one missing, then the old ones in another order in a new
    /// sink. Guarantees: definitions come once and before their values, labels are sorted without empty ones, a missing
    /// value is missing, and a known list of series gets its old set again.
    #[test]
    fn definitions_come_once() {
        let mut pair = Pair::new();
        let slot = pair.batcher.slot("node", "");
        let mut sink = Sink::default();
        round(&mut sink, &[("a", 1.0), ("b", 2.0)]);
        let first = pair.send(&[(slot, &sink)]);
        assert_eq!(pair.read(&first), ["node/ a=Some(1.0)", "node/ b=Some(2.0)"]);
        assert_eq!(pair.full.generation, 1);
        let labels: Vec<_> = pair.full.series[0].labels.iter().map(|(n, _)| &**n).collect();
        assert_eq!(labels, ["device", "zone"]);

        round(&mut sink, &[("a", 3.0), ("b", 4.0)]);
        assert_eq!(pair.send(&[(slot, &sink)]).blocks[0].set, first.blocks[0].set);
        assert_eq!(pair.full.generation, 1, "nothing new, no catalog");

        round(&mut sink, &[("c", 5.0), ("b", 6.0)]);
        let batch = pair.send(&[(slot, &sink)]);
        assert_eq!(pair.read(&batch), ["node/ a=None", "node/ b=Some(6.0)", "node/ c=Some(5.0)"]);
        assert_eq!((pair.full.generation, pair.full.series.len()), (2, 3));

        let slot = pair.batcher.slot("node", "");
        let mut other = Sink::default();
        round(&mut other, &[("b", 8.0), ("a", 7.0)]);
        let batch = pair.send(&[(slot, &other)]);
        assert_eq!(batch.blocks[0].set, first.blocks[0].set);
        assert_eq!(pair.read(&batch), ["node/ a=Some(7.0)", "node/ b=Some(8.0)"]);
        assert_eq!(pair.full.generation, 2);
    }

    /// Scenario: the same series of two instances, and a sink without values. Guarantees: they are two series, the empty
    /// sink has no block.
    #[test]
    fn instances_do_not_share_series() {
        let mut pair = Pair::new();
        let (one, two) =
            (pair.batcher.slot("postgres", "a:1"), pair.batcher.slot("postgres", "b:1"));
        let none = pair.batcher.slot("postgres", "c:1");
        let (mut first, mut second) = (Sink::default(), Sink::default());
        round(&mut first, &[("x", 1.0)]);
        round(&mut second, &[("x", 2.0)]);
        let batch = pair.send(&[(one, &first), (none, &Sink::default()), (two, &second)]);
        assert_eq!(pair.read(&batch), ["postgres/a:1 x=Some(1.0)", "postgres/b:1 x=Some(2.0)"]);
        assert_eq!(pair.full.series.len(), 2);
    }

    /// Scenario: readings of two sinks at two times, both with new series, then one of them again. Guarantees: they are one
    /// batch with all definitions before it and each row at its own time; what the batch has a row of is known, and nothing
    /// is handed out twice.
    #[test]
    fn batches_gather() {
        let mut pair = Pair::new();
        let (one, two) = (pair.batcher.slot("node", ""), pair.batcher.slot("postgres", "a:1"));
        let (mut first, mut second) = (Sink::default(), Sink::default());
        round(&mut first, &[("x", 1.0)]);
        round(&mut second, &[("y", 2.0)]);
        pair.batcher.add(Timestamp::from_millis(7_000), &[(one, &first)]);
        assert!(pair.batcher.holds(&[(two, &second), (one, &first)]));
        assert!(!pair.batcher.holds(&[(two, &second)]));
        pair.batcher.add(Timestamp::from_millis(7_003), &[(two, &second)]);
        let batch = pair.take();
        assert_eq!(pair.read(&batch), ["node/ x=Some(1.0)", "postgres/a:1 y=Some(2.0)"]);
        let times: Vec<_> = batch.blocks.iter().map(|block| block.times[0].as_millis()).collect();
        assert_eq!((times, pair.full.generation), (vec![7_000, 7_003], 1));
        assert!(!pair.batcher.holds(&[(one, &first)]));
        assert!(pair.take().blocks.is_empty());
        let alone = pair.send(&[(one, &first)]);
        assert_eq!(pair.read(&alone), ["node/ x=Some(1.0)"]);
    }

    /// Scenario: a restart with the catalog the spool kept, and a catalog that was refused. Guarantees: numbers go on and
    /// known series keep theirs; after a refusal the definitions are sent again.
    #[test]
    fn numbering_goes_on() {
        let mut pair = Pair::new();
        let slot = pair.batcher.slot("node", "");
        let mut sink = Sink::default();
        round(&mut sink, &[("a", 1.0)]);
        let first = pair.send(&[(slot, &sink)]);

        pair.batcher = Batcher::restored(&pair.full);
        let slot = pair.batcher.slot("node", "");
        assert_eq!(pair.send(&[(slot, &sink)]).blocks[0].set, first.blocks[0].set);
        assert_eq!(pair.full.generation, 1);

        round(&mut sink, &[("a", 1.0), ("b", 2.0)]);
        pair.batcher.add(Timestamp::from_secs(8), &[(slot, &sink)]);
        let (lost, _) = pair.batcher.take().unwrap();
        assert_eq!(lost.unwrap().series.len(), 1);
        pair.batcher.resume(&pair.full.clone());
        let batch = pair.send(&[(slot, &sink)]);
        assert_eq!(pair.read(&batch), ["node/ a=Some(1.0)", "node/ b=Some(2.0)"]);
    }

    /// Scenario: labels that the wire refuses beside one that it takes. Guarantees: only those series are left out, and
    /// counted.
    #[test]
    fn refused_series_do_not_take_others_along() {
        let mut pair = Pair::new();
        let slot = pair.batcher.slot("node", "");
        let mut sink = Sink::default();
        sink.begin();
        sink.put(&USED, &[("device", &"x".repeat(MAX_VALUE_BYTES + 1))], 1.0);
        sink.put(&USED, &[("device", "a"), ("host", "h")], 1.0);
        sink.put(&USED, &[("device", "a"), ("device", "b")], 1.0);
        sink.put(&USED, &[("device", &"x".repeat(MAX_VALUE_BYTES))], 2.0);
        let batch = pair.send(&[(slot, &sink)]);
        assert_eq!(pair.read(&batch).len(), 1);
        assert_eq!(pair.batcher.refused(), 3);
    }

    /// Scenario: the last reference and one more. Guarantees: the last is sent, one more is counted as refused, and the
    /// collector would accept the catalog.
    #[test]
    fn references_end() {
        let mut pair = Pair::new();
        let def = |n: usize| SeriesDef {
            reference: u32::try_from(n).unwrap(),
            name: USED.name.into(),
            kind: USED.kind,
            unit: USED.unit,
            labels: vec![("device".into(), format!("old{n}").into())],
        };
        let series = (1..MAX_SERIES).map(def).collect();
        pair.full = Catalog { generation: 1, series, ..Catalog::default() };
        pair.batcher.resume(&pair.full);
        let slot = pair.batcher.slot("node", "");
        let mut sink = Sink::default();
        round(&mut sink, &[("last", 1.0), ("more", 2.0)]);
        let batch = pair.send(&[(slot, &sink)]);
        assert_eq!(pair.read(&batch), ["node/ last=Some(1.0)"]);
        assert_eq!(pair.batcher.refused(), 1);
    }

    /// Scenario: the last set id and one more. Guarantees: the last is used, one more is counted as refused without a
    /// block, and a known list of series still finds its set.
    #[test]
    fn set_ids_end() {
        let mut pair = Pair::new();
        let id = u32::try_from(MAX_SETS).unwrap() - 1;
        let set = SeriesSet { id, job: "node".into(), ..SeriesSet::default() };
        pair.full = Catalog { generation: 1, sets: vec![set], ..Catalog::default() };
        pair.batcher.resume(&pair.full);
        for (device, blocks, refused) in [("a", 1, 0), ("b", 0, 1), ("a", 1, 1)] {
            let slot = pair.batcher.slot("node", "");
            let mut sink = Sink::default();
            round(&mut sink, &[(device, 1.0)]);
            let batch = pair.send(&[(slot, &sink)]);
            assert_eq!((batch.blocks.len(), pair.batcher.refused()), (blocks, refused), "{device}");
        }
    }
}

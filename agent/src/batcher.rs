//! Turns what probes put into their sinks into numbered series, sets and batches.
//!
//! Numbers go on where the spool's catalog ends. They begin anew when most of them are worn out and nothing is to be sent. A sink
//! whose layout stays the same costs one pass over its values and no allocation.

use agent_probe::{Sample, Sink};
use proto::limits::{
    MAX_CATALOG_TEXT_BYTES, MAX_LABELS, MAX_SERIES, MAX_SETS, MAX_VALUE_BYTES, RESERVED_LABELS,
};
use shared_model::{Batch, Block, Catalog, SeriesDef, SeriesSet, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Columns that may be left behind beyond as many as are read; the collector takes 20,000 of a node by default.
const SPARE_COLUMNS: usize = 1_024;

/// In so many rounds of a second every probe has read, also those that read every five minutes.
const ALL_READ_BATCHES: u64 = 600;

/// Sets that may be left behind beyond as many as are read, of the 4,096 that the wire takes.
const SPARE_SETS: usize = 512;

/// Where a sink's samples belong; given by [`Batcher::slot`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Slot(usize);

/// Gives out references and set ids and builds batches.
#[derive(Debug, Default)]
pub(crate) struct Batcher {
    generation: u32,
    series: usize,
    text_bytes: usize,
    /// Columns of all sets that are defined.
    columns: usize,
    /// Those of them, and of the sets, that are from an earlier run.
    restored: (usize, usize),
    /// Batches since then.
    batches: u64,
    /// Whether the next definitions take the place of all that were.
    is_anew: bool,
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
    parts: Vec<Part>,
}

/// A set and where its columns are in the sink.
///
/// A sink has several, the largest first, so that one series that is new defines a small set and not all of them again: what
/// is new takes along the sets that are not much larger than itself, so there are few.
#[derive(Debug)]
struct Part {
    set: u32,
    /// Reference and index of the sample of each column, `None` of a series that is forgotten.
    columns: Vec<(u32, Option<usize>)>,
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
        self.is_anew = false;
        self.columns = catalog.sets.iter().map(|set| set.references.len()).sum();
        (self.restored, self.batches) = ((self.columns, self.set_ids.len()), 0);
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
        for slot in &mut self.slots {
            slot.layout = None;
            slot.parts.clear();
        }
    }

    /// Whether most of what is defined is of series and sets that nobody reads any more: every label that changes leaves
    /// some behind, and a node lives for years.
    pub(crate) fn is_worn(&self) -> bool {
        let parts = || self.slots.iter().flat_map(|slot| &slot.parts);
        let live: usize = parts().map(|part| part.columns.len()).sum();
        let sets = parts().count();
        // After a start it takes a while until everything has been read once.
        let is_settling = self.batches < ALL_READ_BATCHES;
        let spared = if is_settling { self.restored } else { (0, 0) };
        self.columns - spared.0 > 2 * live + SPARE_COLUMNS
            || self.set_ids.len() - spared.1 > 2 * sets + SPARE_SETS
    }

    /// Forgets what is defined, so that what is read next is defined anew in a whole catalog. Only between two batches, and
    /// only while nothing that was numbered before is still to be sent.
    pub(crate) fn begin_anew(&mut self) {
        (self.series, self.text_bytes, self.columns, self.restored) = (0, 0, 0, (0, 0));
        self.set_ids.clear();
        self.sources.clear();
        self.delta = Catalog::default();
        self.is_anew = true;
        for slot in &mut self.slots {
            slot.layout = None;
            slot.parts.clear();
        }
    }

    /// Whether a batch is under way.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_taken || self.batch.blocks.is_empty()
    }

    /// A place for one sink. `job` and `instance` become labels of its series.
    pub(crate) fn slot(&mut self, job: &str, instance: &str) -> Slot {
        let source = (job.into(), instance.into());
        self.slots.push(Layout { source, layout: None, parts: Vec::new() });
        Slot(self.slots.len() - 1)
    }

    /// The instance that a slot's samples speak of, empty for the node itself.
    pub(crate) fn instance(&self, slot: Slot) -> &str {
        self.slots.get(slot.0).map_or("", |layout| &layout.source.1)
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
        let held = |set| !self.is_taken && self.batch.blocks.iter().any(|block| block.set == set);
        let slots = contents.iter().filter_map(|(slot, _)| self.slots.get(slot.0));
        slots.flat_map(|slot| &slot.parts).any(|part| held(part.set))
    }

    /// Ends the batch under way: all that was added since the last one, and the definitions it needs that are not known
    /// yet. `None` when that is nothing.
    pub(crate) fn take(&mut self) -> Option<(Option<Catalog>, &Batch)> {
        if std::mem::replace(&mut self.is_taken, true) {
            return None;
        }
        let mut delta = std::mem::take(&mut self.delta);
        self.batches += 1;
        let is_new = !delta.series.is_empty() || !delta.sets.is_empty();
        if is_new {
            delta.base = if std::mem::take(&mut self.is_anew) { 0 } else { self.generation };
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
        let parts = self.slots.get(slot.0).map_or(&[][..], |slot| &slot.parts);
        for Part { set, columns } in parts {
            let value = |(_, at): &(u32, Option<usize>)| {
                at.and_then(|at| sink.samples().get(at)).and_then(Sample::value)
            };
            if columns.iter().all(|column| value(column).is_none()) {
                continue;
            }
            let mut block = self.spare.pop().unwrap_or_default();
            block.set = *set;
            block.times.clear();
            block.times.push(time);
            block.values.clear();
            block.values.extend(columns.iter().map(value));
            self.batch.blocks.push(block);
        }
    }

    /// Numbers what is new in a sink and makes its columns, in order of reference: so the same series in another order
    /// are the same set.
    fn define(&mut self, slot: Slot, sink: &Sink, delta: &mut Catalog) {
        let Some(known) = self.slots.get_mut(slot.0) else {
            return;
        };
        let (source, parts) = (known.source.clone(), std::mem::take(&mut known.parts));
        let mut columns = BTreeMap::new();
        let mut refused = 0;
        for (at, sample) in sink.samples().iter().enumerate() {
            match self.reference(&source, sample, delta) {
                Some(reference) => drop(columns.entry(reference).or_insert(at)),
                None => refused += 1,
            }
        }
        let mut parts = kept(parts, &mut columns);
        if !columns.is_empty() {
            while let Some(part) = parts.pop_if(|part| part.columns.len() <= 2 * columns.len()) {
                columns.extend(part.columns.iter().filter_map(|(r, at)| Some((*r, (*at)?))));
            }
            match self.set(&source, columns.keys().copied().collect(), delta) {
                Some(set) => {
                    let columns = columns.into_iter().map(|(r, at)| (r, Some(at))).collect();
                    parts.push(Part { set, columns });
                }
                None => refused += 1,
            }
        }
        if refused > 0 {
            let (job, instance) = &source;
            tracing::warn!(%job, %instance, refused, "series cannot be numbered and are not sent");
            self.refused += refused;
        }
        if let Some(slot) = self.slots.get_mut(slot.0) {
            slot.layout = Some(sink.layout());
            slot.parts = parts;
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
        self.columns += references.len();
        self.text_bytes = text_bytes;
        let (job, instance) = source.clone();
        delta.sets.push(SeriesSet { id, job, instance, references });
        Some(id)
    }
}

/// The parts that stay, with the places of their columns now; takes these out of `columns`. A part of which most series are
/// forgotten is given up.
fn kept(parts: Vec<Part>, columns: &mut BTreeMap<u32, usize>) -> Vec<Part> {
    let mut kept = Vec::new();
    for mut part in parts {
        let live = part.columns.iter().filter(|(r, _)| columns.contains_key(r)).count();
        if live * 2 > part.columns.len() {
            part.columns.iter_mut().for_each(|(r, at)| *at = columns.remove(r));
            kept.push(part);
        }
    }
    kept
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
mod tests;

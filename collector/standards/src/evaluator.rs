//! Judges rows of samples by a pack, on arrival.
//!
//! Series meet in partitions, one per value of the label `instance`: a node, or a database that several hosts may watch.
//! A rule is bound to the series of a partition once per change of its catalogue; a row then costs one push per sample
//! and one evaluation per touched rule and subject. Ticks judge absence only.

mod branch;
mod cells;
mod hosts;
mod partition;
mod plan;
mod snapshot;

pub use partition::Problem;
pub use snapshot::Snapshot;

use crate::pack::Pack;
use cells::Cells;
use collector_domain::{Checks, Contract, Finding, Judgement, Rule, SeriesId};
use collector_promql::Slot;
use hosts::Hosts;
use partition::Partition;
use plan::Plans;
use shared_model::{Labels, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The evaluator: where every rule of a pack stands on every subject.
#[derive(Debug)]
pub struct Evaluator {
    pack: Arc<Pack>,
    plans: Arc<Plans>,
    /// By [`SeriesId`]: where its samples go; `None` for series that no rule reads.
    places: Vec<Option<Place>>,
    partitions: Vec<Partition>,
    by_instance: BTreeMap<Box<str>, u32>,
    cells: Cells,
    hosts: Hosts,
    /// The collector's time, as far as it was told.
    now: Timestamp,
    /// Counts rows, so that a program touched by many samples of a row is evaluated once.
    round: u64,
    /// Programs touched by the current row; kept between rows so that a row does not allocate.
    due: Vec<(u32, u32)>,
    /// The host whose subjects alone are judged, in a branch.
    only: Option<Box<str>>,
}

/// Where a series' samples go.
#[derive(Clone, Copy, Debug)]
struct Place {
    partition: u32,
    slot: Slot,
}

impl Evaluator {
    /// An evaluator that has judged nothing.
    pub fn new(pack: Arc<Pack>, contract: &Contract) -> Self {
        Self {
            plans: Arc::new(Plans::new(&pack, contract)),
            pack,
            places: Vec::new(),
            partitions: Vec::new(),
            by_instance: BTreeMap::new(),
            cells: Cells::default(),
            hosts: Hosts::new(contract),
            now: Timestamp::default(),
            round: 0,
            due: Vec::new(),
            only: None,
        }
    }

    /// The rules it judges by.
    pub fn pack(&self) -> &Pack {
        &self.pack
    }

    /// Makes a series known: its full labels with the metric name, `hospital`, `appliance`, `host`, `instance`, `job`.
    /// Again for the same id is harmless; a series without `instance`, or that no rule reads, is ignored from then on.
    pub fn define(&mut self, id: SeriesId, labels: &Labels) {
        self.hosts.describe(labels);
        let at = id.0 as usize;
        if self.places.len() <= at {
            self.places.resize(at + 1, None);
        }
        let place = self.place(labels);
        if let Some(known) = self.places.get_mut(at) {
            *known = place;
        }
    }

    fn place(&mut self, labels: &Labels) -> Option<Place> {
        let instance = labels.get("instance")?;
        if !self.plans.reads(labels) {
            return None;
        }
        let index = match self.by_instance.get(instance) {
            Some(&index) => index,
            None => {
                let index = u32::try_from(self.partitions.len()).ok()?;
                self.by_instance.insert(instance.into(), index);
                self.partitions.push(Partition::new(instance));
                index
            }
        };
        let partition = self.partitions.get_mut(index as usize)?;
        Some(Place { partition: index, slot: partition.add(labels, &self.plans) })
    }

    /// Judges one row: the samples of one round of one host, all at `at` (the node's time), and pushes what changed.
    /// Call [`Self::heard`] for the record first, which tells the collector's time.
    ///
    /// Blocks of one batch with the same time belong into one row: a rule judges a subject once per instant, so what
    /// comes in a second row of the same instant counts from the next one on.
    /// A sample that is not newer than its series' last one, or NaN, or of an unknown series is ignored.
    pub fn round(&mut self, at: Timestamp, row: &[(SeriesId, f64)], out: &mut Vec<Finding>) {
        self.round += 1;
        for &(id, value) in row {
            let Some(Some(place)) = self.places.get(id.0 as usize).copied() else {
                continue;
            };
            let Some(partition) = self.partitions.get_mut(place.partition as usize) else {
                continue;
            };
            if !partition.is_bound() {
                partition.bind(&self.plans);
            }
            for program in partition.push(place.slot, at, value, self.round) {
                self.due.push((place.partition, program));
            }
        }
        let mut due = std::mem::take(&mut self.due);
        let first = out.len();
        for (partition, program) in due.drain(..) {
            self.judge(partition, program, out);
        }
        self.due = due;
        if self.only.is_some() {
            let mut found = out.split_off(first);
            found.retain(|finding| self.is_mine(&finding.subject));
            out.append(&mut found);
        }
    }

    fn judge(&mut self, partition: u32, program: u32, out: &mut Vec<Finding>) {
        let Some(partition) = self.partitions.get_mut(partition as usize) else {
            return;
        };
        let Some(reading) = partition.read(program) else {
            return;
        };
        let Some(plan) = self.plans.get(reading.rule) else {
            return;
        };
        let cell = *reading
            .cell
            .get_or_insert_with(|| self.cells.ensure(reading.rule, reading.subject, self.now));
        let machine = self.cells.machine(cell);
        if let Some(change) = machine.sample(&plan.terms, reading.at, self.now, reading.value) {
            out.push(change.finding(&plan.id, reading.subject, reading.at));
        }
    }

    /// Judges absence at `now`, the collector's time: stale values and silent hosts. Once a second is enough.
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<Finding>) {
        self.now = self.now.max(now);
        if let Some(plan) = self.plans.node_silence() {
            self.hosts.tick(plan, self.now, out);
        }
        self.cells.tick(&self.plans, self.now, out);
    }

    /// Notes that a record of `host` arrived at `now`, the collector's time. A silent host is clear again.
    ///
    /// A host that was never heard before is watched from now on.
    pub fn heard(&mut self, host: &str, now: Timestamp, out: &mut Vec<Finding>) {
        self.now = self.now.max(now);
        self.hosts.heard(host, self.now, self.plans.node_silence(), out);
    }

    /// Notes that the collector was not running until `now`: nobody was silent and nothing was missing meanwhile. Hosts need
    /// up to `window` to come back, and until one is heard nobody knows about it.
    pub fn resumed(&mut self, now: Timestamp, window: Duration) {
        self.now = self.now.max(now);
        self.hosts.resume(self.now, window);
        self.cells.resume(&self.plans, self.now);
    }

    /// Stops watching `host` for silence, because it was taken out of service.
    pub fn retire(&mut self, host: &str) {
        self.hosts.retire(host);
    }

    /// Notes that the clock of `host` was stepped back: what its series hold lies in the future and is dropped, so that
    /// its next row is judged. Conditions stay.
    pub fn clock_stepped_back(&mut self, host: &str) {
        for partition in &mut self.partitions {
            if partition.rewind(host) {
                self.cells.rewind(partition.instance(), host);
            }
        }
    }

    /// Every judgement in order of rule id and subject.
    pub fn conditions(&self) -> impl Iterator<Item = (&Rule, &Labels, Judgement)> {
        let silence = self.plans.node_silence();
        self.pack.rules().iter().enumerate().flat_map(move |(i, rule)| {
            let hosts = silence.filter(|plan| plan.id == rule.id);
            let hosts = hosts.into_iter().flat_map(|_| self.hosts.conditions(self.now));
            let cells = u16::try_from(i).into_iter().flat_map(|i| self.cells.conditions(i));
            hosts.chain(cells).map(move |(subject, judgement)| (rule, subject, judgement))
        })
    }

    /// Rules that cannot be judged on an instance, and why: the series there do not fit the expression.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.partitions.iter().flat_map(Partition::problems)
    }

    /// The whole state, to be serialised. Read back by [`Self::restore`].
    pub fn snapshot(&self) -> impl serde::Serialize + '_ {
        snapshot::take(self)
    }

    /// An evaluator as it was at the snapshot. Series must be defined again, since their ids are those of one run;
    /// call [`Self::resumed`] before the first tick. Rules that the pack no longer holds are forgotten.
    pub fn restore(pack: Arc<Pack>, contract: &Contract, snapshot: Snapshot) -> Self {
        let mut evaluator = Self::new(pack, contract);
        snapshot.put_into(&mut evaluator);
        evaluator
    }
}

impl Checks for Evaluator {
    fn judgement(&self, rule: &str, subject: &Labels) -> Option<Judgement> {
        let position = self.pack.position(rule)?;
        match self.plans.node_silence() {
            Some(plan) if *plan.id == *rule => self.hosts.judgement(subject, self.now),
            _ => self.cells.judgement(u16::try_from(position).ok()?, subject),
        }
    }
}

#[cfg(test)]
mod tests;

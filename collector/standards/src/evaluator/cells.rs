//! Where every rule stands on every subject, whichever partition judges it.

use super::plan::Plans;
use crate::machine::Machine;
use crate::pack::NoData;
use collector_domain::{Condition, Finding, Judgement};
use shared_model::{Labels, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// A subject that is not breached and was not heard of for a day is left out of snapshots: the device is gone.
const FORGET_AFTER: Duration = Duration::from_secs(86_400);

/// Number of a cell; valid as long as its [`Cells`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct CellId(u32);

/// One machine with its place.
#[derive(Debug)]
struct Cell {
    rule: u16,
    subject: Labels,
    machine: Machine,
}

/// All machines. A cell is never taken away within a run: there are never more than series that ingest let in.
#[derive(Debug, Default)]
pub(super) struct Cells {
    cells: Vec<Cell>,
    index: BTreeMap<(u16, Labels), CellId>,
}

impl Cells {
    /// The cell of a rule and subject, new if there was none.
    pub(super) fn ensure(&mut self, rule: u16, subject: &Labels, now: Timestamp) -> CellId {
        let key = (rule, subject.clone());
        match self.index.get(&key) {
            Some(&cell) => cell,
            None => self.insert(key, Machine::new(now)),
        }
    }

    /// Puts in a machine as it was kept.
    pub(super) fn insert(&mut self, key: (u16, Labels), machine: Machine) -> CellId {
        let id = CellId(u32::try_from(self.cells.len()).expect("series ids are 32 bits"));
        self.cells.push(Cell { rule: key.0, subject: key.1.clone(), machine });
        self.index.insert(key, id);
        id
    }

    pub(super) fn machine(&mut self, cell: CellId) -> &mut Machine {
        let cell = self.cells.get_mut(cell.0 as usize);
        &mut cell.expect("a cell is never taken away").machine
    }

    /// Judges absence, in order of rule and subject: the order in which cells came to be is not kept over a restart.
    pub(super) fn tick(&mut self, plans: &Plans, now: Timestamp, out: &mut Vec<Finding>) {
        let before = out.len();
        for cell in &mut self.cells {
            let Some(plan) = plans.get(cell.rule) else {
                continue;
            };
            if let Some(change) = cell.machine.tick(&plan.terms, now) {
                out.push(change.finding(&plan.id, &cell.subject, now));
            }
        }
        if let Some(found) = out.get_mut(before..) {
            found.sort_by(|a, b| (&a.rule, &a.subject).cmp(&(&b.rule, &b.subject)));
        }
    }

    /// The collector was not running until `now`. What holds its condition without data becomes unknown at the next tick
    /// when it is stale by then; absence that decides anything is counted from now on.
    pub(super) fn resume(&mut self, plans: &Plans, now: Timestamp) {
        for cell in &mut self.cells {
            let plan = plans.get(cell.rule);
            if plan.is_some_and(|plan| plan.terms.no_data != NoData::Hold) {
                cell.machine.resume(now);
            }
        }
    }

    /// Forgets the event time of what `host` decides on `instance`, alone or among other witnesses.
    pub(super) fn rewind(&mut self, instance: &str, host: &str) {
        for cell in &mut self.cells {
            let subject = &cell.subject;
            if subject.get("instance") == Some(instance)
                && subject.get("host").is_none_or(|other| other == host)
            {
                cell.machine.rewind();
            }
        }
    }

    pub(super) fn judgement(&self, rule: u16, subject: &Labels) -> Option<Judgement> {
        self.get(rule, subject).map(Machine::judgement)
    }

    /// The machine of a rule and subject.
    pub(super) fn get(&self, rule: u16, subject: &Labels) -> Option<&Machine> {
        let cell = self.index.get(&(rule, subject.clone()))?;
        self.cells.get(cell.0 as usize).map(|cell| &cell.machine)
    }

    /// Every machine with its rule and subject.
    pub(super) fn all(&self) -> impl Iterator<Item = (u16, &Labels, &Machine)> {
        self.cells.iter().map(|cell| (cell.rule, &cell.subject, &cell.machine))
    }

    /// Where `rule` stands, in order of subject.
    pub(super) fn conditions(&self, rule: u16) -> impl Iterator<Item = (&Labels, Judgement)> {
        let first = (rule, Labels::default());
        self.index
            .range(first..)
            .take_while(move |((r, _), _)| *r == rule)
            .filter_map(|(_, cell)| self.cells.get(cell.0 as usize))
            .map(|cell| (&cell.subject, cell.machine.judgement()))
    }

    /// Everything worth keeping over a restart, in order of rule and subject.
    pub(super) fn kept(&self, now: Timestamp) -> impl Iterator<Item = (u16, &Labels, &Machine)> {
        self.index
            .values()
            .filter_map(|cell| self.cells.get(cell.0 as usize))
            .filter(move |cell| {
                cell.machine.judgement().condition == Condition::Breached
                    || now.since(cell.machine.heard_at()) <= FORGET_AFTER
            })
            .map(|cell| (cell.rule, &cell.subject, &cell.machine))
    }
}

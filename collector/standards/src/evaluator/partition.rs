//! The series of one instance, and the rules bound to them.

use super::cells::CellId;
use super::plan::Plans;
use collector_promql::{Program, Pushed, Slot, Windows};
use serde::{Deserialize, Serialize};
use shared_model::{Labels, NAME, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Subjects of one rule on one instance. A node has hundreds of devices at most; more is a runaway label.
const SUBJECTS_MAX: usize = 2_000;

/// A rule that is not judged on an instance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The rule.
    pub rule: Arc<str>,
    /// The instance.
    pub instance: String,
    /// Why, as a lower-case sentence.
    pub what: String,
}

/// What of a partition outlives a restart.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    instance: Box<str>,
    /// By slot: labels of the series.
    series: Vec<Labels>,
    /// By slot: event time of its newest sample.
    newest: Vec<Option<Timestamp>>,
    windows: Windows,
}

/// The series of one instance, and the rules bound to them.
#[derive(Debug)]
pub(super) struct Partition {
    kept: Kept,
    slots: BTreeMap<Labels, Slot>,
    /// Who has series here; few.
    hosts: BTreeSet<Box<str>>,
    /// By rule: the series that its selectors take.
    inputs: BTreeMap<u16, Vec<(Slot, Labels)>>,
    programs: Vec<Bound>,
    /// By slot: the programs that read it.
    readers: Vec<Vec<u32>>,
    bound: bool,
    problems: Vec<Problem>,
}

/// A rule bound to the series of one subject.
#[derive(Debug)]
struct Bound {
    rule: u16,
    subject: Labels,
    program: Program,
    cell: Option<CellId>,
    /// The round that evaluated it last.
    round: u64,
}

/// A value to be judged.
pub(super) struct Reading<'a> {
    pub(super) rule: u16,
    pub(super) subject: &'a Labels,
    pub(super) cell: &'a mut Option<CellId>,
    pub(super) at: Timestamp,
    pub(super) value: f64,
}

impl Partition {
    pub(super) fn new(instance: &str) -> Self {
        Self::empty(Kept {
            instance: instance.into(),
            series: Vec::new(),
            newest: Vec::new(),
            windows: Windows::default(),
        })
    }

    fn empty(kept: Kept) -> Self {
        Self {
            kept,
            slots: BTreeMap::new(),
            hosts: BTreeSet::new(),
            inputs: BTreeMap::new(),
            programs: Vec::new(),
            readers: Vec::new(),
            bound: false,
            problems: Vec::new(),
        }
    }

    /// A partition as it was kept; its rules are bound again before its next sample.
    pub(super) fn restore(mut kept: Kept, plans: &Plans) -> Self {
        kept.newest.resize(kept.series.len(), None);
        let mut partition = Self::empty(kept);
        for (slot, labels) in (0..).map(Slot).zip(partition.kept.series.clone()) {
            partition.index(slot, &labels, plans);
        }
        partition
    }

    pub(super) fn kept(&self) -> &Kept {
        &self.kept
    }

    pub(super) fn instance(&self) -> &str {
        &self.kept.instance
    }

    pub(super) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    pub(super) fn is_bound(&self) -> bool {
        self.bound
    }

    /// The slot of a series, new if it was not known here.
    pub(super) fn add(&mut self, labels: &Labels, plans: &Plans) -> Slot {
        if let Some(&slot) = self.slots.get(labels) {
            return slot;
        }
        let slot = Slot(u32::try_from(self.kept.series.len()).expect("series ids are 32 bits"));
        self.kept.series.push(labels.clone());
        self.kept.newest.push(None);
        self.index(slot, labels, plans);
        slot
    }

    fn index(&mut self, slot: Slot, labels: &Labels, plans: &Plans) {
        self.slots.insert(labels.clone(), slot);
        if let Some(host) = labels.get("host").filter(|host| !self.hosts.contains(*host)) {
            self.hosts.insert(host.into());
        }
        for (rule, _) in plans.iter().filter(|(_, plan)| plan.reads(labels)) {
            self.inputs.entry(rule).or_default().push((slot, labels.clone()));
        }
        self.bound = false;
    }

    /// Binds every rule to the series known now. What the windows hold of series that stay is kept.
    pub(super) fn bind(&mut self, plans: &Plans) {
        self.programs.clear();
        self.problems.clear();
        for (&rule, series) in &self.inputs {
            let Some((plan, expr)) = plans.get(rule).and_then(|p| Some((p, p.expr.as_ref()?)))
            else {
                continue;
            };
            let mut problem = |what: String| {
                self.problems.push(Problem {
                    rule: Arc::clone(&plan.id),
                    instance: self.kept.instance.to_string(),
                    what,
                });
            };
            let bound = match collector_promql::bind(expr, series) {
                Ok(bound) => bound,
                Err(error) => {
                    problem(error.to_string());
                    continue;
                }
            };
            if bound.len() > SUBJECTS_MAX {
                problem(format!(
                    "{} subjects, of which only the first {SUBJECTS_MAX} are judged",
                    bound.len()
                ));
            }
            self.programs.extend(bound.into_iter().take(SUBJECTS_MAX).map(|series| Bound {
                rule,
                subject: series.labels.only(|name| name != NAME),
                program: series.program,
                cell: None,
                round: 0,
            }));
        }
        let requirements = self.programs.iter().flat_map(|b| b.program.requirements());
        self.kept.windows.rebind(requirements.copied());
        self.readers = vec![Vec::new(); self.kept.series.len()];
        for (index, bound) in (0..).zip(&self.programs) {
            for slot in bound.program.slots() {
                if let Some(readers) = self.readers.get_mut(slot.0 as usize) {
                    readers.push(index);
                }
            }
        }
        self.bound = true;
    }

    /// Takes a sample and names the programs to evaluate, each once per round: none when the sample is not newer than the
    /// last one.
    pub(super) fn push(
        &mut self,
        slot: Slot,
        at: Timestamp,
        value: f64,
        round: u64,
    ) -> impl Iterator<Item = u32> {
        let kept = self.take(slot, at, value);
        let readers = self.readers.get(slot.0 as usize).filter(|_| kept);
        let programs = &mut self.programs;
        readers.into_iter().flatten().copied().filter(move |&reader| {
            programs
                .get_mut(reader as usize)
                .is_some_and(|bound| std::mem::replace(&mut bound.round, round) != round)
        })
    }

    fn take(&mut self, slot: Slot, at: Timestamp, value: f64) -> bool {
        let Some(newest) = self.kept.newest.get_mut(slot.0 as usize) else {
            return false;
        };
        if value.is_nan() || newest.is_some_and(|newest| at <= newest) {
            return false;
        }
        match self.kept.windows.push(slot, at, value) {
            Pushed::Kept | Pushed::Dense => {
                *newest = Some(at);
                true
            }
            Pushed::OutOfOrder | Pushed::Unknown => false,
        }
    }

    /// Evaluates a program at the newest time of its inputs: another host that watches the same instance may have a
    /// clock that is ahead.
    pub(super) fn read(&mut self, program: u32) -> Option<Reading<'_>> {
        let bound = self.programs.get_mut(program as usize)?;
        let newest = |slot: &Slot| self.kept.newest.get(slot.0 as usize).copied().flatten();
        let at = bound.program.slots().iter().filter_map(newest).max()?;
        let value = bound.program.eval(&self.kept.windows, at)?;
        if value.is_nan() {
            return None;
        }
        Some(Reading {
            rule: bound.rule,
            subject: &bound.subject,
            cell: &mut bound.cell,
            at,
            value,
        })
    }

    /// Whether `host` has series here.
    pub(super) fn has(&self, host: &str) -> bool {
        self.hosts.contains(host)
    }

    /// Whether nobody but `host` has series here.
    pub(super) fn is_only(&self, host: &str) -> bool {
        self.hosts.iter().all(|known| **known == *host)
    }

    /// Drops the samples of `host` after its clock was stepped back; whether it had any series here.
    pub(super) fn rewind(&mut self, host: &str) -> bool {
        let mut any = false;
        let series = self.kept.series.iter().zip(&mut self.kept.newest);
        for (slot, (labels, newest)) in (0..).map(Slot).zip(series) {
            if labels.get("host") == Some(host) {
                any = true;
                *newest = None;
                self.kept.windows.forget(slot);
            }
        }
        any
    }
}

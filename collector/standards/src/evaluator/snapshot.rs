//! The evaluator's state over a restart. Rules are named by id, series by labels: positions and ids are of one run.

use super::Evaluator;
use super::hosts::Host;
use super::partition::{Kept, Partition};
use crate::machine::Machine;
use serde::{Deserialize, Serialize};
use shared_model::{Labels, Timestamp};
use std::collections::BTreeMap;

/// A kept state, as it is read back. Its shape may change with a release.
#[derive(Clone, Debug, Deserialize)]
pub struct Snapshot {
    now: Timestamp,
    hosts: BTreeMap<Box<str>, Host>,
    partitions: Vec<Kept>,
    cells: Vec<(Box<str>, Labels, Machine)>,
}

/// The same by reference, so that keeping it copies nothing.
#[derive(Serialize)]
struct SnapshotOf<'a> {
    now: Timestamp,
    hosts: &'a BTreeMap<Box<str>, Host>,
    partitions: Vec<&'a Kept>,
    cells: Vec<(&'a str, &'a Labels, &'a Machine)>,
}

pub(super) fn take(evaluator: &Evaluator) -> impl Serialize + '_ {
    let rules = evaluator.pack.rules();
    SnapshotOf {
        now: evaluator.now,
        hosts: evaluator.hosts.kept(),
        partitions: evaluator.partitions.iter().map(Partition::kept).collect(),
        cells: evaluator
            .cells
            .kept(evaluator.now)
            .filter_map(|(rule, subject, machine)| {
                let rule = rules.get(usize::from(rule))?;
                Some((&*rule.id, subject, machine))
            })
            .collect(),
    }
}

impl Snapshot {
    /// Fills an evaluator that has judged nothing.
    pub(super) fn put_into(self, evaluator: &mut Evaluator) {
        evaluator.now = self.now;
        evaluator.hosts.put(self.hosts);
        for (index, kept) in (0..).zip(self.partitions) {
            let partition = Partition::restore(kept, &evaluator.plans);
            evaluator.by_instance.insert(partition.instance().into(), index);
            evaluator.partitions.push(partition);
        }
        for (rule, subject, machine) in self.cells {
            let position = evaluator.pack.position(&rule);
            if let Some(rule) = position.and_then(|at| u16::try_from(at).ok()) {
                evaluator.cells.insert((rule, subject), machine);
            }
        }
    }
}

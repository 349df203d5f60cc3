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
    /// A snapshot of an older release has none.
    #[serde(default)]
    quiet_until: Timestamp,
    partitions: Vec<Kept>,
    cells: Vec<(Box<str>, Labels, Machine)>,
    #[serde(default)]
    only: Option<Box<str>>,
}

/// The same by reference, so that keeping it copies nothing.
#[derive(Serialize)]
struct SnapshotOf<'a> {
    now: Timestamp,
    hosts: &'a BTreeMap<Box<str>, Host>,
    quiet_until: Timestamp,
    partitions: Vec<&'a Kept>,
    cells: Vec<(&'a str, &'a Labels, &'a Machine)>,
    only: Option<&'a str>,
}

pub(super) fn take(evaluator: &Evaluator) -> impl Serialize + '_ {
    let rules = evaluator.pack.rules();
    let (hosts, quiet_until) = evaluator.hosts.kept();
    SnapshotOf {
        now: evaluator.now,
        hosts,
        quiet_until,
        partitions: evaluator.partitions.iter().map(Partition::kept).collect(),
        cells: evaluator
            .cells
            .kept(evaluator.now)
            .filter_map(|(rule, subject, machine)| {
                let rule = rules.get(usize::from(rule))?;
                Some((&*rule.id, subject, machine))
            })
            .collect(),
        only: evaluator.only.as_deref(),
    }
}

impl Snapshot {
    /// Fills an evaluator that has judged nothing.
    pub(super) fn put_into(self, evaluator: &mut Evaluator) {
        evaluator.now = self.now;
        evaluator.only = self.only;
        evaluator.hosts.put(self.hosts, self.quiet_until);
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

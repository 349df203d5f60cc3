//! A second evaluator for one host, which judges what was missed while its session was lost.

use super::Evaluator;
use super::cells::Cells;
use super::hosts::Hosts;
use super::partition::Partition;
use collector_domain::{Checks, Condition};
use shared_model::{Labels, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Evaluator {
    /// An evaluator of `host` alone that goes on where this one heard it last. No sample has touched the host's checks since
    /// then; what became unknown or breached by absence alone is as it was before.
    ///
    /// It judges subjects that name the host, and instances that only this host watches: what others watch was judged with
    /// their samples. Its clock is event time, told by [`Self::tick`]; it watches no host for silence. Series must be defined.
    #[must_use]
    pub fn branch(&self, host: &str) -> Self {
        let mut branch = Self {
            pack: Arc::clone(&self.pack),
            plans: Arc::clone(&self.plans),
            places: Vec::new(),
            partitions: Vec::new(),
            by_instance: BTreeMap::new(),
            cells: Cells::default(),
            hosts: Hosts::nobody(),
            now: Timestamp::default(),
            round: 0,
            due: Vec::new(),
            only: Some(host.into()),
        };
        for partition in self.partitions.iter().filter(|p| p.has(host)) {
            let index = u32::try_from(branch.partitions.len()).expect("no more than there were");
            branch.by_instance.insert(partition.instance().into(), index);
            branch.partitions.push(Partition::restore(partition.kept().clone(), &branch.plans));
        }
        for (rule, subject, machine) in self.cells.all() {
            if branch.is_mine(subject) {
                let mut machine = machine.clone();
                machine.forget_absence();
                branch.cells.insert((rule, subject.clone()), machine);
            }
        }
        branch
    }

    /// Whether `subject` is judged here.
    pub(super) fn is_mine(&self, subject: &Labels) -> bool {
        let Some(only) = self.only.as_deref() else { return true };
        if let Some(host) = subject.get("host") {
            return host == only;
        }
        let index = subject.get("instance").and_then(|instance| self.by_instance.get(instance));
        let partition = index.and_then(|&index| self.partitions.get(index as usize));
        partition.is_some_and(|partition| partition.is_only(only))
    }

    /// Whether a branch may still tell something that `live` does not: a run of bad samples that began before `live` took the
    /// host up again is not decided, or only one of them sees a breach.
    pub fn unsettled(&self, live: &Self, before: Timestamp) -> bool {
        self.cells.all().any(|(rule, subject, machine)| {
            let condition = machine.judgement().condition;
            let pending = condition != Condition::Breached
                && machine.run_since().is_some_and(|since| since < before);
            let id = self.pack.rules().get(usize::from(rule)).map(|r| &*r.id);
            let there = id.and_then(|id| live.judgement(id, subject));
            let is_breached = condition == Condition::Breached;
            pending || is_breached != there.is_some_and(|j| j.condition == Condition::Breached)
        })
    }
}

//! A finding leaves the incident it was linked to and has one of its own, so that linking never hides a fault.

use crate::machine::{Machine, Run};
use crate::raise::{Opening, words};
use collector_domain::{
    Actor, Condition, Entry, EntryKind, Incident, IncidentId, IncidentState, NODES_LOST, Tier,
};
use shared_model::Labels;
use std::sync::Arc;

impl Machine {
    /// Lets findings that outlived the cause that they are linked to have an incident of their own.
    pub(crate) fn part_ways(&mut self, run: &mut Run<'_>) {
        let patience = self.contract.link_within;
        let is_outlived = |i: &Incident| {
            matches!(i.state, IncidentState::Open | IncidentState::Acknowledged)
                && *i.cause != *NODES_LOST
                && i.clocks.clear_since.is_some_and(|since| run.now > since.plus(patience))
        };
        let mut left: Vec<(usize, IncidentId, Arc<str>, Labels)> = self
            .unfinished()
            .filter(|i| is_outlived(i))
            .flat_map(|i| i.links.iter().map(|l| (i.id, l)))
            .filter(|(_, l)| l.condition == Condition::Breached)
            .filter(|(_, l)| self.catalogue.rule(&l.rule).is_some_and(|r| r.tier == Tier::Incident))
            .map(|(id, l)| {
                (self.catalogue.depth(&l.rule), id, Arc::clone(&l.rule), l.subject.clone())
            })
            .collect();
        // Causes before their symptoms, as always.
        left.sort();
        for (_, id, rule, subject) in left {
            let reason = "it outlived the cause it was linked to";
            self.separate(run, id, Actor::Collector, (&rule, &subject), reason);
        }
    }

    /// Takes a linked finding out of an incident. Its own clocks run from now on: until now it was dealt with under the other
    /// number, and its first bad sample stays what it was.
    pub(crate) fn separate(
        &mut self,
        run: &mut Run<'_>,
        from: IncidentId,
        actor: Actor,
        (rule, subject): (&Arc<str>, &Labels),
        reason: &str,
    ) {
        let Some(known) = self.catalogue.rule(rule).cloned() else { return };
        let link = self.incident(from).and_then(|i| {
            i.links.iter().find(|l| l.rule == *rule && l.subject == *subject).cloned()
        });
        let Some(link) = link else { return };
        let standing = self.state.standings.get(rule, subject);
        let opening = Opening {
            cause: Arc::clone(rule),
            subject: subject.clone(),
            clause: known.clause,
            level: known.level,
            occurred: standing.map_or(link.at, |s| s.since.min(link.at)),
            value: link.value,
            evidence: std::iter::once(format!("separated from {from}: {reason}"))
                .chain(standing.map(words))
                .collect(),
            late: false,
        };
        let into = self.open(run, opening);
        let kind = EntryKind::Separated {
            rule: Arc::clone(rule),
            subject: subject.clone(),
            into,
            reason: reason.to_owned(),
        };
        self.write(&mut run.entries, Entry { at: run.now, incident: from, actor, kind });
    }
}

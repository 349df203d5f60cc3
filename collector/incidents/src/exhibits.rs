//! What probes say beside their numbers: the newest of each instance and topic, and how it comes to an incident.

use crate::machine::{Machine, Run};
use collector_domain::{
    Checks, Condition, Entry, EntryKind, Exhibit, Incident, IncidentId, IncidentState, check_of,
};
use serde::{Deserialize, Serialize};
use shared_model::{Labels, Seq, Timestamp};
use std::collections::BTreeMap;

/// Evidence kept with one incident. What changes further stands in the series.
pub(crate) const EXHIBITS_MAX: usize = 20;

/// Instances of which evidence is kept: the databases of a hundred appliances. What is more is not taken.
const INSTANCES_MAX: usize = 1_000;

/// Topics of one instance: more than there are.
const TOPICS_MAX: usize = 32;

/// Instance -> topic -> what was said last.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Exhibits(BTreeMap<String, BTreeMap<String, Said>>);

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Said {
    exhibit: Exhibit,
    order: (u32, Seq),
}

impl Exhibits {
    /// Takes what was said. What the same stream said before the known one, as out of a spool, changes nothing; its clock is no
    /// measure of that, since it may be set.
    fn take(&mut self, said: Said) {
        let instance = &said.exhibit.instance;
        if !self.0.contains_key(instance) && self.0.len() >= INSTANCES_MAX {
            return;
        }
        let topics = self.0.entry(instance.clone()).or_default();
        let known = topics.get(&said.exhibit.topic);
        if known.is_some_and(|k| k.order.0 == said.order.0 && k.order.1 > said.order.1) {
            return;
        }
        if known.is_some() || topics.len() < TOPICS_MAX {
            topics.insert(said.exhibit.topic.clone(), said);
        }
    }

    fn get(&self, instance: &str, topic: &str) -> Option<&Exhibit> {
        let said = &self.0.get(instance)?.get(topic)?.exhibit;
        (!said.lines.is_empty()).then_some(said)
    }
}

impl Machine {
    /// Takes what a probe said, as the record `order` of a stream. Unfinished incidents whose check it explains get it, unless they
    /// have it already.
    pub fn said(
        &mut self,
        now: Timestamp,
        exhibit: Exhibit,
        order: (u32, Seq),
        checks: &dyn Checks,
    ) -> Vec<Entry> {
        let mut run = self.start(now, checks);
        let concerned = self.unfinished().filter(|i| concerns(i, &exhibit.instance)).map(|i| i.id);
        let concerned: Vec<IncidentId> = concerned.collect();
        self.state.exhibits.take(Said { exhibit, order });
        for id in concerned {
            self.exhibit(&mut run, id);
        }
        run.entries
    }

    /// What was said last that explains a finding of `rule` on `subject`.
    pub fn evidence(&self, rule: &str, subject: &Labels) -> impl Iterator<Item = &Exhibit> {
        let topics = self.catalogue.rule(check_of(rule)).map(|rule| &*rule.evidence);
        let instance = instance_of(subject);
        topics
            .unwrap_or_default()
            .iter()
            .filter_map(move |topic| self.state.exhibits.get(instance?, topic))
    }

    /// Writes to an incident what explains its own check and those linked to it, as far as they are not clear, and is new to it.
    pub(crate) fn exhibit(&mut self, run: &mut Run<'_>, id: IncidentId) {
        let Some(incident) = self.state.incidents.get(&id) else { return };
        // A watched incident is a finished repair.
        if matches!(incident.state, IncidentState::Watching | IncidentState::Closed) {
            return;
        }
        let own = (&incident.cause, &incident.subject, incident.condition);
        let links = incident.links.iter().map(|l| (&l.rule, &l.subject, l.condition));
        let mut news: Vec<Exhibit> = Vec::new();
        for (rule, subject, condition) in std::iter::once(own).chain(links) {
            if condition == Condition::Clear {
                continue;
            }
            for said in self.evidence(rule, subject) {
                let is_of_it = |e: &&Exhibit| e.topic == said.topic && e.instance == said.instance;
                let last = incident.evidence.iter().rfind(is_of_it);
                if last.is_none_or(|e| e.lines != said.lines) && !news.contains(said) {
                    news.push(said.clone());
                }
            }
        }
        let room = EXHIBITS_MAX.saturating_sub(incident.evidence.len());
        for exhibit in news.into_iter().take(room) {
            self.record(run, id, EntryKind::Evidence { exhibit });
        }
    }
}

/// Whether the incident's check or one linked to it was judged on this instance.
fn concerns(incident: &Incident, instance: &str) -> bool {
    let mut subjects =
        incident.links.iter().map(|link| &link.subject).chain(std::iter::once(&incident.subject));
    subjects.any(|subject| instance_of(subject) == Some(instance))
}

/// The instance that a finding speaks of: a node is its own.
fn instance_of(subject: &Labels) -> Option<&str> {
    subject.get("instance").or(subject.get("host"))
}

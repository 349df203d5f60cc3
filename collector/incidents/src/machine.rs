//! The machine: its inputs, the order of its steps, and how it records.

use crate::catalogue::{Catalogue, PEER_REACHABLE, SERVICE_RULES};
use crate::fold::apply;
use crate::service::Assessment;
use crate::standing::Standing;
use crate::state::MachineState;
use crate::{CLOSED_MAX, DEVIATIONS_MAX};
use collector_domain::{
    Actor, Checks, Condition, Contract, Entry, EntryKind, Finding, Incident, IncidentId,
    NODE_SILENT, Rule, Tier, Topology, check_of,
};
use shared_model::{Labels, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Opens, links, classifies, times and closes incidents.
///
/// Invariants: numbers are dense from 1; a level never falls; entries never go back in time; an unfinished incident
/// is the only one of its rule and subject, or the only one of its database service that is not under watch.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(crate) state: MachineState,
    pub(crate) catalogue: Catalogue,
    pub(crate) contract: Contract,
    pub(crate) topology: Topology,
}

/// One call: its time, what may be asked, what came of it.
pub(crate) struct Run<'a> {
    pub(crate) now: Timestamp,
    pub(crate) checks: &'a dyn Checks,
    pub(crate) entries: Vec<Entry>,
}

impl Machine {
    /// A machine that has seen nothing.
    pub fn new(rules: &[Rule], contract: Contract, topology: Topology) -> Self {
        Self::restore(MachineState::default(), rules, contract, topology)
    }

    /// A machine that continues from a snapshot.
    pub fn restore(
        state: MachineState,
        rules: &[Rule],
        contract: Contract,
        topology: Topology,
    ) -> Self {
        let mut machine = Self { state, catalogue: Catalogue::new(rules), contract, topology };
        machine.forget_undeclared();
        machine
    }

    /// Takes new rules, contract and topology. Deadlines that run stay as they are; new clocks follow the new contract.
    pub fn reconfigure(&mut self, rules: &[Rule], contract: Contract, topology: Topology) {
        self.catalogue = Catalogue::new(rules);
        self.contract = contract;
        self.topology = topology;
        self.forget_undeclared();
    }

    /// What to keep in the snapshot.
    pub fn state(&self) -> &MachineState {
        &self.state
    }

    /// Unfinished incidents and the last [`CLOSED_MAX`] closed ones.
    pub fn incidents(&self) -> &BTreeMap<IncidentId, Incident> {
        &self.state.incidents
    }

    /// One incident.
    pub fn incident(&self, id: IncidentId) -> Option<&Incident> {
        self.state.incidents.get(&id)
    }

    /// Advisories and deviations that hold now, at most [`DEVIATIONS_MAX`].
    pub fn deviations(&self) -> impl Iterator<Item = &Standing> {
        self.state.standings.iter().filter(|s| {
            s.condition == Condition::Breached
                && self.catalogue.rule(&s.rule).is_some_and(|r| is_deviation(r.tier))
        })
    }

    /// How many advisories and deviations were left out of [`Self::deviations`] because the list was full.
    pub fn deviations_left_out(&self) -> u64 {
        self.state.deviations_left_out
    }

    /// Takes the findings of one batch, in the order they were decided. Findings of one instant should come in one
    /// call: causes are then looked at before their symptoms, whatever their order. No finding, no work.
    ///
    /// `now` is the collector's steady time; one that went back is taken as the newest seen.
    pub fn findings(
        &mut self,
        now: Timestamp,
        findings: &[Finding],
        checks: &dyn Checks,
    ) -> Vec<Entry> {
        if findings.is_empty() {
            return Vec::new();
        }
        let mut run = self.start(now, checks);
        let mut rest = findings;
        while !rest.is_empty() {
            // Two findings on one subject are two moments.
            let mut seen = BTreeSet::new();
            let moment = rest.iter().take_while(|f| seen.insert((&f.rule, &f.subject))).count();
            let (first, later) = rest.split_at(moment);
            self.moment(&mut run, first);
            rest = later;
        }
        run.entries
    }

    /// Lets time pass: due clocks, silent nodes, verifications, ends of watches. Once a second.
    pub fn tick(&mut self, now: Timestamp, checks: &dyn Checks) -> Vec<Entry> {
        let mut run = self.start(now, checks);
        self.moment(&mut run, &[]);
        self.note_restored(&mut run);
        self.part_ways(&mut run);
        self.verify_waiting(&mut run);
        self.end_watches(&mut run);
        run.entries
    }

    pub(crate) fn start<'a>(&mut self, now: Timestamp, checks: &'a dyn Checks) -> Run<'a> {
        let now = self.advance(now);
        let mut run = Run { now, checks, entries: Vec::new() };
        self.settle_due(&mut run.entries, now);
        run
    }

    pub(crate) fn advance(&mut self, now: Timestamp) -> Timestamp {
        self.state.now = self.state.now.max(now);
        self.state.now
    }

    /// Everything that was found at one moment.
    fn moment(&mut self, run: &mut Run<'_>, findings: &[Finding]) {
        for finding in findings {
            self.remember(finding, run.now);
        }
        self.raise_silences(run);
        let assessments = self.classify_services(run);
        self.note_uptime(run, &assessments);
        let mut breaches: Vec<&Finding> =
            findings.iter().filter(|f| f.condition == Condition::Breached).collect();
        breaches.sort_by_key(|f| (self.catalogue.depth(&f.rule), &f.rule, &f.subject));
        let retried = std::mem::take(&mut self.state.deferred);
        for finding in breaches {
            self.raise(run, &Standing::of(finding, run.now));
        }
        for (rule, subject) in retried {
            self.retry(run, &rule, &subject);
        }
        self.refresh_conditions(run, &assessments);
        for finding in findings.iter().filter(|f| f.condition != Condition::Breached) {
            if !self.remembers(&finding.rule, &finding.subject) {
                self.state.standings.remove(&finding.rule, &finding.subject);
            }
        }
    }

    fn remember(&mut self, finding: &Finding, now: Timestamp) {
        let tier = self.catalogue.rule(&finding.rule).map(|r| r.tier);
        let listed = finding.condition == Condition::Breached && tier.is_some_and(is_deviation);
        let known = self.state.standings.get(&finding.rule, &finding.subject).is_some();
        if listed && !known && self.deviations().count() >= DEVIATIONS_MAX {
            self.state.deviations_left_out = self.state.deviations_left_out.saturating_add(1);
            return;
        }
        self.state.standings.insert(Standing::of(finding, now));
    }

    /// Whether a standing that is not breached is still needed: witnesses of databases and nodes, and what unfinished
    /// incidents refer to.
    fn remembers(&self, rule: &str, subject: &Labels) -> bool {
        SERVICE_RULES.contains(&rule)
            || rule == PEER_REACHABLE
            || self.unfinished().any(|i| is_own(i, rule, subject) || links_to(i, rule, subject))
    }

    /// Unfinished incidents in order of number.
    pub(crate) fn unfinished(&self) -> impl Iterator<Item = &Incident> {
        self.state.incidents.values().filter(|i| !i.state.is_over())
    }

    /// Whether a node is silent: what its agent said last is unknown until it is heard again.
    pub(crate) fn silent(&self, host: &str) -> bool {
        self.state
            .standings
            .of_rule(NODE_SILENT)
            .any(|s| s.condition == Condition::Breached && s.subject.get("host") == Some(host))
    }

    /// The condition of a check now; unknown while its node is silent and when it was never judged.
    pub(crate) fn effective(&self, rule: &str, subject: &Labels) -> (Condition, Option<&Standing>) {
        let standing = self.state.standings.get(check_of(rule), subject);
        let of_silence = rule.starts_with("monitoring.");
        let mute = !of_silence && subject.get("host").is_some_and(|h| self.silent(h));
        match standing {
            Some(standing) if !mute => (standing.condition, Some(standing)),
            _ => (Condition::Unknown, standing),
        }
    }

    /// Writes one entry of the collector's own and applies it.
    pub(crate) fn record(&mut self, run: &mut Run<'_>, incident: IncidentId, kind: EntryKind) {
        let entry = Entry { at: run.now, incident, actor: Actor::Collector, kind };
        self.write(&mut run.entries, entry);
    }

    pub(crate) fn write(&mut self, entries: &mut Vec<Entry>, entry: Entry) {
        apply(&mut self.state.incidents, &entry, &self.catalogue)
            .expect("the machine writes only what the incident's state and clocks allow");
        entries.push(entry);
    }

    pub(crate) fn next_number(&mut self) -> IncidentId {
        self.state.last_number += 1;
        IncidentId(self.state.last_number)
    }

    /// After faults are over: lets go of standings that nothing refers to any more.
    pub(crate) fn let_go(&mut self, over: &[IncidentId]) {
        for id in over {
            self.state.last_acts.remove(id);
            let Some(incident) = self.state.incidents.get(id) else { continue };
            let own = (Arc::from(check_of(&incident.cause)), incident.subject.clone());
            let links =
                incident.links.iter().map(|l| (Arc::from(check_of(&l.rule)), l.subject.clone()));
            for (rule, subject) in std::iter::once(own).chain(links).collect::<Vec<_>>() {
                let breached = self
                    .state
                    .standings
                    .get(&rule, &subject)
                    .is_some_and(|s| s.condition == Condition::Breached);
                if !breached && !self.remembers(&rule, &subject) {
                    self.state.standings.remove(&rule, &subject);
                }
            }
        }
    }

    /// After incidents came to their end: keeps the last [`CLOSED_MAX`].
    pub(crate) fn retire(&mut self, ended: &[IncidentId]) {
        self.state.closed.extend(ended);
        while self.state.closed.len() > CLOSED_MAX {
            if let Some(oldest) = self.state.closed.pop_front() {
                self.state.incidents.remove(&oldest);
            }
        }
    }

    fn forget_undeclared(&mut self) {
        let topology = &self.topology;
        self.state.acting_primaries.retain(|service, instance| {
            topology.databases.iter().any(|d| d.name == *service && d.standbys.contains(instance))
        });
        self.state
            .uptimes
            .retain(|service, _| topology.databases.iter().any(|d| d.name == *service));
        self.state
            .settling
            .retain(|service, _| topology.databases.iter().any(|d| d.name == *service));
    }
}

/// Assessments of the declared database services, by name.
pub(crate) type Assessments = BTreeMap<String, Assessment>;

/// Whether the incident stands for this check.
pub(crate) fn is_own(incident: &Incident, rule: &str, subject: &Labels) -> bool {
    check_of(&incident.cause) == rule && incident.subject == *subject
}

/// Whether the incident explains this check.
pub(crate) fn links_to(incident: &Incident, rule: &str, subject: &Labels) -> bool {
    incident.links.iter().any(|l| check_of(&l.rule) == rule && l.subject == *subject)
}

fn is_deviation(tier: Tier) -> bool {
    matches!(tier, Tier::Advisory | Tier::Deviation)
}

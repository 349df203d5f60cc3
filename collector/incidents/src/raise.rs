//! What a breach of a plain rule leads to: nothing new, a relapse, a link, or an incident.

use crate::LINKS_MAX;
use crate::catalogue::{PROBE_DATA, SERVICE_RULES};
use crate::cause::Cause;
use crate::explain::agrees;
use crate::machine::{Machine, Run, is_own, links_to};
use crate::standing::Standing;
use collector_domain::{
    Condition, EntryKind, Incident, IncidentId, IncidentState, NODE_SILENT, NODES_LOST, Rule, Tier,
    check_of,
};
use shared_model::{Clause, Labels, Level, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// Data older than this on arrival is late (mission §2.8.2): a live batch takes seconds, a witness counts for this long.
const LATE_AFTER: Duration = Duration::from_secs(60);

/// An incident about to be opened, or to take over an older one that it explains.
pub(crate) struct Opening {
    pub(crate) cause: Arc<str>,
    pub(crate) subject: Labels,
    pub(crate) clause: Clause,
    pub(crate) level: Level,
    pub(crate) occurred: Timestamp,
    pub(crate) value: Option<f64>,
    pub(crate) evidence: Vec<String>,
    /// Opened from data that arrived late.
    pub(crate) late: bool,
}

impl Machine {
    /// Takes a breach of one rule on one subject.
    pub(crate) fn raise(&mut self, run: &mut Run<'_>, breach: &Standing) {
        let (rule, subject) = (&breach.rule, &breach.subject);
        // Silent nodes have their own waiting times, databases their own classification.
        if **rule == *NODE_SILENT
            || (SERVICE_RULES.contains(&&**rule) && self.service_of(rule, subject).is_some())
        {
            return;
        }
        let Some(known) = self.catalogue.rule(rule).filter(|r| r.tier == Tier::Incident).cloned()
        else {
            return;
        };
        if self.recur(run, breach) {
            return;
        }
        match self.explaining(rule, subject, breach.since) {
            Some(id) => self.link_and_raise(run, id, &known, subject),
            None if **rule == *PROBE_DATA && self.may_be_silence(run.now, breach) => {
                self.state.deferred.insert((Arc::clone(rule), subject.clone()));
            }
            None => {
                let opening = Opening {
                    cause: Arc::clone(rule),
                    subject: subject.clone(),
                    clause: known.clause.clone(),
                    level: known.level,
                    occurred: breach.since,
                    value: breach.value,
                    evidence: vec![words(breach)],
                    late: run.now.since(breach.at) > LATE_AFTER,
                };
                self.open_or_adopt(run, opening, |_| false);
            }
        }
    }

    /// Whether missing probes may still turn out to be their node's silence: it is silent already, or was not given the
    /// time to be called so. A node that dies loses all its probes, and they are not an incident each.
    fn may_be_silence(&self, now: Timestamp, breach: &Standing) -> bool {
        self.silent(breach.witness()) || now < breach.heard.plus(self.silent_after())
    }

    /// Raises a breach that waited for its node's silence to be decided, if it still stands.
    pub(crate) fn retry(&mut self, run: &mut Run<'_>, rule: &str, subject: &Labels) {
        let standing = self.state.standings.get(rule, subject).cloned();
        if let Some(breach) = standing.filter(|s| s.condition == Condition::Breached) {
            self.raise(run, &breach);
        }
    }

    /// Whether an unfinished incident already has this check; one that was repaired is reopened.
    pub(crate) fn recur(&mut self, run: &mut Run<'_>, breach: &Standing) -> bool {
        let holder = self.unfinished().find(|i| is_own(i, &breach.rule, &breach.subject));
        if let Some(incident) = holder {
            let (id, level) = (incident.id, incident.level);
            if is_repaired(incident.state) {
                let kind = self.reopening(run.now, breach.since, level);
                self.record(run, id, kind);
                self.exhibit(run, id);
            }
            return true;
        }
        self.unfinished()
            .filter(|i| i.state != IncidentState::Watching)
            .filter(|i| links_to(i, &breach.rule, &breach.subject))
            // A node that came back and is lost again is another fault than the outage that it was part of.
            .any(|i| *i.cause != *NODES_LOST || !is_over(i, &breach.rule, &breach.subject))
    }

    /// The unfinished incident, not yet in its watch, that explains this symptom, which began at `since`.
    pub(crate) fn explaining(
        &self,
        rule: &str,
        subject: &Labels,
        since: Timestamp,
    ) -> Option<IncidentId> {
        let explained = self.catalogue.rule(rule)?;
        self.unfinished()
            .filter(|i| i.state != IncidentState::Watching)
            .filter(|i| self.began_with(i, since))
            .find(|i| explains(i, explained, subject) || self.covers(i, rule, subject))
            .map(|i| i.id)
    }

    /// Whether something began together with the incident, or with what its check shows now: a fault of another time is a
    /// fault of its own.
    fn began_with(&self, incident: &Incident, since: Timestamp) -> bool {
        let own = self.state.standings.get(check_of(&incident.cause), &incident.subject);
        let starts = [Some(incident.clocks.occurred), own.map(|s| s.since)];
        let is_near = |start: Timestamp| {
            let apart = since.since(start).max(start.since(since));
            apart <= self.contract.link_within
        };
        starts.into_iter().flatten().any(is_near)
    }

    /// Whether a database service's incident covers what its sessions and databases show.
    fn covers(&self, incident: &Incident, rule: &str, subject: &Labels) -> bool {
        let of_database = rule.starts_with("session.") || rule.starts_with("db.");
        let Some(cause) = Cause::from_id(&incident.cause).filter(|_| of_database) else {
            return false;
        };
        let service = incident.subject.get("service");
        incident.condition != Condition::Clear
            && self.service_of(rule, subject).is_some_and(|s| {
                Some(s.name.as_str()) == service && self.concerns(cause, s, subject)
            })
    }

    /// Links a finding, whose level is the incident's from then on if it is more severe.
    pub(crate) fn link_and_raise(
        &mut self,
        run: &mut Run<'_>,
        id: IncidentId,
        rule: &Rule,
        subject: &Labels,
    ) {
        self.link(run, id, &rule.id, subject);
        let Some(incident) = self.incident(id).filter(|i| rule.level < i.level) else { return };
        let of = (Arc::clone(&incident.cause), incident.clause.clone());
        let why = format!("{} is of level {}", rule.id, rule.level.number());
        let kind = self.reclassification(run.now, incident, of, rule.level, why);
        self.record(run, id, kind);
    }

    /// Writes the link. The ledger has it even when the incident's own list is full.
    pub(crate) fn link(
        &mut self,
        run: &mut Run<'_>,
        id: IncidentId,
        rule: &Arc<str>,
        subject: &Labels,
    ) {
        let kind = EntryKind::Linked { rule: Arc::clone(rule), subject: subject.clone() };
        self.record(run, id, kind);
        self.exhibit(run, id);
    }

    /// Opens an incident, or makes the oldest incident of a symptom that was confirmed before this cause the cause's own:
    /// one root cause, one incident. `also` names further symptoms than the rules' own explanations.
    pub(crate) fn open_or_adopt(
        &mut self,
        run: &mut Run<'_>,
        opening: Opening,
        also: impl Fn(&Incident) -> bool,
    ) -> IncidentId {
        let symptom = self.unfinished().find(|i| {
            matches!(i.state, IncidentState::Open | IncidentState::Acknowledged)
                && Cause::from_id(&i.cause).is_none()
                && i.links.len() < LINKS_MAX
                // What was over before it was found is nobody's symptom now.
                && !(i.late && i.condition == Condition::Clear)
                // A cause was there before its symptom was confirmed.
                && opening.occurred <= i.clocks.detected
                && (also(i) || self.is_symptom(i, &opening))
        });
        let Some(symptom) = symptom else { return self.open(run, opening) };
        let (id, level) = (symptom.id, symptom.level.more_severe(opening.level));
        let why = format!("{} explains {}", opening.cause, symptom.cause);
        let of = (Arc::clone(&opening.cause), opening.clause);
        let kind =
            self.reclassification(run.now, symptom, of, level, sentence(&why, &opening.evidence));
        self.link(run, id, &opening.cause, &opening.subject);
        self.record(run, id, kind);
        id
    }

    fn is_symptom(&self, incident: &Incident, opening: &Opening) -> bool {
        self.catalogue.rule(&incident.cause).is_some_and(|r| {
            r.explained_by.iter().any(|e| {
                *e.rule == *check_of(&opening.cause)
                    && agrees(e, &opening.subject, &incident.subject)
            })
        })
    }

    pub(crate) fn open(&mut self, run: &mut Run<'_>, opening: Opening) -> IncidentId {
        let id = self.next_number();
        let kind = EntryKind::Opened {
            cause: opening.cause,
            subject: opening.subject,
            clause: opening.clause,
            level: opening.level,
            occurred: opening.occurred,
            value: opening.value,
            response_due: run.now.plus(self.contract.response_limit(opening.level)),
            resolution_due: run.now.plus(self.contract.resolution_limit(opening.level)),
            onsite_due: self.onsite_due(run.now, opening.level),
            evidence: opening.evidence,
            late: opening.late,
            started: None,
        };
        self.record(run, id, kind);
        self.exhibit(run, id);
        id
    }
}

/// Whether the incident has seen this check clear since it was linked.
fn is_over(incident: &Incident, rule: &str, subject: &Labels) -> bool {
    incident.links.iter().any(|link| {
        check_of(&link.rule) == rule
            && link.subject == *subject
            && link.condition == Condition::Clear
    })
}

/// Whether a fix was stated.
pub(crate) fn is_repaired(state: IncidentState) -> bool {
    matches!(state, IncidentState::Resolved | IncidentState::Verifying | IncidentState::Watching)
}

/// Whether the incident's cause, or a finding that it holds and that is not clear, explains the symptom.
fn explains(incident: &Incident, explained: &Rule, symptom: &Labels) -> bool {
    explained.explained_by.iter().any(|e| {
        (check_of(&incident.cause) == &*e.rule && agrees(e, &incident.subject, symptom))
            || incident.links.iter().any(|l| {
                check_of(&l.rule) == &*e.rule
                    && l.condition != Condition::Clear
                    && agrees(e, &l.subject, symptom)
            })
    })
}

/// A standing in words.
pub(crate) fn words(standing: &Standing) -> String {
    let Standing { rule, subject, since, value, .. } = standing;
    let condition = match standing.condition {
        Condition::Clear => "clear",
        Condition::Breached => "breached",
        Condition::Unknown => "unknown",
    };
    match value {
        Some(value) => format!("{rule} on {subject} {condition} since {since}, value {value}"),
        None => format!("{rule} on {subject} {condition} since {since}, no value"),
    }
}

/// A reason with its evidence.
pub(crate) fn sentence(reason: &str, evidence: &[String]) -> String {
    if evidence.is_empty() {
        reason.to_owned()
    } else {
        format!("{reason}: {}", evidence.join("; "))
    }
}

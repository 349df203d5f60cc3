//! The incidents of a database service: what its classification opens, reopens, raises and links.

use crate::LINKS_MAX;
use crate::catalogue::SERVICE_LINKS;
use crate::cause::Cause;
use crate::explain::agrees;
use crate::machine::{Machine, Run, links_to};
use crate::raise::{Opening, is_repaired, sentence};
use crate::service::Assessment;
use crate::standing::Standing;
use collector_domain::{Condition, DatabaseService, Incident, IncidentId, IncidentState};
use serde::{Deserialize, Serialize};
use shared_model::{Labels, Level, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How long the service must be classified before an incident is opened or reopened, unless the classification is the
/// worst one. Two witnesses sample each second, so within two seconds both have spoken, and what holds then is no
/// passing stage. Not scaled: it stands for counts of probes.
const SETTLE: Duration = Duration::from_secs(2);

/// A service that is classified but has no incident for it yet.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Settling {
    /// Steady time at which some classification first held. A change of classification does not begin it anew.
    since: Timestamp,
    /// Event time of the first bad sample.
    occurred: Timestamp,
}

impl Machine {
    /// Lets the service's incident follow its classification, and links what belongs to it.
    ///
    /// An incident under watch is a finished repair: only the same classification is its relapse, another one is a
    /// fault of its own. So a service has any number of watched incidents, and one other at most.
    pub(crate) fn follow(
        &mut self,
        run: &mut Run<'_>,
        service: &DatabaseService,
        assessment: &Assessment,
    ) {
        let held = self
            .service_incidents(service)
            .find(|i| i.state != IncidentState::Watching)
            .map(|i| (i.id, i.state, i.level));
        let id = match (assessment.cause, held) {
            (None, held) => {
                self.state.settling.remove(&service.name);
                held.map(|(id, ..)| id)
            }
            (Some(cause), None) => self.settle(run, service, cause, assessment),
            (Some(cause), Some((id, state, level))) => {
                if is_repaired(state) {
                    let kind = self.reopening(run.now, assessment.occurred, level);
                    self.record(run, id, kind);
                }
                self.rise(run, id, cause, &assessment.view.words);
                Some(id)
            }
        };
        if let Some(id) = id {
            self.link_service_findings(run, service, id);
        }
    }

    /// Opens or reopens when the classification has settled.
    fn settle(
        &mut self,
        run: &mut Run<'_>,
        service: &DatabaseService,
        cause: Cause,
        assessment: &Assessment,
    ) -> Option<IncidentId> {
        let first = Settling { since: run.now, occurred: assessment.occurred };
        let settling = self.state.settling.entry(service.name.clone()).or_insert(first);
        settling.occurred = settling.occurred.min(assessment.occurred);
        let Settling { since, occurred } = *settling;
        // The worst one cannot pass into anything worse.
        if cause != Cause::DbDown && run.now < since.plus(SETTLE) {
            return None;
        }
        self.state.settling.remove(&service.name);
        Some(match self.watched(service, cause) {
            Some((id, level)) => {
                let kind = self.reopening(run.now, occurred, level);
                self.record(run, id, kind);
                id
            }
            None => self.open_service(run, service, cause, occurred, assessment),
        })
    }

    fn service_incidents(&self, service: &DatabaseService) -> impl Iterator<Item = &Incident> {
        self.unfinished()
            .filter(|i| Cause::from_id(&i.cause).is_some())
            .filter(|i| i.subject.get("service") == Some(service.name.as_str()))
    }

    /// The watched incident of this classification. An open incident that rose to it may have left two: the younger one is
    /// the last that was repaired.
    fn watched(&self, service: &DatabaseService, cause: Cause) -> Option<(IncidentId, Level)> {
        self.service_incidents(service)
            .filter(|i| i.state == IncidentState::Watching && *i.cause == *cause.id())
            .last()
            .map(|i| (i.id, i.level))
    }

    /// Whether the incident's service is classified and nobody knows yet as what: perhaps as this incident's relapse.
    pub(crate) fn is_settling(&self, incident: &Incident) -> bool {
        Cause::from_id(&incident.cause).is_some()
            && incident.subject.get("service").is_some_and(|s| self.state.settling.contains_key(s))
    }

    fn open_service(
        &mut self,
        run: &mut Run<'_>,
        service: &DatabaseService,
        cause: Cause,
        occurred: Timestamp,
        assessment: &Assessment,
    ) -> IncidentId {
        let symptoms = self.symptoms_of(service, cause);
        let subject = Labels::from_pairs([
            ("service", service.name.as_str()),
            ("instance", assessment.acting.as_str()),
        ]);
        let opening = Opening {
            cause: Arc::from(cause.id()),
            subject,
            clause: cause.clause(),
            level: cause.level(),
            occurred,
            value: assessment.value,
            evidence: assessment.view.words.clone(),
            late: false,
        };
        self.open_or_adopt(run, opening, |i| symptoms.contains(&i.id))
    }

    /// Unfinished plain incidents that this service's failure explains.
    fn symptoms_of(&self, service: &DatabaseService, cause: Cause) -> BTreeSet<IncidentId> {
        let findings = self.service_breaches(service);
        let is_symptom = |i: &&Incident| {
            let of_database = i.cause.starts_with("session.") || i.cause.starts_with("db.");
            let own = self.service_of(&i.cause, &i.subject).is_some_and(|s| s.name == service.name);
            let covered = of_database && own && self.concerns(cause, service, &i.subject);
            covered
                || self.catalogue.rule(&i.cause).is_some_and(|rule| {
                    rule.explained_by.iter().any(|e| {
                        findings
                            .iter()
                            .any(|f| f.rule == e.rule && agrees(e, &f.subject, &i.subject))
                    })
                })
        };
        self.unfinished().filter(is_symptom).map(|i| i.id).collect()
    }

    /// Findings that are linked to the service's incident and breached now.
    fn service_breaches(&self, service: &DatabaseService) -> Vec<&Standing> {
        SERVICE_LINKS
            .iter()
            .flat_map(|rule| self.state.standings.of_rule(rule))
            .filter(|s| {
                self.service_of(&s.rule, &s.subject).is_some_and(|d| d.name == service.name)
            })
            .filter(|s| self.effective(&s.rule, &s.subject).0 == Condition::Breached)
            .collect()
    }

    /// Follows a worse classification; a milder one changes nothing (M-039).
    fn rise(&mut self, run: &mut Run<'_>, id: IncidentId, cause: Cause, evidence: &[String]) {
        let Some(incident) = self.state.incidents.get(&id) else { return };
        if Cause::from_id(&incident.cause).is_some_and(|current| current <= cause) {
            return;
        }
        let level = incident.level.more_severe(cause.level());
        let of = (Arc::from(cause.id()), cause.clause());
        let kind = self.reclassification(
            run.now,
            incident,
            of,
            level,
            sentence(&cause.title().en, evidence),
        );
        self.record(run, id, kind);
    }

    fn link_service_findings(
        &mut self,
        run: &mut Run<'_>,
        service: &DatabaseService,
        id: IncidentId,
    ) {
        let breaches: Vec<(Arc<str>, Labels)> = self
            .service_breaches(service)
            .iter()
            .map(|s| (Arc::clone(&s.rule), s.subject.clone()))
            .collect();
        for (rule, subject) in breaches {
            let takes = self.state.incidents.get(&id).is_some_and(|i| {
                i.state != IncidentState::Watching
                    && i.links.len() < LINKS_MAX
                    && !links_to(i, &rule, &subject)
            });
            if takes {
                self.link(run, id, &rule, &subject);
            }
        }
    }
}

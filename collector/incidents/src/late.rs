//! Findings of data that arrived late: it lay in a spool while its node had no session, and was judged apart from what is
//! live. They open incidents of their own or add to the record; they never reopen, recover or raise a live incident.

use crate::catalogue::SERVICE_RULES;
use crate::cause::Cause;
use crate::machine::{Machine, Run, is_own, links_to};
use crate::raise::{Opening, words};
use crate::standing::Standing;
use collector_domain::{
    Checks, Condition, Entry, EntryKind, Finding, Incident, IncidentId, IncidentState, NODE_SILENT,
    Tier, check_of,
};
use shared_model::{Level, Timestamp};
use std::sync::Arc;

impl Machine {
    /// Takes findings of one node's late data, in event time. Clocks of what they open run from `now`, the collector's
    /// steady time; `occurred` is event time.
    ///
    /// A database service is never classified by them, since the votes of other witnesses at that time are not at hand: a
    /// breach of one of its checks is an incident of that check, which its downtime can be read from.
    ///
    /// `ended` are breaches of the past that ended in a time which is judged live: the end of a late incident that nothing
    /// else would tell.
    pub fn late_findings(
        &mut self,
        now: Timestamp,
        findings: &[Finding],
        ended: &[Finding],
        checks: &dyn Checks,
    ) -> Vec<Entry> {
        if findings.is_empty() && ended.is_empty() {
            return Vec::new();
        }
        let mut run = self.start(now, checks);
        for finding in findings {
            match finding.condition {
                Condition::Breached => self.late_breach(&mut run, finding),
                Condition::Clear => self.late_clear(&mut run, finding),
                Condition::Unknown => {}
            }
        }
        for finding in ended {
            self.late_end(&mut run, finding);
        }
        run.entries
    }

    fn late_breach(&mut self, run: &mut Run<'_>, finding: &Finding) {
        let known = self.catalogue.rule(&finding.rule).filter(|r| r.tier == Tier::Incident);
        let Some(known) = known.filter(|r| *r.id != *NODE_SILENT).cloned() else { return };
        if let Some(id) = self.late_holder(finding) {
            self.late_condition(run, id, finding);
            return;
        }
        if let Some(id) = self.explaining(&finding.rule, &finding.subject, finding.since) {
            self.link(run, id, &finding.rule, &finding.subject);
            self.late_condition(run, id, finding);
            return;
        }
        let standing = Standing::of(finding, run.now);
        let opening = Opening {
            cause: Arc::clone(&finding.rule),
            subject: finding.subject.clone(),
            clause: known.clause.clone(),
            // Level 1 takes predicates and a second witness, which late data has not.
            level: known.level.max(Level::Two),
            occurred: finding.since,
            value: standing.value,
            evidence: vec![words(&standing)],
            late: true,
        };
        self.open(run, opening);
    }

    /// The end of a breach is the end of a late incident; of a live one it is only known when it was.
    fn late_clear(&mut self, run: &mut Run<'_>, finding: &Finding) {
        if !self.late_end(run, finding)
            && let Some(id) = self.late_holder(finding)
        {
            self.late_condition(run, id, finding);
        }
    }

    /// Ends a late incident that nothing was judged of since it was found; whether there is such a one.
    fn late_end(&mut self, run: &mut Run<'_>, finding: &Finding) -> bool {
        let (rule, subject) = (&finding.rule, &finding.subject);
        let Some(incident) = self.unfinished().find(|i| i.late && is_own(i, rule, subject)) else {
            return false;
        };
        let (id, condition) = (incident.id, incident.condition);
        if self.is_judged_live(incident) {
            return false;
        }
        if condition != Condition::Clear {
            let value = finding.value.filter(|v| v.is_finite());
            let at_event = finding.since;
            self.record(
                run,
                id,
                EntryKind::Condition { condition: Condition::Clear, at_event, value },
            );
        }
        true
    }

    /// Whether a live finding on the incident's own check came after it was opened.
    pub(crate) fn is_judged_live(&self, incident: &Incident) -> bool {
        let known = self.state.standings.get(check_of(&incident.cause), &incident.subject);
        known.is_some_and(|s| s.heard >= incident.clocks.detected)
    }

    fn late_condition(&mut self, run: &mut Run<'_>, id: IncidentId, finding: &Finding) {
        let kind = EntryKind::LateCondition {
            rule: Arc::clone(&finding.rule),
            subject: finding.subject.clone(),
            condition: finding.condition,
            at_event: finding.since,
            value: finding.value.filter(|v| v.is_finite()),
        };
        self.record(run, id, kind);
    }

    /// The unfinished incident that stands for this check, links it, or is of the service that the check is a witness of.
    fn late_holder(&self, finding: &Finding) -> Option<IncidentId> {
        let (rule, subject) = (&finding.rule, &finding.subject);
        let of_service = SERVICE_RULES.contains(&&**rule);
        let service = self.service_of(rule, subject).filter(|_| of_service).map(|s| &*s.name);
        let own = self.unfinished().find(|i| is_own(i, rule, subject));
        let linking = || {
            self.unfinished()
                .filter(|i| i.state != IncidentState::Watching)
                .find(|i| links_to(i, rule, subject))
        };
        let of_service = || {
            self.unfinished().find(|i| {
                service.is_some()
                    && Cause::from_id(&i.cause).is_some()
                    && i.subject.get("service") == service
                    && (i.clocks.occurred <= finding.since || i.condition != Condition::Clear)
            })
        };
        own.or_else(linking).or_else(of_service).map(|i| i.id)
    }
}

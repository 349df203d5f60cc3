//! Whether the declared database services take writes, written to the ledger when it changes: downtime is proven by the ledger
//! alone, whatever samples are kept (M-156).

use crate::machine::{Assessments, Machine, Run};
use crate::predicates::Truth;
use crate::silence::SILENT_MIN;
use collector_domain::{Actor, Entry, EntryKind, IncidentId, ServiceState};
use serde::{Deserialize, Serialize};
use shared_model::Timestamp;
use std::time::Duration;

/// What was written last of a service.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Uptime {
    state: ServiceState,
    since: Timestamp,
    /// Nobody can say any more since then. It is written once that has lasted, dated back to here.
    unsure: Option<Timestamp>,
}

impl Machine {
    /// Writes what changed. Down and up at once; unknown once it has lasted as long as a silence, since witnesses take turns.
    pub(crate) fn note_uptime(&mut self, run: &mut Run<'_>, assessments: &Assessments) {
        for (service, assessment) in assessments {
            let known = self.state.uptimes.get(service).cloned();
            let unsure = known.as_ref().and_then(|k| k.unsure);
            let (state, since) = match assessment.view.db_down {
                Truth::True => (ServiceState::Down, assessment.occurred),
                Truth::False => (ServiceState::Up, run.now),
                Truth::Unknown => {
                    let since = unsure.unwrap_or(run.now);
                    let lasts = run.now.since(since) >= self.unsure_for();
                    if let Some(uptime) = self.state.uptimes.get_mut(service) {
                        uptime.unsure = Some(since);
                    }
                    if known.is_none() || !lasts {
                        continue;
                    }
                    (ServiceState::Unknown, since)
                }
            };
            if let Some(uptime) = self.state.uptimes.get_mut(service).filter(|u| u.state == state) {
                uptime.unsure = unsure.filter(|_| state == ServiceState::Unknown);
                continue;
            }
            self.write_uptime(&mut run.entries, run.now, service, state, since);
        }
    }

    /// The collector is there again, after [`Machine::reconfigure`]: nobody can say what the services did since `left`, unless
    /// it was back within a moment. What depends on the calendar is computed anew.
    pub fn resumed(&mut self, left: Timestamp, now: Timestamp) -> Vec<Entry> {
        let now = self.advance(now);
        let mut entries = self.reschedule_changes(now);
        if now.since(left) < self.unsure_for() {
            return entries;
        }
        let known = self.state.uptimes.iter().filter(|(_, u)| u.state != ServiceState::Unknown);
        for service in known.map(|(service, _)| service.clone()).collect::<Vec<_>>() {
            self.write_uptime(&mut entries, now, &service, ServiceState::Unknown, left);
        }
        entries
    }

    fn unsure_for(&self) -> Duration {
        self.contract.scaled(self.contract.silent_after).max(SILENT_MIN)
    }

    /// A state never begins before the one that was written last.
    fn write_uptime(
        &mut self,
        entries: &mut Vec<Entry>,
        now: Timestamp,
        service: &str,
        state: ServiceState,
        since: Timestamp,
    ) {
        let last = self.state.uptimes.get(service).map_or(since, |u| u.since);
        let since = since.max(last).min(now);
        let uptime = Uptime { state, since, unsure: None };
        self.state.uptimes.insert(service.to_owned(), uptime);
        let kind = EntryKind::ServiceState { service: service.to_owned(), state, since };
        let (incident, actor) = (IncidentId::NONE, Actor::Collector);
        entries.push(Entry { at: now, incident, actor, kind });
    }
}

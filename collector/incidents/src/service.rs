//! Database services: classification by predicates.

use crate::catalogue::{CORE_SERVICE_UP, INSTANCE_UP, REPLICATION, WRITABLE};
use crate::cause::Cause;
use crate::machine::{Assessments, Machine, Run};
use crate::predicates::Truth;
use crate::raise::words;
use crate::standing::Standing;
use collector_domain::{Checks, Condition, DatabaseService, Link};
use serde::{Deserialize, Serialize};
use shared_model::{Labels, Timestamp};

/// A database service as its predicates show it now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ServiceView {
    /// Its name.
    pub service: String,
    /// `host:port` of the instance that acts as primary.
    pub acting_primary: String,
    /// Two witnesses or more see the primary down, none sees it up, and nobody else takes writes.
    pub db_down: Truth,
    /// All core services are down.
    pub core_stopped: Truth,
    /// A standby is usable or has taken over.
    pub standby_usable: Truth,
    /// The classification that holds, if any.
    pub cause: Option<Cause>,
    /// The predicates and their witnesses in words.
    pub words: Vec<String>,
}

/// A view with what an incident needs besides.
#[derive(Clone, Debug)]
pub(crate) struct Assessment {
    pub(crate) cause: Option<Cause>,
    pub(crate) acting: String,
    primary_moved: bool,
    pub(crate) occurred: Timestamp,
    pub(crate) value: Option<f64>,
    pub(crate) view: ServiceView,
}

impl Assessment {
    /// A promoted standby replicates from nobody any more: no data about that is not a fault.
    pub(crate) fn is_moot(&self, link: &Link) -> bool {
        self.primary_moved
            && *link.rule == *REPLICATION
            && link.condition == Condition::Unknown
            && link.subject.get("instance") == Some(self.acting.as_str())
    }
}

impl Machine {
    /// All declared database services as they stand at `now`.
    pub fn service_views(&self, now: Timestamp, checks: &dyn Checks) -> Vec<ServiceView> {
        let services = self.topology.databases.iter();
        services.map(|s| self.assess(now, checks, s).view).collect()
    }

    /// The declared service that a finding belongs to.
    pub(crate) fn service_of(&self, rule: &str, subject: &Labels) -> Option<&DatabaseService> {
        let core = subject.get("service").filter(|_| rule == CORE_SERVICE_UP);
        let declared =
            core.and_then(|name| self.topology.core_services.iter().find(|c| c.name == name));
        let instance = subject.get("instance");
        self.topology.databases.iter().find(|d| match declared {
            Some(core) => d.name == core.database,
            None => instance.is_some_and(|i| instances(d).any(|own| own == i)),
        })
    }

    /// Whether a finding on one of the service's instances is part of what the cause means. A lost standby says
    /// nothing about the sessions of a healthy primary.
    pub(crate) fn concerns(
        &self,
        cause: Cause,
        service: &DatabaseService,
        subject: &Labels,
    ) -> bool {
        cause != Cause::StandbyLost || subject.get("instance") != Some(self.acting(service))
    }

    pub(crate) fn acting<'a>(&'a self, service: &'a DatabaseService) -> &'a str {
        self.state.acting_primaries.get(&service.name).map_or(&service.primary, |i| i)
    }

    /// Judges every declared service and lets its incident follow.
    pub(crate) fn classify_services(&mut self, run: &mut Run<'_>) -> Assessments {
        let services = self.topology.databases.clone();
        let mut assessments = Assessments::new();
        for service in &services {
            self.hand_over(run, service);
            let assessment = self.assess(run.now, run.checks, service);
            self.follow(run, service, &assessment);
            assessments.insert(service.name.clone(), assessment);
        }
        assessments
    }

    /// The role of primary moves only when the old primary answers again and is known not to take writes, while
    /// another instance does. Until then the old one is down and the incident stays.
    fn hand_over(&mut self, run: &Run<'_>, service: &DatabaseService) {
        let (now, checks) = (run.now, run.checks);
        let old = self.acting(service);
        let up = self.votes_on(now, checks, INSTANCE_UP, old);
        let writes = self.votes_on(now, checks, WRITABLE, old);
        if up.unanimous() != Truth::False || !up.breached.is_empty() {
            return;
        }
        if writes.unanimous() != Truth::True {
            return;
        }
        let successor = instances(service)
            .find(|i| *i != old && self.is_writable(now, checks, i))
            .map(str::to_owned);
        if let Some(successor) = successor {
            let name = service.name.clone();
            if successor == service.primary {
                self.state.acting_primaries.remove(&name);
            } else {
                self.state.acting_primaries.insert(name, successor);
            }
        }
    }

    fn assess(&self, now: Timestamp, checks: &dyn Checks, service: &DatabaseService) -> Assessment {
        let acting = self.acting(service);
        let others: Vec<&str> = instances(service).filter(|i| *i != acting).collect();
        let primary = self.votes_on(now, checks, INSTANCE_UP, acting);
        let primary_down = primary.clear.is_empty() && primary.accusers() >= 2;
        let successor = others.iter().find(|i| self.is_writable(now, checks, i));
        let db_down = match successor {
            None if primary_down => Truth::True,
            None if primary.clear.is_empty() => Truth::Unknown,
            _ => Truth::False,
        };
        let (core_stopped, core_accusations) = self.core_stopped(now, checks, service, db_down);
        let standby_usable = match successor {
            Some(_) => Truth::True,
            None => {
                let failed = primary.breached.iter().map(|s| s.since).min();
                self.standby_usable(now, checks, &others, failed)
            }
        };
        let lost = self.lost_standbys(now, checks, service, &others);
        let cause = if primary_down {
            Some(match (standby_usable, core_stopped) {
                (Truth::True, _) => Cause::DbDownStandbyUsable,
                (_, Truth::True) => Cause::DbDown,
                _ => Cause::DbDownCoreRunning,
            })
        } else if !primary.breached.is_empty() {
            Some(Cause::DbSuspect)
        } else if !core_accusations.is_empty() {
            Some(Cause::CoreServiceDown)
        } else {
            (!lost.is_empty()).then_some(Cause::StandbyLost)
        };
        let mut view = ServiceView {
            service: service.name.clone(),
            acting_primary: acting.to_owned(),
            db_down,
            core_stopped,
            standby_usable,
            cause,
            words: vec![
                format!("db_down {db_down} for primary {acting}"),
                format!("core_stopped {core_stopped}"),
                format!("standby_usable {standby_usable}"),
            ],
        };
        if let Some(successor) = successor {
            view.words.push(format!("{successor} has taken over"));
        }
        let accusations: Vec<&Standing> =
            primary.breached.iter().copied().chain(core_accusations).chain(lost).collect();
        view.words.extend(accusations.iter().chain(&primary.clear).map(|s| words(s)));
        let first = accusations.iter().min_by_key(|s| s.since);
        Assessment {
            cause,
            acting: acting.to_owned(),
            primary_moved: acting != service.primary,
            occurred: first.map_or(now, |s| s.since),
            value: first.and_then(|s| s.value),
            view,
        }
    }

    /// Accusations of standbys that do not answer and of broken replication.
    fn lost_standbys(
        &self,
        now: Timestamp,
        checks: &dyn Checks,
        service: &DatabaseService,
        others: &[&str],
    ) -> Vec<&Standing> {
        let of = |names: &[&str], s: &Labels| s.get("instance").is_some_and(|i| names.contains(&i));
        let all: Vec<&str> = instances(service).collect();
        let down = self.votes(now, checks, INSTANCE_UP, |s| of(others, s)).breached;
        let broken = self.votes(now, checks, REPLICATION, |s| of(&all, s)).breached;
        down.into_iter().chain(broken).collect()
    }
}

/// The declared instances of a service, the declared primary first.
fn instances(service: &DatabaseService) -> impl Iterator<Item = &str> {
    std::iter::once(service.primary.as_str()).chain(service.standbys.iter().map(String::as_str))
}

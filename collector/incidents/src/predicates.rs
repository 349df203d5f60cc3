//! Witnesses and the three-valued predicates of mission §2.8.1.

use crate::catalogue::{CORE_SERVICE_UP, INSTANCE_UP, REPLICATION, STANDBY_USABLE, WRITABLE};
use crate::machine::Machine;
use crate::standing::Standing;
use collector_domain::{Checks, Condition, DatabaseService};
use serde::{Deserialize, Serialize};
use shared_model::{Labels, Timestamp};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// How long a witness counts after its last judgement: two rounds of the slowest probe (30 s). Not scaled.
const WITNESS_FRESH: Duration = Duration::from_secs(60);

/// The three values of a predicate. Unknown is neither.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// Known to hold.
    True,
    /// Known not to hold.
    False,
    /// Not enough fresh witnesses to say.
    Unknown,
}

impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::True => "true",
            Self::False => "false",
            Self::Unknown => "unknown",
        })
    }
}

/// What fresh witnesses say about one subject.
#[derive(Debug, Default)]
pub(crate) struct Votes<'a> {
    pub(crate) breached: Vec<&'a Standing>,
    pub(crate) clear: Vec<&'a Standing>,
}

impl Votes<'_> {
    /// How many different nodes say breached.
    pub(crate) fn accusers(&self) -> usize {
        self.breached.iter().map(|s| s.witness()).collect::<BTreeSet<_>>().len()
    }

    /// Breached by some witness and clear by none.
    pub(crate) fn unanimous(&self) -> Truth {
        match (self.breached.is_empty(), self.clear.is_empty()) {
            (_, false) => Truth::False,
            (false, true) => Truth::True,
            (true, true) => Truth::Unknown,
        }
    }
}

impl Machine {
    /// What a witness says now; `None` when its node is silent, its data older than [`WITNESS_FRESH`], or unknown.
    pub(crate) fn vote(
        &self,
        now: Timestamp,
        checks: &dyn Checks,
        standing: &Standing,
    ) -> Option<Condition> {
        if standing.condition == Condition::Unknown || self.silent(standing.witness()) {
            return None;
        }
        let judged_at = checks
            .judgement(&standing.rule, &standing.subject)
            .map_or(standing.heard, |j| j.judged_at.max(standing.heard));
        (now.since(judged_at) <= WITNESS_FRESH).then_some(standing.condition)
    }

    pub(crate) fn votes(
        &self,
        now: Timestamp,
        checks: &dyn Checks,
        rule: &str,
        of: impl Fn(&Labels) -> bool,
    ) -> Votes<'_> {
        let mut votes = Votes::default();
        for standing in self.state.standings.of_rule(rule).filter(|s| of(&s.subject)) {
            match self.vote(now, checks, standing) {
                Some(Condition::Breached) => votes.breached.push(standing),
                Some(Condition::Clear) => votes.clear.push(standing),
                Some(Condition::Unknown) | None => {}
            }
        }
        votes
    }

    pub(crate) fn votes_on(
        &self,
        now: Timestamp,
        checks: &dyn Checks,
        rule: &str,
        instance: &str,
    ) -> Votes<'_> {
        self.votes(now, checks, rule, |s| s.get("instance") == Some(instance))
    }

    /// Whether an instance is known to answer and to take writes.
    pub(crate) fn is_writable(&self, now: Timestamp, checks: &dyn Checks, instance: &str) -> bool {
        [WRITABLE, INSTANCE_UP]
            .iter()
            .all(|rule| !self.votes_on(now, checks, rule, instance).clear.is_empty())
    }

    /// Whether some instance other than the primary answers and is judged usable as its replacement. One that had stopped
    /// following long before the primary failed lacks what was written since, and nobody can replay that to it.
    pub(crate) fn standby_usable(
        &self,
        now: Timestamp,
        checks: &dyn Checks,
        others: &[&str],
        primary_failed: Option<Timestamp>,
    ) -> Truth {
        let mut usable = Truth::False;
        for instance in others {
            if primary_failed.is_some_and(|at| self.stopped_following(now, checks, instance, at)) {
                continue;
            }
            let up = self.votes_on(now, checks, INSTANCE_UP, instance);
            let fit = self.votes_on(now, checks, STANDBY_USABLE, instance);
            match (fit.unanimous(), up.unanimous()) {
                (Truth::False, Truth::False) => return Truth::True,
                (Truth::True, _) | (_, Truth::True) => {}
                _ => usable = Truth::Unknown,
            }
        }
        usable
    }

    /// Whether replication to `instance` broke more than the contract's lag before `failed`.
    fn stopped_following(
        &self,
        now: Timestamp,
        checks: &dyn Checks,
        instance: &str,
        failed: Timestamp,
    ) -> bool {
        let broken = self.votes_on(now, checks, REPLICATION, instance).breached;
        broken.iter().any(|s| failed.since(s.since) > self.contract.standby_lag_max)
    }

    /// Whether every core service on the database is down; the database's own state when none is declared. Also all
    /// fresh accusations.
    pub(crate) fn core_stopped(
        &self,
        now: Timestamp,
        checks: &dyn Checks,
        service: &DatabaseService,
        db_down: Truth,
    ) -> (Truth, Vec<&Standing>) {
        let declared = self.topology.core_services.iter().filter(|c| c.database == service.name);
        let mut truths = Vec::new();
        let mut accusations = Vec::new();
        for core in declared {
            let of_core = |s: &Labels| s.get("service") == Some(core.name.as_str());
            let votes = self.votes(now, checks, CORE_SERVICE_UP, of_core);
            truths.push(votes.unanimous());
            accusations.extend(votes.breached);
        }
        let stopped = if truths.is_empty() {
            db_down
        } else if truths.contains(&Truth::False) {
            Truth::False
        } else if truths.contains(&Truth::Unknown) {
            Truth::Unknown
        } else {
            Truth::True
        };
        (stopped, accusations)
    }
}

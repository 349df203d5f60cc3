//! 复测: a repair is verified on samples that are newer than the click (M-093).

use crate::catalogue::INSTANCE_UP;
use crate::cause::Cause;
use crate::foreign::has_no_check;
use crate::machine::{Machine, Run};
use collector_domain::{
    Checks, Condition, EntryKind, Incident, IncidentId, IncidentState, Judgement, NODES_LOST,
    check_of,
};
use shared_model::{Labels, Level, Timestamp};

/// Where a verification stands. The order is the order of precedence.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Outcome {
    /// All that was asked for is within its limit.
    Passed,
    /// Something was not judged on newer samples yet, or is not clear yet.
    Waiting,
    /// A check is breached on newer samples.
    Failed(String),
}

impl Machine {
    /// Completes the verifications that can be completed.
    pub(crate) fn verify_waiting(&mut self, run: &mut Run<'_>) {
        let decided: Vec<(IncidentId, Outcome)> = self
            .unfinished()
            .filter(|i| i.state == IncidentState::Verifying)
            .map(|i| (i.id, self.verification(run.now, run.checks, i)))
            .collect();
        for (id, outcome) in decided {
            let kind = match outcome {
                Outcome::Waiting => continue,
                Outcome::Failed(why) => EntryKind::VerifyFailed { why },
                // An answer is not watched.
                Outcome::Passed if self.incident(id).is_some_and(|i| i.level == Level::Four) => {
                    EntryKind::Verified { watch_until: run.now }
                }
                Outcome::Passed => EntryKind::Verified {
                    watch_until: run.now.plus(self.contract.scaled(self.contract.watch)),
                },
            };
            self.record(run, id, kind);
        }
    }

    fn verification(&self, now: Timestamp, checks: &dyn Checks, incident: &Incident) -> Outcome {
        let Some(asked) = self.state.last_acts.get(&incident.id).map(|a| a.at) else {
            return Outcome::Waiting;
        };
        let ask = |rule: &str, subject: &Labels| {
            let rule = check_of(rule);
            outcome(rule, subject, checks.judgement(rule, subject), asked)
        };
        let service = Cause::from_id(&incident.cause)
            .and_then(|_| incident.subject.get("service"))
            .and_then(|name| self.topology.databases.iter().find(|d| d.name == name));
        let own = match (Cause::from_id(&incident.cause), service) {
            // All that it stands for is linked.
            (None, _) if *incident.cause == *NODES_LOST => Outcome::Passed,
            // A person verifies it: there is no check of ours. What another system says is its condition, which must be clear.
            (None, _) if has_no_check(&incident.cause) => Outcome::Passed,
            (None, _) => ask(&incident.cause, &incident.subject),
            (Some(_), None) => Outcome::Passed,
            (Some(_), Some(service)) => {
                // One witness that sees the primary up on newer samples; all that were linked are asked below.
                let primary = self.acting(service);
                let up = self.votes_on(now, checks, INSTANCE_UP, primary).clear;
                up.iter().map(|s| ask(&s.rule, &s.subject)).min().unwrap_or(Outcome::Waiting)
            }
        };
        let moved = service.filter(|s| self.acting(s) != s.primary).map(|s| self.acting(s));
        let links = incident
            .links
            .iter()
            .filter(|l| !has_no_check(&l.rule) && !is_moot(&l.rule, &l.subject, moved, checks))
            .map(|l| ask(&l.rule, &l.subject));
        let judged = links.fold(own, Outcome::max);
        if judged == Outcome::Passed && incident.condition != Condition::Clear {
            return Outcome::Waiting;
        }
        judged
    }
}

/// A promoted standby replicates from nobody any more, so its replication will not be judged again.
fn is_moot(rule: &str, subject: &Labels, promoted: Option<&str>, checks: &dyn Checks) -> bool {
    rule == crate::catalogue::REPLICATION
        && promoted.is_some()
        && subject.get("instance") == promoted
        && checks.judgement(rule, subject).is_none_or(|j| j.condition == Condition::Unknown)
}

fn outcome(
    rule: &str,
    subject: &Labels,
    judgement: Option<Judgement>,
    asked: Timestamp,
) -> Outcome {
    let Some(judgement) = judgement.filter(|j| j.judged_at > asked) else {
        return Outcome::Waiting;
    };
    match (judgement.condition, judgement.within_limit) {
        (Condition::Clear, true) => Outcome::Passed,
        (Condition::Breached, false) => Outcome::Failed(match judgement.value {
            Some(value) => format!("{rule} on {subject} is breached at {value}"),
            None => format!("{rule} on {subject} is breached"),
        }),
        _ => Outcome::Waiting,
    }
}

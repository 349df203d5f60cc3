//! Alerts of other systems. They open incidents by the contract's levels, and what their system does not repeat is unknown, never
//! over: a source that fell silent has not recovered.

use crate::machine::{Machine, Run};
use crate::raise::{Opening, is_repaired};
use collector_domain::{
    Checks, Condition, Entry, FOREIGN, FOREIGN_KEPT_MAX, FOREIGN_SUMMARY_MAX_CHARS, ForeignAlert,
    Incident, IncidentId, is_reported,
};
use serde::{Deserialize, Serialize};
use shared_model::{Clause, Labels, Level, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// An alert without an end holds for so long, as Alertmanager's `resolve_timeout` does.
const HOLDS_FOR: Duration = Duration::from_secs(300);

/// What another system said last of one alert.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Foreign {
    is_firing: bool,
    /// Unknown after this.
    until: Timestamp,
}

/// Whether no check of ours stands behind a cause.
pub(crate) fn has_no_check(cause: &str) -> bool {
    cause == FOREIGN || is_reported(cause)
}

impl Machine {
    /// Takes what another system said.
    pub fn foreign(
        &mut self,
        now: Timestamp,
        alerts: &[ForeignAlert],
        checks: &dyn Checks,
    ) -> Vec<Entry> {
        let mut run = self.start(now, checks);
        self.forget_foreign(run.now);
        for alert in alerts {
            self.take_foreign(&mut run, alert);
        }
        run.entries
    }

    fn take_foreign(&mut self, run: &mut Run<'_>, alert: &ForeignAlert) {
        let level = alert.labels.get("severity").and_then(|s| self.contract.foreign_levels.get(s));
        let Some(&level) = level else { return };
        let subject = &alert.labels;
        if alert.ends.is_some_and(|ends| ends <= run.now) {
            if let Some(known) = self.state.foreign.get_mut(subject) {
                *known = Foreign { is_firing: false, until: Timestamp::from_micros(i64::MAX) };
            }
            return;
        }
        let is_known = self.state.foreign.contains_key(subject);
        if !is_known && self.state.foreign.len() >= FOREIGN_KEPT_MAX {
            return;
        }
        if self.is_seen_by_us(subject) {
            return;
        }
        let until = alert.ends.unwrap_or_else(|| run.now.plus(HOLDS_FOR));
        self.state.foreign.insert(subject.clone(), Foreign { is_firing: true, until });
        let held = self
            .unfinished()
            .find(|i| *i.cause == *FOREIGN && i.subject == *subject)
            .map(|i| (i.id, i.state, i.level));
        match held {
            Some((id, state, level)) if is_repaired(state) => {
                let kind = self.reopening(run.now, alert.starts, level);
                self.record(run, id, kind);
            }
            Some(_) => {}
            None => drop(self.open_foreign(run, alert, level)),
        }
    }

    /// Whether an unfinished incident of ours already stands for what an alert of our own exported rules says.
    fn is_seen_by_us(&self, labels: &Labels) -> bool {
        let Some(rule) = labels.get("wardround_rule") else { return false };
        let agrees = |subject: &Labels| subject.iter().all(|(n, v)| labels.get(n) == Some(v));
        self.unfinished().any(|incident| {
            let own = *incident.cause == *rule && agrees(&incident.subject);
            own || incident.links.iter().any(|l| *l.rule == *rule && agrees(&l.subject))
        })
    }

    fn open_foreign(
        &mut self,
        run: &mut Run<'_>,
        alert: &ForeignAlert,
        level: Level,
    ) -> IncidentId {
        let summary: String = alert.summary.chars().take(FOREIGN_SUMMARY_MAX_CHARS).collect();
        let clause: Clause = "2.1".parse().expect("a clause number");
        let opening = Opening {
            cause: Arc::from(FOREIGN),
            subject: alert.labels.clone(),
            clause,
            level: level.max(Level::Two),
            occurred: alert.starts.min(run.now),
            value: None,
            evidence: vec![summary],
            late: false,
        };
        self.open(run, opening)
    }

    /// Where another system's alert stands now.
    pub(crate) fn foreign_condition(&self, now: Timestamp, incident: &Incident) -> Condition {
        match self.state.foreign.get(&incident.subject) {
            Some(Foreign { is_firing: false, .. }) => Condition::Clear,
            Some(Foreign { until, .. }) if now <= *until => Condition::Breached,
            _ => Condition::Unknown,
        }
    }

    /// Lets go of alerts that are over or long silent and that no unfinished incident stands for.
    fn forget_foreign(&mut self, now: Timestamp) {
        let held: Vec<Labels> =
            self.unfinished().filter(|i| *i.cause == *FOREIGN).map(|i| i.subject.clone()).collect();
        self.state
            .foreign
            .retain(|labels, f| (f.is_firing && now <= f.until) || held.contains(labels));
    }
}

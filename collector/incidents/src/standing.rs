//! Where each rule stands on each subject, as far as the machine needs to remember it.

use collector_domain::{Condition, Finding};
use serde::{Deserialize, Serialize};
use shared_model::{Labels, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The last finding of one rule on one subject.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Standing {
    /// The rule.
    pub rule: Arc<str>,
    /// What it was judged on.
    pub subject: Labels,
    /// Its condition.
    pub condition: Condition,
    /// Event time of the first sample of this condition.
    pub since: Timestamp,
    /// Event time of the sample that decided it.
    pub at: Timestamp,
    /// When the collector heard of it, in its steady time.
    pub heard: Timestamp,
    /// The value judged then. Never NaN or infinite.
    pub value: Option<f64>,
}

impl Standing {
    pub(crate) fn of(finding: &Finding, heard: Timestamp) -> Self {
        Self {
            rule: Arc::clone(&finding.rule),
            subject: finding.subject.clone(),
            condition: finding.condition,
            since: finding.since,
            at: finding.at,
            heard,
            value: finding.value.filter(|v| v.is_finite()),
        }
    }

    /// The host that judged it: a witness. Without the label it was the collector itself.
    pub(crate) fn witness(&self) -> &str {
        self.subject.get("host").unwrap_or("collector")
    }
}

/// Standings by rule and subject. The number is bounded by what is breached now, what unfinished incidents refer to
/// and the witnesses of the declared databases; see `Machine::remembers`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Standing>", into = "Vec<Standing>")]
pub(crate) struct Standings(BTreeMap<Arc<str>, BTreeMap<Labels, Standing>>);

impl Standings {
    pub(crate) fn get(&self, rule: &str, subject: &Labels) -> Option<&Standing> {
        self.0.get(rule)?.get(subject)
    }

    pub(crate) fn insert(&mut self, standing: Standing) {
        self.0
            .entry(Arc::clone(&standing.rule))
            .or_default()
            .insert(standing.subject.clone(), standing);
    }

    pub(crate) fn remove(&mut self, rule: &str, subject: &Labels) {
        if let Some(of_rule) = self.0.get_mut(rule) {
            of_rule.remove(subject);
            if of_rule.is_empty() {
                self.0.remove(rule);
            }
        }
    }

    /// All standings of one rule, in order of subject.
    pub(crate) fn of_rule(&self, rule: &str) -> impl Iterator<Item = &Standing> {
        self.0.get(rule).into_iter().flat_map(BTreeMap::values)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Standing> {
        self.0.values().flat_map(BTreeMap::values)
    }
}

impl From<Vec<Standing>> for Standings {
    fn from(list: Vec<Standing>) -> Self {
        let mut standings = Self::default();
        list.into_iter().for_each(|s| standings.insert(s));
        standings
    }
}

impl From<Standings> for Vec<Standing> {
    fn from(standings: Standings) -> Self {
        standings.0.into_values().flat_map(BTreeMap::into_values).collect()
    }
}

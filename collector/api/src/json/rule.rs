//! A rule as JSON.

use super::scalar::{TextJson, tier_word};
use collector_domain::{Component, Rule};
use serde::Serialize;

/// A rule in force.
#[derive(Serialize, Debug)]
pub(crate) struct RuleJson {
    /// Stable id such as `os.cpu_busy`.
    id: String,
    /// Clause of the standard.
    clause: String,
    /// Part of the appliance.
    component: &'static str,
    title: TextJson,
    /// Runbook.
    advice: TextJson,
    /// `predicate`, `advisory`, `deviation` or `incident`.
    tier: &'static str,
    /// Level of the incident it opens.
    level: u8,
    /// Rules whose incident explains its findings.
    explained_by: Vec<String>,
    /// Topics of evidence that explain its findings.
    evidence: Vec<String>,
}

impl From<&Rule> for RuleJson {
    fn from(rule: &Rule) -> Self {
        let causes = rule.explained_by.iter();
        Self {
            id: rule.id.to_string(),
            clause: rule.clause.to_string(),
            component: component_word(rule.component),
            title: (&rule.title).into(),
            advice: (&rule.advice).into(),
            tier: tier_word(rule.tier),
            level: rule.level.number(),
            explained_by: causes.map(|cause| cause.rule.to_string()).collect(),
            evidence: rule.evidence.clone(),
        }
    }
}

const fn component_word(component: Component) -> &'static str {
    match component {
        Component::Instance => "instance",
        Component::Storage => "storage",
        Component::Log => "log",
        Component::Session => "session",
        Component::Backup => "backup",
        Component::Security => "security",
        Component::Os => "os",
        Component::Hw => "hw",
        Component::Ib => "ib",
        Component::Cluster => "cluster",
        Component::Business => "business",
        Component::Monitoring => "monitoring",
    }
}

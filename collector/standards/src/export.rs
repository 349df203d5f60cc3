//! The pack as Prometheus alerting rules, for those who evaluate on an engine that they have already.
//!
//! What Prometheus cannot express is left out or different, and the head of the file says so: hysteresis (`clear`), covered time
//! instead of elapsed time, a smallest number of samples, what happens without data, and the silence of a node.

use crate::pack::{NODE_SILENCE, Pack, STANDBY_LAG, Standard};
use collector_domain::{Contract, Rule, Tier};
use serde_json::json;
use shared_model::Level;
use std::collections::BTreeMap;

const HEAD: &str = "\
# The maintenance standard as Prometheus alerting rules, exported by Wardround.
# Prometheus evaluates elapsed time instead of covered time, ends an alert at the limit instead of at the margin, and takes missing
# data for recovery. Rules about silent nodes cannot be expressed and are left out. Alerts that come back through
# /alertmanager with the label wardround_rule open no second incident beside ours.
";

impl Pack {
    /// One group per clause, in order; predicates, which raise nothing, are left out. JSON strings are YAML strings.
    pub fn to_prometheus(&self, contract: &Contract) -> String {
        let mut groups: BTreeMap<String, Vec<(&Rule, &Standard)>> = BTreeMap::new();
        let judged = self.rules().iter().zip(self.standards());
        for (rule, standard) in judged {
            if rule.tier != Tier::Predicate && standard.value != NODE_SILENCE {
                groups.entry(rule.clause.to_string()).or_default().push((rule, standard));
            }
        }
        let mut text = format!("{HEAD}groups:\n");
        for (clause, rules) in groups {
            let name = json!(format!("wardround {clause}"));
            text.push_str(&format!("- name: {name}\n  rules:\n"));
            for (rule, standard) in rules {
                text.push_str(&alert(rule, standard, contract));
            }
        }
        text
    }
}

fn alert(rule: &Rule, standard: &Standard, contract: &Contract) -> String {
    let lag = contract.standby_lag_max.as_secs_f64().to_string();
    let value = standard.value.replace(STANDBY_LAG, &lag);
    let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
    let expression = json!(format!("({value}) {}", standard.breach));
    // What is no incident here is none when it comes back.
    let severity = match (rule.tier, rule.level) {
        (Tier::Incident, Level::One | Level::Two) => "critical",
        (Tier::Incident, _) => "warning",
        _ => "info",
    };
    let tier = json!(rule.tier);
    let (title, advice) = (&rule.title, &rule.advice);
    let summary = json!(format!("{} / {}", title.zh, title.en));
    let description = json!(format!("{}\n{}", advice.zh, advice.en));
    format!(
        "  - alert: {}\n    expr: {expression}\n    for: {}s\n    labels:\n      severity: {severity}\n      level: \"{}\"\n      tier: {tier}\n      clause: {}\n      wardround_rule: {}\n    annotations:\n      summary: {summary}\n      description: {description}\n",
        json!(rule.id),
        standard.sustained.as_secs(),
        rule.level.number(),
        json!(rule.clause.to_string()),
        json!(rule.id),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the built-in pack is exported. Guarantees: every rule that raises something and that Prometheus can express is there
    /// once, with its limit; no placeholder is left.
    #[test]
    fn every_rule_is_exported_once() {
        let pack = Pack::builtin().unwrap();
        let text = pack.to_prometheus(&Contract::default());
        for (rule, standard) in pack.rules().iter().zip(pack.standards()) {
            let is_out = rule.tier == Tier::Predicate || standard.value == NODE_SILENCE;
            let count = text.matches(&format!("wardround_rule: {}\n", json!(rule.id))).count();
            assert_eq!(count, usize::from(!is_out), "{}", rule.id);
        }
        assert!(!text.contains('$'), "{text}");
    }
}

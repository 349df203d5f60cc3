//! A finding as JSON.

use super::incident::ExhibitJson;
use super::scalar::{LabelsJson, NumberJson, TextJson, TimeJson, condition_word, tier_word};
use crate::FindingView;
use collector_domain::Rule;
use serde::Serialize;

/// Where a rule that is not clear stands on a subject. What the rule says is `null` when it is no longer in force.
#[derive(Serialize, Debug)]
pub(crate) struct FindingJson {
    rule: String,
    /// What it was judged on.
    subject: LabelsJson,
    /// `breached` or `unknown`.
    condition: &'static str,
    /// Event time since which the condition holds.
    since: Option<TimeJson>,
    /// Event time of the newest sample judged.
    judged_at: TimeJson,
    /// Whether that sample was within the limit.
    within_limit: bool,
    /// Value judged last.
    value: Option<NumberJson>,
    clause: Option<String>,
    title: Option<TextJson>,
    /// `predicate`, `advisory`, `deviation` or `incident`.
    tier: Option<&'static str>,
    /// What probes said last that explains it.
    evidence: Vec<ExhibitJson>,
}

impl FindingJson {
    pub(crate) fn of(finding: &FindingView, rule: Option<&Rule>) -> Self {
        let judgement = &finding.judgement;
        Self {
            rule: finding.rule.to_string(),
            subject: (&finding.subject).into(),
            condition: condition_word(judgement.condition),
            since: finding.since.map(TimeJson),
            judged_at: TimeJson(judgement.judged_at),
            within_limit: judgement.within_limit,
            value: judgement.value.map(NumberJson),
            clause: rule.map(|r| r.clause.to_string()),
            title: rule.map(|r| (&r.title).into()),
            tier: rule.map(|r| tier_word(r.tier)),
            evidence: finding.evidence.iter().map(Into::into).collect(),
        }
    }
}

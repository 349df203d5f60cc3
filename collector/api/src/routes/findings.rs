//! `/api/v1/findings`.

use crate::app::App;
use crate::json::FindingJson;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Answer of `GET /api/v1/findings`.
#[derive(Serialize)]
pub(crate) struct Findings {
    /// In order of rule, then subject.
    findings: Vec<FindingJson>,
}

/// All findings that are not clear.
pub(crate) async fn list(State(app): State<Arc<App>>) -> Json<Findings> {
    let rules = app.desk.rules();
    let rules: BTreeMap<_, _> = rules.iter().map(|rule| (&rule.id, rule)).collect();
    let mut findings = app.desk.findings();
    findings.sort_by(|a, b| (&a.rule, &a.subject).cmp(&(&b.rule, &b.subject)));
    let findings =
        findings.iter().map(|finding| FindingJson::of(finding, rules.get(&finding.rule).copied()));
    Json(Findings { findings: findings.collect() })
}

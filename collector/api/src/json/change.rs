//! A planned change as JSON.

use super::scalar::TimeJson;
use collector_domain::{Change, ChangeState, Document, DocumentKind};
use serde::{Deserialize, Serialize};

/// A planned change.
#[derive(Serialize, Debug)]
pub(crate) struct ChangeJson {
    /// `C-000003`.
    id: String,
    title: String,
    documents: Vec<DocumentJson>,
    /// Database services that it stops; empty for all.
    services: Vec<String>,
    start: TimeJson,
    end: TimeJson,
    by: String,
    submitted: TimeJson,
    /// The window may begin from here on.
    earliest: TimeJson,
    /// A notice of holidays that is not known yet can move `earliest`.
    provisional: bool,
    /// Whether it was handed in soon enough for its window.
    announced_in_time: bool,
    /// `submitted`, `approved`, `declined` or `withdrawn`.
    state: &'static str,
    /// Who brought it there, when, and why.
    decided_by: Option<String>,
    decided: Option<TimeJson>,
    reason: Option<String>,
    /// Whether its window is deducted from downtime.
    deducted: bool,
}

/// A document, both ways.
#[derive(Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct DocumentJson {
    /// `plan`, `test_report` or `rollback`.
    kind: DocumentKind,
    /// Name of the file.
    name: String,
    /// Lower-case hexadecimal.
    sha256: String,
}

impl From<&Change> for ChangeJson {
    fn from(change: &Change) -> Self {
        let (by, at, reason) = match &change.state {
            ChangeState::Submitted => (None, None, None),
            ChangeState::Approved { by, at } => (Some(by), Some(at), None),
            ChangeState::Declined { by, at, reason }
            | ChangeState::Withdrawn { by, at, reason } => (Some(by), Some(at), Some(reason)),
        };
        let plan = &change.plan;
        Self {
            id: change.id.to_string(),
            title: plan.title.clone(),
            documents: plan.documents.iter().cloned().map(Into::into).collect(),
            services: plan.services.clone(),
            start: TimeJson(plan.start),
            end: TimeJson(plan.end),
            by: change.by.clone(),
            submitted: TimeJson(change.submitted),
            earliest: TimeJson(change.earliest),
            provisional: change.provisional,
            announced_in_time: change.is_announced_in_time(),
            state: change.state.as_str(),
            decided_by: by.cloned(),
            decided: at.copied().map(TimeJson),
            reason: reason.cloned(),
            deducted: change.is_deducted(),
        }
    }
}

impl From<Document> for DocumentJson {
    fn from(Document { kind, name, sha256 }: Document) -> Self {
        Self { kind, name, sha256 }
    }
}

impl From<DocumentJson> for Document {
    fn from(DocumentJson { kind, name, sha256 }: DocumentJson) -> Self {
        Self { kind, name, sha256 }
    }
}

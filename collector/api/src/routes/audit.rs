//! `/api/v1/audit`: the audit log, for auditors.

use crate::Peer;
use crate::app::App;
use crate::audit::{self, Caller};
use crate::auth::Person;
use crate::extract::Params;
use crate::json::{AuditJson, role_word};
use crate::problem::{Code, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use collector_domain::{AuditAction, Role};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Entries on a page when the client does not say.
const LIMIT_DEFAULT: u64 = 100;

/// Most entries on a page: some 250 KiB of JSON.
const LIMIT_MAX: u64 = 1_000;

/// Query of `GET /api/v1/audit`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// 1 to 1 000, by default 100.
    limit: Option<u64>,
    /// `next_cursor` of the page before.
    cursor: Option<u64>,
}

/// A page of the audit log.
#[derive(Serialize)]
pub(crate) struct Page {
    /// Newest first.
    entries: Vec<AuditJson>,
    /// Pass as `cursor` for the next page; `null` on the last one.
    next_cursor: Option<u64>,
}

/// Lists the entries of the audit log. Reading it is audited like every read.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    peer: Option<Extension<Peer>>,
    Params(query): Params<Query>,
) -> Result<Json<Page>, Problem> {
    if person.role != Role::Auditor {
        let role = role_word(person.role);
        let detail = format!("the audit log is read by the role auditor, not by {role}");
        let problem = Problem::new(Code::RoleMayNotRead, detail);
        let peer = peer.map(|Extension(Peer(address))| address);
        let caller = Caller { name: &person.name, peer };
        audit::refused(&app, caller, AuditAction::Call, "GET /api/v1/audit", &problem);
        return Err(problem);
    }
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let detail = format!("limit is 1 to {LIMIT_MAX}");
        return Err(Problem::new(Code::InvalidQuery, detail));
    }
    let entries = app.desk.audit(query.cursor, limit).await.map_err(|why| {
        tracing::error!(why, "the audit log cannot be read");
        Problem::new(Code::Internal, why)
    })?;
    let next_cursor = entries.last().map(|e| e.number).filter(|number| *number > 1);
    Ok(Json(Page { entries: entries.into_iter().map(AuditJson::from).collect(), next_cursor }))
}

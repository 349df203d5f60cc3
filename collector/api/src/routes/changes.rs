//! `/api/v1/changes`: planned changes, handed in by the provider, approved by the hospital.

use crate::Peer;
use crate::app::App;
use crate::auth::Person;
use crate::extract::{Body, ChangePath, Params};
use crate::json::{ChangeJson, DocumentJson};
use crate::problem::{Code, Problem};
use crate::routes::acting::Acting;
use axum::extract::State;
use axum::{Extension, Json};
use collector_domain::{
    AuditAction, Change, ChangeAct, ChangeDeed, ChangeId, ChangeRefused, NewChange,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Body of `POST /api/v1/changes`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// What is done; 1 to 1 000 characters.
    title: String,
    /// At least a plan, a test report and a way back.
    documents: Vec<DocumentJson>,
    /// Database services that it stops; left out for all.
    #[serde(default)]
    services: Vec<String>,
    /// Begin of the window, RFC 3339 in UTC.
    start: String,
    /// Its end.
    end: String,
}

/// Body of `decline` and `withdraw`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    /// Why; 1 to 1 000 characters.
    reason: String,
}

/// Query of `GET /api/v1/changes`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// Only those whose window has not ended.
    #[serde(default)]
    upcoming: bool,
}

/// The list.
#[derive(Serialize)]
pub(crate) struct Page {
    /// Newest first.
    changes: Vec<ChangeJson>,
}

/// Lists them.
pub(crate) async fn list(State(app): State<Arc<App>>, Params(query): Params<Query>) -> Json<Page> {
    let now = app.desk.steady_now();
    let changes = app.desk.changes();
    let wanted = changes.values().rev().filter(|c| !query.upcoming || c.plan.end > now);
    Json(Page { changes: wanted.map(Into::into).collect() })
}

/// Shows one.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    ChangePath(id): ChangePath,
) -> Result<Json<ChangeJson>, Problem> {
    let changes = app.desk.changes();
    let change = changes
        .get(&id)
        .ok_or_else(|| Problem::new(Code::ChangeUnknown, ChangeRefused::Unknown(id).to_string()))?;
    Ok(Json(change.into()))
}

/// Hands one in.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    peer: Option<Extension<Peer>>,
    Body(plan): Body<Plan>,
) -> Result<(StatusCode, Json<ChangeJson>), Problem> {
    let deed = ChangeDeed::Submit { plan: plan.read()? };
    Ok((StatusCode::CREATED, perform(&app, &person, peer, deed).await?))
}

/// The hospital approves one.
pub(crate) async fn approve(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    peer: Option<Extension<Peer>>,
    ChangePath(change): ChangePath,
) -> Result<Json<ChangeJson>, Problem> {
    perform(&app, &person, peer, ChangeDeed::Approve { change }).await
}

/// The hospital does not approve one.
pub(crate) async fn decline(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    peer: Option<Extension<Peer>>,
    ChangePath(change): ChangePath,
    Body(Reason { reason }): Body<Reason>,
) -> Result<Json<ChangeJson>, Problem> {
    perform(&app, &person, peer, ChangeDeed::Decline { change, reason }).await
}

/// It will not be done.
pub(crate) async fn withdraw(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    peer: Option<Extension<Peer>>,
    ChangePath(change): ChangePath,
    Body(Reason { reason }): Body<Reason>,
) -> Result<Json<ChangeJson>, Problem> {
    perform(&app, &person, peer, ChangeDeed::Withdraw { change, reason }).await
}

async fn perform(
    app: &App,
    person: &Person,
    peer: Option<Extension<Peer>>,
    deed: ChangeDeed,
) -> Result<Json<ChangeJson>, Problem> {
    let what = (AuditAction::Change, deed.word().to_owned());
    let may = match deed.is_hospitals() {
        true => (person.role == collector_domain::Role::Approver, "approver, the hospital, does"),
        false => (person.role.may_act(), "engineer and approver do"),
    };
    let acting = Acting::of(app, person, peer, what, may)?;
    let done = app.desk.change(ChangeAct { by: person.name.clone(), deed }).await;
    let name = |change: &Change| ChangeId::to_string(&change.id);
    let change = acting.done(done, code, name).await?;
    Ok(Json((&change).into()))
}

fn code(refused: &ChangeRefused) -> Code {
    match refused {
        ChangeRefused::Unknown(_) => Code::ChangeUnknown,
        ChangeRefused::NotAllowed { .. } => Code::NotAllowed,
        ChangeRefused::Missing(_) => Code::Required,
        ChangeRefused::Invalid(_) => Code::InvalidBody,
    }
}

impl Plan {
    fn read(self) -> Result<NewChange, Problem> {
        let time = |key: &str, text: &str| {
            let invalid = |e| Problem::new(Code::InvalidBody, format!("{key} '{text}' is {e}"));
            text.parse().map_err(invalid)
        };
        Ok(NewChange {
            start: time("start", &self.start)?,
            end: time("end", &self.end)?,
            title: self.title,
            documents: self.documents.into_iter().map(Into::into).collect(),
            services: self.services,
        })
    }
}

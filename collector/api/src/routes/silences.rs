//! `/api/v1/silences`: made, listed, ended. A silence mutes people, never a clock nor an incident.

use crate::app::App;
use crate::audit::{self, Caller};
use crate::auth::Person;
use crate::extract::{Body, Params, SilencePath};
use crate::json::{MatcherJson, SilenceJson, role_word};
use crate::problem::{Code, Problem};
use crate::{Peer, SilenceError};
use axum::extract::State;
use axum::{Extension, Json};
use collector_domain::{AuditAction, NewSilence, SilenceChange, SilenceId, SilenceRefused};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use shared_model::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// When to try again after the collector could not take a silence.
const RETRY: Duration = Duration::from_secs(2);

/// Body of `POST /api/v1/silences`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    /// 1 to 16; all must hold.
    matchers: Vec<MatcherJson>,
    /// Why; 1 to 1 000 characters.
    reason: String,
    /// RFC 3339 in UTC; now when it is left out or past.
    start: Option<String>,
    /// RFC 3339 in UTC, at most 30 days after the start. This or `duration_seconds`.
    end: Option<String>,
    /// Instead of `end`: how long from the start on.
    duration_seconds: Option<u64>,
}

/// Query of `GET /api/v1/silences`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// Ended ones too; by default only those that mute or will.
    #[serde(default)]
    expired: bool,
}

/// The list.
#[derive(Serialize)]
pub(crate) struct Page {
    /// Newest first.
    silences: Vec<SilenceJson>,
}

/// Makes one.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    peer: Option<Extension<Peer>>,
    Body(wish): Body<Wish>,
) -> Result<(StatusCode, Json<SilenceJson>), Problem> {
    let words = wish.matchers.iter().map(MatcherJson::words).collect::<Vec<_>>().join(" ");
    let actor = Actor::of(&app, &person, peer, format!("create {words}"))?;
    let change = actor.refused(wish.change(&person.name, app.desk.steady_now()))?;
    Ok((StatusCode::CREATED, actor.perform(change).await?))
}

/// Ends one before its time.
pub(crate) async fn expire(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    peer: Option<Extension<Peer>>,
    SilencePath(id): SilencePath,
) -> Result<Json<SilenceJson>, Problem> {
    let actor = Actor::of(&app, &person, peer, "expire".to_owned())?;
    actor.perform(SilenceChange::Expire { id, by: person.name.clone() }).await
}

/// Lists them.
pub(crate) async fn list(State(app): State<Arc<App>>, Params(query): Params<Query>) -> Json<Page> {
    let now = app.desk.steady_now();
    let mut silences = app.desk.silences();
    silences.retain(|s| query.expired || s.end > now);
    silences.sort_by_key(|s| std::cmp::Reverse(s.id));
    Json(Page { silences: silences.iter().map(|s| SilenceJson::of(s, now)).collect() })
}

/// Shows one.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    SilencePath(id): SilencePath,
) -> Result<Json<SilenceJson>, Problem> {
    let found = app.desk.silences().into_iter().find(|s| s.id == id);
    let silence = found.ok_or_else(|| unknown(id))?;
    Ok(Json(SilenceJson::of(&silence, app.desk.steady_now())))
}

impl Wish {
    fn change(self, by: &str, now: Timestamp) -> Result<SilenceChange, Problem> {
        let invalid = |what: &str| Problem::new(Code::InvalidBody, what);
        let time = |text: Option<String>, key: &str| {
            let parse =
                |text: String| text.parse().map_err(|e| invalid(&format!("{key} '{text}' is {e}")));
            text.map(parse).transpose()
        };
        let start = time(self.start, "start")?;
        let end = match (time(self.end, "end")?, self.duration_seconds) {
            (Some(end), None) => end,
            (None, Some(secs)) => start.unwrap_or(now).max(now).plus(Duration::from_secs(secs)),
            _ => return Err(invalid("say either end or duration_seconds")),
        };
        let matchers = self.matchers.into_iter().map(Into::into).collect();
        let reason = self.reason;
        Ok(SilenceChange::Create(NewSilence { matchers, by: by.to_owned(), reason, start, end }))
    }
}

/// Somebody who may make silences, and what for.
struct Actor<'a> {
    app: &'a App,
    caller: Caller<'a>,
    /// What the audit log says of the silence.
    object: String,
}

impl<'a> Actor<'a> {
    /// Refuses roles that only read.
    fn of(
        app: &'a App,
        person: &'a Person,
        peer: Option<Extension<Peer>>,
        object: String,
    ) -> Result<Self, Problem> {
        let peer = peer.map(|Extension(Peer(address))| address);
        let actor = Self { app, caller: Caller { name: &person.name, peer }, object };
        if person.role.may_act() {
            return Ok(actor);
        }
        let role = role_word(person.role);
        let detail = format!("the role {role} reads; engineer and approver make silences");
        actor.refused(Err(Problem::new(Code::RoleMayNotAct, detail)))
    }

    async fn perform(&self, change: SilenceChange) -> Result<Json<SilenceJson>, Problem> {
        let done = self.app.desk.silence(change).await;
        let silence = self.refused(done.map_err(|e| problem_of(&e)))?;
        let object = format!("{} {}", silence.id, self.object);
        audit::done(self.app, self.caller, AuditAction::Silence, &object).await;
        Ok(Json(SilenceJson::of(&silence, self.app.desk.steady_now())))
    }

    /// Tells the audit log of a refusal.
    fn refused<T>(&self, result: Result<T, Problem>) -> Result<T, Problem> {
        result.inspect_err(|why| {
            audit::refused(self.app, self.caller, AuditAction::Silence, &self.object, why);
        })
    }
}

fn unknown(id: SilenceId) -> Problem {
    Problem::new(Code::SilenceUnknown, SilenceRefused::Unknown(id).to_string())
}

fn problem_of(error: &SilenceError) -> Problem {
    let code = match error {
        SilenceError::Refused(SilenceRefused::Unknown(_)) => Code::SilenceUnknown,
        SilenceError::Refused(SilenceRefused::Ended { .. }) => Code::SilenceEnded,
        SilenceError::Refused(SilenceRefused::Missing(_)) => Code::Required,
        SilenceError::Refused(SilenceRefused::Invalid(_)) => Code::InvalidBody,
        SilenceError::Refused(SilenceRefused::TooMany) => Code::TooManySilences,
        SilenceError::Unavailable(_) => Code::Unavailable,
    };
    let problem = Problem::new(code, error.to_string());
    match error {
        SilenceError::Unavailable(_) => problem.retry_after(RETRY),
        SilenceError::Refused(_) => problem,
    }
}

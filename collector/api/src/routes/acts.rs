//! What people do to incidents: acknowledge (响应), resolve (修复), verify (复测).

use crate::app::App;
use crate::audit::{self, Caller};
use crate::auth::Person;
use crate::extract::{Body, IncidentPath};
use crate::json::{IncidentJson, role_word};
use crate::problem::{Code, Problem};
use crate::{ActError, Peer};
use axum::extract::State;
use axum::{Extension, Json};
use collector_domain::{Act, ActRefused, AuditAction, IncidentId};
use serde::Deserialize;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Longest stated fix in characters: it is written to the ledger for ever and printed on the fault form.
const FIX_MAX_CHARS: usize = 4_000;

/// When to try again after the collector could not take an act.
const RETRY: Duration = Duration::from_secs(2);

/// Body of `POST /api/v1/incidents/{id}/resolve`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fix {
    /// What was done; 1 to 4 000 characters.
    fix: String,
}

/// 响应: stops the response clock. Takes no body.
pub(crate) async fn acknowledge(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    peer: Option<Extension<Peer>>,
    IncidentPath(incident): IncidentPath,
) -> Result<Json<IncidentJson>, Problem> {
    let actor = Actor::of(&app, person, peer, incident)?;
    let by = actor.name.clone();
    perform(&app, &actor, Act::Acknowledge { incident, by }).await
}

/// 修复: states the fix.
pub(crate) async fn resolve(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    peer: Option<Extension<Peer>>,
    IncidentPath(incident): IncidentPath,
    Body(Fix { fix }): Body<Fix>,
) -> Result<Json<IncidentJson>, Problem> {
    let actor = Actor::of(&app, person, peer, incident)?;
    let chars = fix.chars().count();
    if chars > FIX_MAX_CHARS {
        let detail = format!("fix has {chars} characters, at most {FIX_MAX_CHARS} are kept");
        return Err(Problem::new(Code::InvalidBody, detail));
    }
    let (fix, by) = (fix.trim().to_owned(), actor.name.clone());
    perform(&app, &actor, Act::Resolve { incident, by, fix }).await
}

/// 复测: asks for a judgement on newer samples. Takes no body.
pub(crate) async fn verify(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    peer: Option<Extension<Peer>>,
    IncidentPath(incident): IncidentPath,
) -> Result<Json<IncidentJson>, Problem> {
    let actor = Actor::of(&app, person, peer, incident)?;
    let by = actor.name.clone();
    perform(&app, &actor, Act::Verify { incident, by }).await
}

/// Somebody who may act, and from where.
struct Actor {
    name: String,
    peer: Option<IpAddr>,
}

impl Actor {
    /// Refuses roles that only read.
    fn of(
        app: &App,
        person: Person,
        peer: Option<Extension<Peer>>,
        incident: IncidentId,
    ) -> Result<Self, Problem> {
        let actor = Self { name: person.name, peer: peer.map(|Extension(Peer(address))| address) };
        if person.role.may_act() {
            return Ok(actor);
        }
        let role = role_word(person.role);
        tracing::warn!(account = actor.name, role, "act refused: role");
        let detail = format!("the role {role} reads; engineer and approver act");
        let problem = Problem::new(Code::RoleMayNotAct, detail);
        audit::refused(app, actor.caller(), AuditAction::Act, &incident.to_string(), &problem);
        Err(problem)
    }

    fn caller(&self) -> Caller<'_> {
        Caller { name: &self.name, peer: self.peer }
    }
}

async fn perform(app: &App, actor: &Actor, act: Act) -> Result<Json<IncidentJson>, Problem> {
    let (incident, by) = (act.incident(), act.by().to_owned());
    let object = format!("{incident} {}", word(&act));
    match app.desk.act(act, None).await {
        Ok(changed) => {
            tracing::info!(account = by, %incident, state = %changed.state, "act");
            audit::done(app, actor.caller(), AuditAction::Act, &object).await;
            Ok(Json(IncidentJson::of(&changed, app.desk.steady_now(), &app.desk.silences())))
        }
        Err(error) => {
            tracing::warn!(account = by, %incident, %error, "act refused");
            let problem = problem_of(&error);
            audit::refused(app, actor.caller(), AuditAction::Act, &object, &problem);
            Err(problem)
        }
    }
}

fn word(act: &Act) -> &'static str {
    match act {
        Act::Acknowledge { .. } => "acknowledge",
        Act::Resolve { .. } => "resolve",
        Act::Verify { .. } => "verify",
    }
}

fn problem_of(error: &ActError) -> Problem {
    let code = match error {
        ActError::Refused(ActRefused::Unknown(_)) => Code::IncidentUnknown,
        ActError::Refused(ActRefused::WrongState { .. } | ActRefused::Changed { .. }) => {
            Code::WrongState
        }
        ActError::Refused(ActRefused::StillBreached { .. }) => Code::StillBreached,
        ActError::Refused(ActRefused::Missing(_)) => Code::Required,
        ActError::Unavailable(_) => Code::Unavailable,
    };
    let problem = Problem::new(code, error.to_string());
    match error {
        ActError::Unavailable(_) => problem.retry_after(RETRY),
        ActError::Refused(_) => problem,
    }
}

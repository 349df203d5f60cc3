//! What people do to incidents: acknowledge (响应), resolve (修复), verify (复测).

use crate::ActError;
use crate::app::App;
use crate::auth::Person;
use crate::extract::{Body, IncidentPath};
use crate::json::{IncidentJson, role_word};
use crate::problem::{Code, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use collector_domain::{Act, ActRefused};
use serde::Deserialize;
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
    IncidentPath(incident): IncidentPath,
) -> Result<Json<IncidentJson>, Problem> {
    let by = name_of_actor(person)?;
    perform(&app, Act::Acknowledge { incident, by }).await
}

/// 修复: states the fix.
pub(crate) async fn resolve(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    IncidentPath(incident): IncidentPath,
    Body(Fix { fix }): Body<Fix>,
) -> Result<Json<IncidentJson>, Problem> {
    let by = name_of_actor(person)?;
    let chars = fix.chars().count();
    if chars > FIX_MAX_CHARS {
        let detail = format!("fix has {chars} characters, at most {FIX_MAX_CHARS} are kept");
        return Err(Problem::new(Code::InvalidBody, detail));
    }
    let fix = fix.trim().to_owned();
    perform(&app, Act::Resolve { incident, by, fix }).await
}

/// 复测: asks for a judgement on newer samples. Takes no body.
pub(crate) async fn verify(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    IncidentPath(incident): IncidentPath,
) -> Result<Json<IncidentJson>, Problem> {
    let by = name_of_actor(person)?;
    perform(&app, Act::Verify { incident, by }).await
}

fn name_of_actor(person: Person) -> Result<String, Problem> {
    if person.role.may_act() {
        return Ok(person.name);
    }
    let role = role_word(person.role);
    tracing::warn!(account = person.name, role, "act refused: role");
    let detail = format!("the role {role} reads; engineer and approver act");
    Err(Problem::new(Code::RoleMayNotAct, detail))
}

async fn perform(app: &App, act: Act) -> Result<Json<IncidentJson>, Problem> {
    let (incident, by) = (act.incident(), act.by().to_owned());
    match app.desk.act(act).await {
        Ok(changed) => {
            tracing::info!(account = by, %incident, state = %changed.state, "act");
            Ok(Json(IncidentJson::of(&changed, app.desk.steady_now())))
        }
        Err(error) => {
            tracing::warn!(account = by, %incident, %error, "act refused");
            Err(problem_of(&error))
        }
    }
}

fn problem_of(error: &ActError) -> Problem {
    let code = match error {
        ActError::Refused(ActRefused::Unknown(_)) => Code::IncidentUnknown,
        ActError::Refused(ActRefused::WrongState { .. }) => Code::WrongState,
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

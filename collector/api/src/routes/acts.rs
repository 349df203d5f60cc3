//! What people do to incidents: `POST /api/v1/incidents/{id}/{act}`.

use crate::app::App;
use crate::audit::{self, Caller};
use crate::auth::Person;
use crate::extract::{ActPath, Body};
use crate::json::{IncidentJson, deed, role_word};
use crate::problem::{Code, Problem};
use crate::routes::etag;
use crate::{ActError, Peer};
use axum::extract::{FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use collector_domain::{Act, ActRefused, AuditAction, Deed, IncidentId};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// When to try again after the collector could not take an act.
const RETRY: Duration = Duration::from_secs(2);

/// One act. With `If-Match: "REVISION"` it is taken only if nothing was written of the incident after that revision.
pub(crate) async fn act(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    peer: Option<Extension<Peer>>,
    ActPath(incident, act): ActPath,
    request: Request,
) -> Result<Response, Problem> {
    let expected = etag::if_match(request.headers())?;
    let deed = match deed::without_body(&act) {
        Some(deed) => deed,
        None => {
            let Body(body) = Body::from_request(request, &()).await?;
            deed::with_body(&act, body)?
        }
    };
    let actor = Actor { name: person.name, peer: peer.map(|Extension(Peer(address))| address) };
    if !person.role.may(&deed) {
        return Err(not_by_role(&app, &actor, role_word(person.role), incident, &deed));
    }
    perform(&app, &actor, Act { incident, by: actor.name.clone(), deed }, expected).await
}

/// Somebody who acts, and from where.
struct Actor {
    name: String,
    peer: Option<IpAddr>,
}

impl Actor {
    fn caller(&self) -> Caller<'_> {
        Caller { name: &self.name, peer: self.peer }
    }
}

fn not_by_role(
    app: &App,
    actor: &Actor,
    role: &'static str,
    incident: IncidentId,
    deed: &Deed,
) -> Problem {
    tracing::warn!(account = actor.name, role, act = deed.word(), "act refused: role");
    let who = if deed.is_hospitals() {
        "approver, the hospital, does"
    } else {
        "engineer and approver do"
    };
    let problem = Problem::new(
        Code::RoleMayNotAct,
        format!("the role {role} does not {}; {who}", deed.word()),
    );
    audit::refused(app, actor.caller(), AuditAction::Act, &incident.to_string(), &problem);
    problem
}

async fn perform(
    app: &App,
    actor: &Actor,
    act: Act,
    expected: Option<u64>,
) -> Result<Response, Problem> {
    let (incident, by) = (act.incident, act.by.clone());
    let object = format!("{incident} {}", act.deed.word());
    match app.desk.act(act, expected).await {
        Ok(changed) => {
            tracing::info!(account = by, %incident, state = %changed.state, "act");
            audit::done(app, actor.caller(), AuditAction::Act, &object).await;
            let json = IncidentJson::of(&changed, app.desk.steady_now(), &app.desk.silences());
            Ok((etag::header(changed.revision), Json(json)).into_response())
        }
        Err(error) => {
            tracing::warn!(account = by, %incident, %error, "act refused");
            let problem = problem_of(&error);
            audit::refused(app, actor.caller(), AuditAction::Act, &object, &problem);
            Err(problem)
        }
    }
}

fn problem_of(error: &ActError) -> Problem {
    let code = match error {
        ActError::Refused(ActRefused::Unknown(_)) => Code::IncidentUnknown,
        ActError::Refused(ActRefused::WrongState { .. }) => Code::WrongState,
        ActError::Refused(ActRefused::Changed { .. }) => Code::Changed,
        ActError::Refused(ActRefused::StillBreached { .. }) => Code::StillBreached,
        ActError::Refused(ActRefused::NotAllowed { .. }) => Code::NotAllowed,
        ActError::Refused(ActRefused::Missing(_)) => Code::Required,
        ActError::Unavailable(_) => Code::Unavailable,
    };
    let problem = Problem::new(code, error.to_string());
    match error {
        ActError::Unavailable(_) => problem.retry_after(RETRY),
        ActError::Refused(_) => problem,
    }
}

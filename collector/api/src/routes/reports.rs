//! `POST /api/v1/incidents`: a fault or a question that somebody called about, in a short form.

use crate::Peer;
use crate::app::App;
use crate::auth::Person;
use crate::extract::Body;
use crate::json::IncidentJson;
use crate::problem::{Code, Problem};
use crate::routes::acting::Acting;
use crate::routes::etag;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use collector_domain::{AuditAction, Report, ReportRefused};
use http::StatusCode;
use serde::Deserialize;
use shared_model::Level;
use std::sync::Arc;

/// The form. It takes fifteen seconds to fill.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Form {
    /// 2 to 4; 4 is a question.
    level: u8,
    /// What is wrong, or what is asked; 1 to 4 000 characters.
    symptom: String,
    /// Who called.
    caller: String,
    /// How to call back.
    #[serde(default)]
    phone: String,
    /// When the call came, RFC 3339 in UTC: the clocks start here. Now when it is left out.
    called: Option<String>,
}

/// Takes a report down.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    peer: Option<Extension<Peer>>,
    Body(form): Body<Form>,
) -> Result<Response, Problem> {
    let what = (AuditAction::Report, "reported".to_owned());
    let may = (person.role.may_act(), "engineer and approver take reports down");
    let acting = Acting::of(&app, &person, peer, what, may)?;
    let report = acting.refused(form.report(&person.name))?;
    let code = |refused: &ReportRefused| match refused {
        ReportRefused::Missing(_) => Code::Required,
        ReportRefused::Invalid(_) => Code::InvalidBody,
    };
    let opened = app.desk.report(report).await;
    let opened = acting.done(opened, code, |incident| incident.id.to_string()).await?;
    let json = IncidentJson::of(&opened, app.desk.steady_now(), &app.desk.silences());
    Ok((StatusCode::CREATED, etag::header(opened.revision), Json(json)).into_response())
}

impl Form {
    fn report(self, by: &str) -> Result<Report, Problem> {
        let invalid = |what: String| Problem::new(Code::InvalidBody, what);
        let level = Level::try_from(self.level).map_err(|e| invalid(e.to_string()))?;
        let called = self
            .called
            .map(|text| text.parse().map_err(|e| invalid(format!("called '{text}' is {e}"))));
        Ok(Report {
            by: by.to_owned(),
            level,
            symptom: self.symptom,
            caller: self.caller,
            phone: self.phone,
            called: called.transpose()?,
        })
    }
}

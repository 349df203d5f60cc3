//! `/api/v1/roster`: who is on duty, and the proof that every minute has somebody.

use crate::Peer;
use crate::app::App;
use crate::auth::Person;
use crate::extract::{Body, Params};
use crate::json::{RosterJson, ShiftJson};
use crate::problem::{Code, Problem};
use crate::routes::acting::Acting;
use axum::extract::State;
use axum::{Extension, Json};
use collector_domain::{AuditAction, Period, Role, Roster, RosterChange};
use serde::Deserialize;
use shared_model::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// What is shown when nobody says until when.
const AHEAD: Duration = Duration::from_secs(365 * 86_400);

/// Query of `GET /api/v1/roster`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// RFC 3339 in UTC; now when it is left out.
    from: Option<String>,
    /// A year later when it is left out.
    to: Option<String>,
}

/// Body of `PUT /api/v1/roster`: the shifts within a time, which replace those that were there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    from: String,
    to: String,
    /// At most 4 000.
    shifts: Vec<ShiftJson>,
}

/// Shows a time of it with its gaps.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Params(query): Params<Query>,
) -> Result<Json<RosterJson>, Problem> {
    let now = app.desk.steady_now();
    let parse = |key: &str, text: Option<String>| {
        text.map(|text| instant(Code::InvalidQuery, key, &text)).transpose()
    };
    let from = parse("from", query.from)?.unwrap_or(now);
    let to = parse("to", query.to)?.unwrap_or_else(|| from.plus(AHEAD));
    if from >= to {
        let detail = format!("from {from} is not before to {to}");
        return Err(Problem::new(Code::InvalidQuery, detail));
    }
    Ok(Json(RosterJson::of(&app.desk.roster(), Period { from, to }, now)))
}

/// Writes a time of it anew.
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    peer: Option<Extension<Peer>>,
    Body(plan): Body<Plan>,
) -> Result<Json<RosterJson>, Problem> {
    let may = person.role.may_act() || person.role == Role::SystemAdmin;
    let who = "engineer, approver and system_admin write the roster";
    let what = (AuditAction::Roster, format!("from {} to {}", plan.from, plan.to));
    let acting = Acting::of(&app, &person, peer, what, (may, who))?;
    let change = acting.refused(plan.change(&person.name))?;
    let period = change.period;
    let done = app.desk.set_roster(change).await;
    let roster: Arc<Roster> =
        acting.done(done, |_| Code::InvalidBody, |_| "roster".to_owned()).await?;
    Ok(Json(RosterJson::of(&roster, period, app.desk.steady_now())))
}

impl Plan {
    fn change(self, by: &str) -> Result<RosterChange, Problem> {
        let time = |key: &str, text: &str| instant(Code::InvalidBody, key, text);
        let period = Period { from: time("from", &self.from)?, to: time("to", &self.to)? };
        let shifts = self.shifts.into_iter().map(ShiftJson::read).collect::<Result<_, _>>();
        let shifts = shifts.map_err(|why| Problem::new(Code::InvalidBody, why))?;
        Ok(RosterChange { by: by.to_owned(), period, shifts })
    }
}

fn instant(code: Code, key: &str, text: &str) -> Result<Timestamp, Problem> {
    text.parse().map_err(|e| Problem::new(code, format!("{key} '{text}' is {e}")))
}

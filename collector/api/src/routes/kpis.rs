//! `/api/v1/kpis`: the contract's figures of a period.

use crate::app::App;
use crate::extract::Params;
use crate::json::FiguresJson;
use crate::problem::{Code, Problem};
use axum::Json;
use axum::extract::State;
use collector_domain::Period;
use serde::Deserialize;
use shared_model::{Day, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// Query of `GET /api/v1/kpis`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// First instant, RFC 3339 in UTC, or a day in China; by default the first of January.
    from: Option<String>,
    /// First instant after the period, in the same forms; by default now.
    to: Option<String>,
}

/// Computes the figures from the ledger.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Params(query): Params<Query>,
) -> Result<Json<FiguresJson>, Problem> {
    let now = app.desk.steady_now();
    let (year, ..) = Day::of(now).civil();
    let january = || format!("{year:04}-01-01");
    let from = instant("from", &query.from.unwrap_or_else(january))?;
    let to = query.to.map_or(Ok(now), |text| instant("to", &text))?;
    if from >= to {
        return Err(invalid(format!("from {from} is not before to {to}")));
    }
    let figures = app.desk.figures(Period { from, to }).await.map_err(|why| {
        tracing::warn!(why, "the figures cannot be computed now");
        Problem::new(Code::Unavailable, why).retry_after(Duration::from_secs(2))
    })?;
    Ok(Json(FiguresJson::of(&figures, app.desk.contract().level_2_up)))
}

fn instant(key: &str, text: &str) -> Result<Timestamp, Problem> {
    let day = || text.parse::<Day>().map(Day::start);
    text.parse()
        .or_else(|_| day())
        .map_err(|_| invalid(format!("{key} '{text}': write 2026-01-01, or 2026-01-01T00:00:00Z")))
}

fn invalid(detail: String) -> Problem {
    Problem::new(Code::InvalidQuery, detail)
}

//! `/prometheus/api/v1`: instant and range queries as Prometheus answers them, for Grafana and for tools.

mod answer;
mod params;

use crate::app::App;
use crate::extract::Fields;
use crate::problem::Problem;
use answer::{Answer, Failure};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use collector_promql::{DEFAULT_LOOKBACK, Expr, Limits, QueryError, Value};
use params::Given;
use shared_model::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Most steps between the first and the last point of a range query, Prometheus' own limit.
const STEPS_MAX: u32 = 11_000;

/// How long a query waits for its turn before it is sent away.
const TURN: Duration = Duration::from_secs(10);

/// `query`: the value of an expression at `time`, by default now.
pub(crate) async fn query(
    State(app): State<Arc<App>>,
    given: Result<Fields<Vec<(String, String)>>, Problem>,
) -> Response {
    respond(instant(&app, given).await)
}

/// `query_range`: the values of an expression from `start` to `end` every `step`.
pub(crate) async fn query_range(
    State(app): State<Arc<App>>,
    given: Result<Fields<Vec<(String, String)>>, Problem>,
) -> Response {
    respond(range(&app, given).await)
}

/// `status/buildinfo`: Grafana asks for it to learn what it talks to.
pub(crate) async fn build_info() -> Response {
    answer::build_info().into_response()
}

type FormOrNot = Result<Fields<Vec<(String, String)>>, Problem>;

fn respond(outcome: Result<Answer, Failure>) -> Response {
    match outcome {
        Ok(answer) => answer.into_response(),
        Err(failure) => failure.into_response(),
    }
}

async fn instant(app: &App, given: FormOrNot) -> Result<Answer, Failure> {
    let given = Given::new(given)?;
    let at = given.time("time")?.unwrap_or_else(|| app.clock.wall());
    let expr = parse(given.required("query")?)?;
    let reader = app.desk.series();
    let value = evaluate(app, move || {
        let limits = Limits::default();
        collector_promql::instant(&expr, at, &DEFAULT_LOOKBACK, &*reader, &limits)
    });
    Ok(Answer::instant(value.await?, at))
}

async fn range(app: &App, given: FormOrNot) -> Result<Answer, Failure> {
    let given = Given::new(given)?;
    let (start, end) = (given.required_time("start")?, given.required_time("end")?);
    let step = given.required_step("step")?;
    check_range(start, end, step)?;
    let expr = parse(given.required("query")?)?;
    let reader = app.desk.series();
    let value = evaluate(app, move || {
        let limits = Limits {
            // The engine counts points, one more than the steps between them.
            steps: STEPS_MAX as usize + 1,
            ..Limits::default()
        };
        collector_promql::range(&expr, start, end, step, &DEFAULT_LOOKBACK, &*reader, &limits)
    });
    Ok(Answer::range(value.await?, start))
}

/// The checks of Prometheus' own handler, with its words.
fn check_range(start: Timestamp, end: Timestamp, step: Duration) -> Result<(), Failure> {
    if end < start {
        let why = "end timestamp must not be before start time";
        return Err(Failure::parameter("end", why));
    }
    if step.is_zero() {
        let why = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(Failure::parameter("step", why));
    }
    if end.since(start).as_micros() / step.as_micros().max(1) > u128::from(STEPS_MAX) {
        let why = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)";
        return Err(Failure::bad_data(why));
    }
    Ok(())
}

fn parse(text: &str) -> Result<Expr, Failure> {
    collector_promql::parse(text).map_err(|error| Failure::parameter("query", &error.to_string()))
}

/// Evaluates on a blocking thread once it is this query's turn. The permit goes along with the work, so that a client that
/// hangs up does not free it early.
async fn evaluate(
    app: &App,
    work: impl FnOnce() -> Result<Value, QueryError> + Send + 'static,
) -> Result<Value, Failure> {
    let turn = Arc::clone(&app.queries).acquire_owned();
    let Ok(Ok(permit)) = tokio::time::timeout(TURN, turn).await else {
        return Err(Failure::unavailable("too many queries at once, try again"));
    };
    let evaluated = tokio::task::spawn_blocking(move || {
        let value = work();
        drop(permit);
        value
    });
    match evaluated.await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Failure::execution(&error.to_string())),
        Err(error) => {
            tracing::error!(%error, "a query's evaluation broke off");
            Err(Failure::internal("the evaluation broke off"))
        }
    }
}

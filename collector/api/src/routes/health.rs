//! `/healthz` and `/readyz`: open to everybody, so they say nothing about the hospital.

use crate::app::App;
use crate::problem::{Code, Problem};
use axum::extract::State;
use std::sync::Arc;

/// The process answers.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// The collector does its work. Why it does not is in the log and in `wardround_ready`, not in this open answer.
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    match app.desk.ready() {
        Ok(()) => Ok("ready\n"),
        Err(why) => {
            tracing::warn!(why, "not ready");
            Err(Code::NotReady.into())
        }
    }
}

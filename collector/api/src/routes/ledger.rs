//! `/api/v1/ledger/checkpoint`: a signed checkpoint for the hospital to keep.

use crate::app::App;
use crate::problem::{Code, Problem};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use std::sync::Arc;
use std::time::Duration;

/// Signs what is on disk now. Everybody who is signed in may keep one: the more there are, the less can be rewritten.
pub(crate) async fn checkpoint(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let text =
        app.desk.checkpoint().await.map_err(|why| {
            Problem::new(Code::Unavailable, why).retry_after(Duration::from_secs(2))
        })?;
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"checkpoint.json\""),
    ];
    Ok((headers, text).into_response())
}

//! `/metrics`: OpenMetrics text of the collector itself, its incidents and its nodes.

mod encode;
mod families;

use crate::app::App;
use crate::problem::{Code, Problem};
use axum::extract::State;
use axum::response::IntoResponse;
use http::header;
use std::sync::Arc;

/// Everything, computed at the moment of the scrape.
pub(crate) async fn show(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Problem> {
    let text = encode::encode(families::all(&app)).map_err(|e| {
        tracing::error!(error = %e, "metrics cannot be written");
        Problem::from(Code::Internal)
    })?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text))
}

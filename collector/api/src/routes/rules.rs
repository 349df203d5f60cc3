//! `/api/v1/rules`.

use crate::app::App;
use crate::json::RuleJson;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;

/// Answer of `GET /api/v1/rules`.
#[derive(Serialize)]
pub(crate) struct Rules {
    /// In the order of the packs.
    rules: Vec<RuleJson>,
}

/// All rules in force.
pub(crate) async fn list(State(app): State<Arc<App>>) -> Json<Rules> {
    Json(Rules { rules: app.desk.rules().iter().map(RuleJson::from).collect() })
}

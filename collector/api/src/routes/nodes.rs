//! `/api/v1/nodes`.

use crate::app::App;
use crate::json::NodeJson;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;

/// Answer of `GET /api/v1/nodes`.
#[derive(Serialize)]
pub(crate) struct Nodes {
    /// In order of identity.
    nodes: Vec<NodeJson>,
}

/// All nodes.
pub(crate) async fn list(State(app): State<Arc<App>>) -> Json<Nodes> {
    let mut nodes = app.desk.nodes();
    nodes.sort_by(|a, b| a.identity.cmp(&b.identity));
    Json(Nodes { nodes: nodes.iter().map(NodeJson::from).collect() })
}

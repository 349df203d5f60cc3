//! `/api/v1/session`: log in, who am I, log out.

use crate::Peer;
use crate::app::App;
use crate::auth::{COOKIE, LoggedIn, Person, log_in, token_in};
use crate::extract::Body;
use crate::json::role_word;
use crate::problem::Problem;
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse};
use axum::{Extension, Json};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Body of `POST /api/v1/session`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    name: String,
    password: String,
}

/// Who is signed in.
#[derive(Serialize)]
pub(crate) struct SessionJson {
    name: String,
    role: &'static str,
    /// Whether this person may act on incidents.
    may_act: bool,
    /// For `Authorization: Bearer`; only in the answer to a login.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// Logs in.
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    peer: Option<Extension<Peer>>,
    Body(login): Body<Login>,
) -> Result<impl IntoResponse, Problem> {
    let peer = peer.map(|Extension(Peer(address))| address);
    let LoggedIn { account, token } = log_in(&app, &login.name, login.password, peer).await?;
    let cookie = cookie_with(&token);
    let session = SessionJson {
        name: account.name,
        role: role_word(account.role),
        may_act: account.role.may_act(),
        token: Some(token),
    };
    Ok((StatusCode::CREATED, AppendHeaders([(header::SET_COOKIE, cookie)]), Json(session)))
}

/// Who am I.
pub(crate) async fn show(Extension(person): Extension<Person>) -> Json<SessionJson> {
    Json(SessionJson {
        may_act: person.role.may_act(),
        role: role_word(person.role),
        name: person.name,
        token: None,
    })
}

/// Logs out.
pub(crate) async fn close(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
) -> impl IntoResponse {
    if let Some(incoming) = token_in(&headers) {
        app.sessions.close(incoming.token);
        tracing::info!(account = person.name, "logout");
    }
    (StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, expired_cookie())]))
}

/// The cookie that carries a token. It has no `Max-Age`: the server's table decides how long it is worth something.
pub(crate) fn cookie_with(token: &str) -> String {
    format!("{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Strict")
}

/// The cookie that makes a browser forget.
pub(crate) fn expired_cookie() -> String {
    format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}

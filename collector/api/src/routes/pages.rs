//! The pages for people: status, login form, style sheet.

use super::session::{cookie_with, expired_cookie};
use crate::Peer;
use crate::app::App;
use crate::audit::{self, Caller};
use crate::auth::{self, find_person, refuse_foreign_origin, require_same_site, token_in};
use crate::extract::Fields;
use crate::page::{STYLE, View, login_page, status_page};
use crate::problem::Problem;
use axum::Extension;
use axum::extract::State;
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use http::{HeaderMap, Uri, header};
use serde::Deserialize;
use std::sync::Arc;

/// Fields of the login form.
#[derive(Deserialize)]
pub(crate) struct Login {
    name: String,
    password: String,
}

/// The status page, or the login form for who is not signed in.
pub(crate) async fn status(
    State(app): State<Arc<App>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
) -> Html<String> {
    let desk = &app.desk;
    let hospital = desk.hospital();
    let Some(person) = find_person(&app, &headers) else {
        return Html(login_page(&hospital, None));
    };
    let peer = peer.map(|Extension(Peer(address))| address);
    audit::read(&app, Caller { name: &person.name, peer }, "GET /");
    let not_ready = desk.ready().err();
    Html(status_page(&View {
        hospital: &hospital,
        contract: &desk.contract(),
        incidents: &desk.incidents().incidents,
        nodes: &desk.nodes(),
        findings: &desk.findings(),
        rules: &desk.rules(),
        not_ready: not_ready.as_deref(),
        person: &person.name,
        steady: desk.steady_now(),
        wall: app.clock.wall(),
    }))
}

/// The login form.
pub(crate) async fn login(State(app): State<Arc<App>>) -> Html<String> {
    Html(login_page(&app.desk.hospital(), None))
}

/// Takes the login form: to the status page with a cookie, or the form again with the reason.
pub(crate) async fn log_in(
    State(app): State<Arc<App>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    uri: Uri,
    form: Result<Fields<Login>, Problem>,
) -> Response {
    let outcome = match (refuse_foreign_origin(&headers, &uri), form) {
        (Err(problem), _) | (Ok(()), Err(problem)) => Err(problem),
        (Ok(()), Ok(Fields(login))) => {
            let peer = peer.map(|Extension(Peer(address))| address);
            auth::log_in(&app, &login.name, login.password, peer).await
        }
    };
    match outcome {
        Ok(logged_in) => {
            let cookie = [(header::SET_COOKIE, cookie_with(&logged_in.token))];
            (AppendHeaders(cookie), Redirect::to("/")).into_response()
        }
        Err(problem) => {
            let page = login_page(&app.desk.hospital(), Some(&problem.sentence()));
            let mut response = (problem.status(), Html(page)).into_response();
            // What the problem says in its headers (when to try again) holds for the page too.
            for (name, value) in problem.into_response().headers() {
                if name == header::RETRY_AFTER {
                    response.headers_mut().insert(name, value.clone());
                }
            }
            response
        }
    }
}

/// Takes the button of the status page. Signing out twice is no error.
pub(crate) async fn log_out(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    require_same_site(&headers, &uri)?;
    if let Some(incoming) = token_in(&headers) {
        app.sessions.close(incoming.token);
    }
    let cookie = [(header::SET_COOKIE, expired_cookie())];
    Ok((AppendHeaders(cookie), Redirect::to("/")).into_response())
}

/// The style sheet: part of the program, so browsers may keep it for a while.
pub(crate) async fn style() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
    ];
    (headers, STYLE)
}

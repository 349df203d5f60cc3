//! The guard: who is asking, and whether the request came from our own pages.

use super::basic;
use super::session::COOKIE;
use crate::app::App;
use crate::audit::{self, Caller};
use crate::problem::{Code, Problem};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use collector_domain::{AuditAction, Role};
use http::{HeaderMap, Method, Uri, header};
use std::sync::Arc;

/// The person behind an authenticated request.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) role: Role,
}

/// A session token as it came in.
pub(crate) struct TokenIn<'a> {
    pub(crate) token: &'a str,
    /// A browser attaches cookies by itself, also to requests that another site caused.
    from_cookie: bool,
}

/// Lets authenticated requests through with a [`Person`] in their extensions. Cookie-authenticated requests that may change
/// something must come from our own pages.
pub(crate) async fn require_person(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let (call, peer) = (audit::call_of(&request), audit::peer_of(&request));
    let refuse = |name: &str, problem: Problem| {
        audit::refused(&app, Caller { name, peer }, AuditAction::Call, &call, &problem);
        problem.into_response()
    };
    if let Err(problem) = basic::to_session(&app, request.headers_mut(), peer).await {
        return refuse(audit::UNKNOWN, problem);
    }
    let headers = request.headers();
    let Some(person) = find_person(&app, headers) else {
        return refuse(audit::UNKNOWN, Code::NotSignedIn.into());
    };
    let from_cookie = token_in(headers).is_some_and(|t| t.from_cookie);
    if from_cookie
        && is_unsafe(request.method())
        && let Err(problem) = require_same_site(headers, request.uri())
    {
        return refuse(&person.name, problem);
    }
    let name = person.name.clone();
    let is_read = audit::reads_hospital_data(&request);
    request.extensions_mut().insert(person);
    let response = next.run(request).await;
    if is_read && response.status().is_success() {
        audit::read(&app, Caller { name: &name, peer }, &call);
    }
    response
}

/// The person whose session the request carries. The account is looked up anew each time, so that a removed account, a
/// changed role or a changed password works at once.
pub(crate) fn find_person(app: &App, headers: &HeaderMap) -> Option<Person> {
    person_of(app, token_in(headers)?.token)
}

/// The person of a session.
pub(super) fn person_of(app: &App, token: &str) -> Option<Person> {
    let name = app.sessions.touch(token, app.clock.boot())?;
    let Some(account) = app.desk.account(&name) else {
        app.sessions.close(token);
        return None;
    };
    app.sessions
        .still_fits(token, &account)
        .then_some(Person { name: account.name, role: account.role })
}

/// The token of a request: `Authorization: Bearer` wins over the cookie, and any other `Authorization` counts as none.
pub(crate) fn token_in(headers: &HeaderMap) -> Option<TokenIn<'_>> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        let token = token.trim();
        return (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
            .then_some(TokenIn { token, from_cookie: false });
    }
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, token)| *name == COOKIE && !token.is_empty())
        .map(|(_, token)| TokenIn { token, from_cookie: true })
}

/// Whether a request was caused by our own pages: by the header `X-Requested-With: wardround`, which another site cannot add
/// without a CORS permission that is never given, or by an `Origin` that names the host the request was sent to.
pub(crate) fn require_same_site(headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
    let mark = headers.get("x-requested-with");
    if mark.is_some_and(|mark| mark == "wardround") || origin_is_ours(headers, uri) == Some(true) {
        return Ok(());
    }
    Err(Problem::new(
        Code::CrossSite,
        "send the header X-Requested-With: wardround, or an Origin equal to the host",
    ))
}

/// For requests that carry no session yet: refuses those that say they come from elsewhere, so that no other site can sign
/// a person in under a name of its choice.
pub(crate) fn refuse_foreign_origin(headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
    match origin_is_ours(headers, uri) {
        None | Some(true) => Ok(()),
        Some(false) => Err(Problem::new(Code::CrossSite, "the Origin is not this host")),
    }
}

/// Whether `Origin` names this host over TLS; `None` without the header.
fn origin_is_ours(headers: &HeaderMap, uri: &Uri) -> Option<bool> {
    let origin = headers.get(header::ORIGIN)?;
    let origin = origin.to_str().ok().and_then(|o| o.strip_prefix("https://"));
    // HTTP/2 sends the host as the authority of the URI.
    let host = match uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => headers.get(header::HOST).and_then(|host| host.to_str().ok()),
    };
    Some(matches!((origin, host), (Some(o), Some(h)) if o.eq_ignore_ascii_case(h)))
}

fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

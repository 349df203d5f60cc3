//! What the API tells the audit log: who was let in, who was refused, who read the hospital's data.

use crate::app::App;
use crate::problem::Problem;
use crate::serve::Peer;
use axum::extract::{MatchedPath, Request};
use collector_domain::{AuditAction, AuditEvent, AuditOutcome};
use http::Method;
use std::net::IpAddr;

/// Name of a caller who did not prove who it is.
pub(crate) const UNKNOWN: &str = "unknown";

/// Routes that tell nothing of the hospital: who I am, and what the program is.
const NOT_HOSPITAL_DATA: [&str; 3] =
    ["/api/v1/session", "/api/v1/rules", "/prometheus/api/v1/status/buildinfo"];

/// Who calls, and from where.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) name: &'a str,
    pub(crate) peer: Option<IpAddr>,
}

/// Method and route of a request, `GET /api/v1/incidents/{id}`: the route, not the path, so that it has no content.
pub(crate) fn call_of(request: &Request) -> String {
    let route = request.extensions().get::<MatchedPath>();
    format!("{} {}", request.method(), route.map_or("", MatchedPath::as_str))
}

/// Where a request came from.
pub(crate) fn peer_of(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<Peer>().map(|Peer(address)| *address)
}

/// Whether a request reads the hospital's data. Queries may be posted; other posts are acts, which are told apart.
pub(crate) fn reads_hospital_data(request: &Request) -> bool {
    let Some(route) = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str) else {
        return false;
    };
    let reads = request.method() == Method::GET || route.starts_with("/prometheus/");
    reads && !NOT_HOSPITAL_DATA.contains(&route)
}

/// Tells that data was handed out.
pub(crate) fn read(app: &App, caller: Caller<'_>, call: &str) {
    let event = event(app, caller, AuditAction::Call, call, AuditOutcome::Done, String::new());
    app.desk.auditor().note(event);
}

/// Tells that something was done, and waits until the audit log has it on disk.
pub(crate) async fn done(app: &App, caller: Caller<'_>, action: AuditAction, object: &str) {
    let auditor = app.desk.auditor();
    auditor.note(event(app, caller, action, object, AuditOutcome::Done, String::new()));
    auditor.settled().await;
}

/// Tells that something was refused.
pub(crate) fn refused(
    app: &App,
    caller: Caller<'_>,
    action: AuditAction,
    object: &str,
    why: &Problem,
) {
    let event = event(app, caller, action, object, AuditOutcome::Refused, why.english());
    app.desk.auditor().note(event);
}

fn event(
    app: &App,
    caller: Caller<'_>,
    action: AuditAction,
    object: &str,
    outcome: AuditOutcome,
    detail: String,
) -> AuditEvent {
    AuditEvent {
        at: app.clock.wall(),
        who: caller.name.to_owned(),
        from: caller.peer.map(|address| address.to_string()),
        action,
        object: object.to_owned(),
        outcome,
        detail,
    }
}

//! All routes in one list, and the layers around them.

use crate::app::App;
use crate::auth::require_person;
use crate::password::PasswordError;
use crate::problem::{Code, Problem, complete};
use crate::routes::{
    acts, alertmanager, audit, changes, findings, health, incidents, kpis, ledger, metrics, nodes,
    pages, prometheus, reports, roster, rules, session, silences, stream,
};
use crate::{Desk, Options};
use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderName, HeaderValue, StatusCode, header};
use shared_model::Clock;
use std::sync::Arc;
use std::time::Duration;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::{BoxError, ServiceBuilder};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

/// Header, value and reason of what every answer carries.
const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    // Nothing from elsewhere, no script or style in the page itself, no framing.
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; script-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // For browsers that do not know frame-ancestors.
    (header::X_FRAME_OPTIONS, "DENY"),
    // Keeps the Origin header on our own forms, which no-referrer would blank.
    (header::REFERRER_POLICY, "same-origin"),
    // One year; this name is never served without TLS.
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    // State of a hospital belongs in no cache. The style sheet overrides this.
    (header::CACHE_CONTROL, "no-store"),
];

/// Builds the service that [`crate::serve`] serves.
///
/// # Errors
/// When no randomness or memory is available for the decoy hash that unknown accounts are verified against.
pub fn router(
    desk: Arc<dyn Desk>,
    clock: Arc<dyn Clock>,
    options: &Options,
) -> Result<Router, PasswordError> {
    let app = Arc::new(App::new(desk, clock, options)?);
    let routes = protected(&app).merge(open());
    Ok(limited(routes, options)
        // A probe must hear that the process lives while requests are being shed.
        .merge(probes())
        .fallback(|| async { Problem::from(Code::NotFound) })
        .with_state(app)
        .layer(map_response(complete))
        .layer(map_response(with_security_headers)))
}

/// Routes that need a session.
fn protected(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/session", get(session::show).delete(session::close))
        .route("/api/v1/nodes", get(nodes::list))
        .route("/api/v1/incidents", get(incidents::list).post(reports::create))
        .route("/api/v1/incidents/{id}", get(incidents::show))
        .route("/api/v1/incidents/{id}/deliveries", get(incidents::deliveries))
        .route("/api/v1/incidents/{id}/{act}", post(acts::act))
        .route("/api/v1/stream", get(stream::open))
        .route("/api/v1/silences", get(silences::list).post(silences::create))
        .route("/api/v1/silences/{id}", get(silences::show).delete(silences::expire))
        .route("/api/v1/changes", get(changes::list).post(changes::create))
        .route("/api/v1/changes/{id}", get(changes::show))
        .route("/api/v1/changes/{id}/approve", post(changes::approve))
        .route("/api/v1/changes/{id}/decline", post(changes::decline))
        .route("/api/v1/changes/{id}/withdraw", post(changes::withdraw))
        .route("/api/v1/roster", get(roster::show).put(roster::put))
        .route("/api/v1/kpis", get(kpis::show))
        .route("/api/v1/findings", get(findings::list))
        .route("/api/v1/rules", get(rules::list))
        .route("/api/v1/ledger/checkpoint", get(ledger::checkpoint))
        .route("/api/v1/audit", get(audit::list))
        .route(
            "/alertmanager/api/v2/alerts",
            get(alertmanager::alerts).post(alertmanager::post_alerts),
        )
        .route("/alertmanager/api/v2/silences", get(alertmanager::silences))
        .route("/alertmanager/api/v2/receivers", get(alertmanager::receivers))
        .route("/alertmanager/api/v2/status", get(alertmanager::status))
        .route("/alertmanager/webhook", post(alertmanager::webhook))
        .route("/metrics", get(metrics::show))
        .route("/prometheus/api/v1/query", get(prometheus::query).post(prometheus::query))
        .route(
            "/prometheus/api/v1/query_range",
            get(prometheus::query_range).post(prometheus::query_range),
        )
        .route("/prometheus/api/v1/status/buildinfo", get(prometheus::build_info))
        .route_layer(from_fn_with_state(Arc::clone(app), require_person))
}

/// Routes that lead to a session, and what the login page needs.
fn open() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/session", post(session::open))
        .route("/", get(pages::status))
        .route("/login", get(pages::login).post(pages::log_in))
        .route("/logout", post(pages::log_out))
        .route("/assets/status.css", get(pages::style))
}

fn probes() -> Router<Arc<App>> {
    Router::new().route("/healthz", get(health::healthz)).route("/readyz", get(health::readyz))
}

/// Limits, outermost first: shed what is too much, then the time limit, then the body limit.
fn limited(routes: Router<Arc<App>>, options: &Options) -> Router<Arc<App>> {
    let timeout = options.request_timeout;
    routes.layer(
        ServiceBuilder::new()
            .layer(HandleErrorLayer::new(|_: BoxError| async {
                // The load-shedding layer is the only one here that fails.
                Problem::from(Code::Overloaded).retry_after(Duration::from_secs(1))
            }))
            .layer(LoadShedLayer::new())
            .layer(GlobalConcurrencyLimitLayer::new(options.requests_max))
            .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, timeout))
            .layer(RequestBodyLimitLayer::new(options.body_max_bytes))
            .layer(DefaultBodyLimit::max(options.body_max_bytes)),
    )
}

async fn with_security_headers(mut response: Response) -> Response {
    for (name, value) in SECURITY_HEADERS {
        let headers = response.headers_mut();
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

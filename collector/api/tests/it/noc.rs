//! The gate before an operations centre's calls, with time in the test's hands.

use crate::desk::{Double, State, now};
use axum::Router;
use axum::body::Body;
use collector_api::{Caller, noc_router};
use collector_domain::{AuditAction, AuditOutcome};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use rustls_pki_types::CertificateDer;
use shared_model::{AccountIdentity, SimClock};
use shared_runtime::tls::{Authority, NodeKey};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tower::ServiceExt;

const DAY: Duration = Duration::from_secs(86_400);
const UNAUTHENTICATED: &str = "16";
const RESOURCE_EXHAUSTED: &str = "8";

struct Noc {
    router: Router,
    desk: Arc<Double>,
    clock: Arc<SimClock>,
}

/// The services, called by a client with a certificate of one day.
async fn noc() -> Noc {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::open(dir.path(), now()).unwrap();
    let identity = AccountIdentity::new("acme", "h1", "engineer").unwrap();
    let request = NodeKey::generate().unwrap().request_der().unwrap();
    let issued = authority.issue_account(&request, &identity, now(), 1).unwrap();
    let caller = Caller {
        address: SocketAddr::from(([10, 0, 0, 9], 5000)),
        certificate: Some(CertificateDer::from(issued.certificate_der)),
    };
    let desk = Arc::new(Double(Mutex::new(State::default()), Arc::default()));
    let clock = Arc::new(SimClock::at(now()));
    let (as_desk, as_clock) = (Arc::clone(&desk), Arc::clone(&clock));
    let router = noc_router(as_desk, as_clock, move |_| Some(caller.clone())).await.unwrap();
    Noc { router, desk, clock }
}

impl Noc {
    /// Calls a method with an empty message.
    async fn call(&self, method: &str) -> Response<Body> {
        let request = Request::post(format!("/wardround.noc.v1.Incidents/{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Body::from(vec![0u8; 5]));
        self.router.clone().oneshot(request.unwrap()).await.unwrap()
    }
}

fn status(headers: &HeaderMap) -> Option<&str> {
    headers.get("grpc-status").map(|status| status.to_str().unwrap())
}

/// Scenario: a watch is open when its certificate expires. Guarantees: the stream ends with UNAUTHENTICATED and the instant, the
/// end is in the audit trail, and the next call on the same connection is refused.
#[tokio::test(start_paused = true)]
async fn a_stream_does_not_outlive_its_certificate() {
    let noc = noc().await;
    let mut body = noc.call("Watch").await.into_body();
    let first = body.frame().await.unwrap().unwrap();
    assert!(first.is_data(), "incidents: {first:?}");
    noc.clock.advance(DAY + Duration::from_secs(1));
    let last = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(status(&last), Some(UNAUTHENTICATED), "{last:?}");
    assert!(last["grpc-message"].to_str().unwrap().contains("expired"), "{last:?}");
    assert!(body.frame().await.is_none());
    assert_eq!(status(noc.call("List").await.headers()), Some(UNAUTHENTICATED));
    let events = noc.desk.1.0.lock().unwrap().clone();
    let outcomes: Vec<AuditOutcome> =
        events.iter().filter(|e| e.action == AuditAction::Call).map(|e| e.outcome).collect();
    assert_eq!(outcomes, [AuditOutcome::Done, AuditOutcome::Ended, AuditOutcome::Refused]);
}

/// Scenario: one client opens as many watches as it may, one more, and gives one up. Guarantees: the one too many is refused
/// with RESOURCE_EXHAUSTED, and a place that was given up is free again.
#[tokio::test]
async fn a_client_has_so_many_calls_open_and_no_more() {
    let noc = noc().await;
    let mut open = Vec::new();
    let refused = loop {
        let response = noc.call("Watch").await;
        if status(response.headers()).is_some() {
            break response;
        }
        open.push(response);
        assert!(open.len() < 100, "there is no limit");
    };
    assert_eq!((open.len(), status(refused.headers())), (16, Some(RESOURCE_EXHAUSTED)));
    open.pop();
    assert_eq!(status(noc.call("Watch").await.headers()), None);
}

//! The services of the agents' port and the layers around them.

use crate::{EnrollmentService, SessionService};
use axum::Router;
use axum::error_handling::HandleErrorLayer;
use proto::limits::MAX_MESSAGE_BYTES;
use proto::wire::enrollment_server::EnrollmentServer;
use proto::wire::session_server::SessionServer;
use std::time::Duration;
use tonic::Status;
use tower::ServiceBuilder;

/// Joins and renewals at once. Each signs and syncs; nobody waits for more than a few of them.
const ENROLLMENTS_MAX: usize = 16;
/// A join signs once and syncs once.
const ENROLLMENT_WITHIN: Duration = Duration::from_secs(10);

/// Both services. Enrolment, open to the unauthenticated, stands behind load-shed, concurrency and time limits; sessions
/// last for months and are limited per connection instead.
pub fn router(enrollment: EnrollmentService, session: SessionService) -> Router {
    let limits = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(|error: tower::BoxError| async move {
            Status::unavailable(format!(
                "too many joins at once, try again in a few seconds ({error})"
            ))
            .into_http::<axum::body::Body>()
        }))
        .load_shed()
        .concurrency_limit(ENROLLMENTS_MAX)
        .timeout(ENROLLMENT_WITHIN);
    let enrollment = EnrollmentServer::new(enrollment).max_decoding_message_size(64 << 10);
    let session = SessionServer::new(session).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let enrollment = tonic::service::Routes::new(enrollment).into_axum_router().layer(limits);
    let session = tonic::service::Routes::new(session).into_axum_router();
    // Each router carries the fallback that answers unknown methods; two fallbacks do not merge.
    enrollment.reset_fallback().merge(session)
}

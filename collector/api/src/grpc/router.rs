//! The services of an operations centre and the layers around them.

use super::gate::{Caller, FindCaller, Gate, admit};
use super::health;
use super::incidents::IncidentsService;
use super::places::Places;
use crate::Desk;
use axum::Router;
use axum::body::Body;
use axum::error_handling::HandleErrorLayer;
use axum::middleware::from_fn_with_state;
use proto::noc::FILE_DESCRIPTOR_SET;
use proto::noc::wire::incidents_server::IncidentsServer;
use shared_model::Clock;
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;
use tonic::service::Routes;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::{BoxError, ServiceBuilder};

/// Longest request, bytes: a filter with every field at its longest is some 2 KiB.
const REQUEST_MAX_BYTES: usize = 16 << 10;
/// Calls whose answer has not begun, of all clients: far above a few control rooms, and each is a look at memory or one sync.
const CALLS_MAX: usize = 64;
/// The head of an answer takes one group of the engine at most; streams go on after it.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Why the services could not be built.
#[derive(Debug, thiserror::Error)]
pub enum NocError {
    /// The descriptors that were built in do not parse.
    #[error("the built-in service descriptors")]
    Descriptors(#[from] tonic_reflection::server::Error),
}

/// The services for an operations centre, to be merged into the router of the agents' port. `find_caller` takes what the accept
/// loop left among the extensions of a request.
///
/// # Errors
/// [`NocError::Descriptors`].
pub async fn noc_router(
    desk: Arc<dyn Desk>,
    clock: Arc<dyn Clock>,
    find_caller: impl Fn(&http::Extensions) -> Option<Caller> + Send + Sync + 'static,
) -> Result<Router, NocError> {
    let find_caller: FindCaller = Arc::new(find_caller);
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let auditor = desk.auditor();
    let health = health::service(&desk).await;
    let incidents =
        IncidentsService::new(Arc::clone(&desk), Arc::clone(&clock), Arc::clone(&auditor));
    let incidents = IncidentsServer::new(incidents).max_decoding_message_size(REQUEST_MAX_BYTES);
    let routes = Routes::new(incidents)
        .add_service(health)
        .add_service(reflection().build_v1()?)
        // Most tools that exist still ask with the older name of the same service.
        .add_service(reflection().build_v1alpha()?);
    let gate = Gate { desk, clock, auditor, find_caller, places: Arc::new(Places::default()) };
    let limits = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(|error: BoxError| async move {
            Status::unavailable(format!("too much at once, try again in a second ({error})"))
                .into_http::<Body>()
        }))
        .load_shed()
        .layer(GlobalConcurrencyLimitLayer::new(CALLS_MAX))
        .timeout(ANSWER_WITHIN)
        .layer(from_fn_with_state(Arc::new(gate), admit));
    Ok(routes.into_axum_router().reset_fallback().layer(limits))
}

//! `grpc.health.v1.Health`: its status follows the engine's readiness.

use crate::Desk;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::{HealthReporter, health_reporter};

/// The service whose status is told; the empty name stands for the whole server.
const SERVICES: [&str; 2] = ["", "wardround.noc.v1.Incidents"];
/// How often readiness is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// The service. A task keeps its status current for as long as the desk is there.
pub(super) async fn service(desk: &Arc<dyn Desk>) -> HealthServer<impl Health> {
    let (reporter, server) = health_reporter();
    report(&reporter, &**desk).await;
    tokio::spawn(follow(reporter, Arc::downgrade(desk)));
    server
}

async fn follow(reporter: HealthReporter, desk: Weak<dyn Desk>) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        let Some(desk) = desk.upgrade() else { return };
        report(&reporter, &*desk).await;
    }
}

async fn report(reporter: &HealthReporter, desk: &dyn Desk) {
    let status = match desk.ready() {
        Ok(()) => ServingStatus::Serving,
        Err(_) => ServingStatus::NotServing,
    };
    for service in SERVICES {
        reporter.set_service_status(service, status).await;
    }
}

//! What the collector shows: over HTTPS the REST API, the Prometheus-compatible query API, `/metrics` and the status page;
//! over gRPC the services of an operations centre.
//!
//! The daemon implements [`Desk`], builds a [`router`] on it and hands that to [`serve`]; a [`noc_router`] goes beside the
//! agents' services. This crate decides nothing about
//! incidents; it authenticates people, converts between JSON and the collector's vocabulary, and keeps every limit that
//! stands between the network and the daemon ([`Options`]).

mod app;
mod audit;
mod auth;
mod desk;
mod extract;
mod feed;
mod filter;
mod grpc;
mod json;
mod options;
mod page;
pub mod password;
mod problem;
mod router;
mod routes;
mod serve;

pub use desk::{
    Account, ActError, Answer, Archive, AuditFuture, AuditView, CheckpointFuture, Desk,
    FiguresFuture, FindingView, ForeignFuture, NodeState, NodeView, Rejected, SelfMetric,
    SelfMetricKind, SilenceError,
};
pub use grpc::{Caller, NocError, noc_router};
pub use options::Options;
pub use router::router;
pub use serve::{Peer, Stopping, serve};

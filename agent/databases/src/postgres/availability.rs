//! Whether the server serves, and why not.

use super::refusal::Reason;
use crate::metric::gauge;
use agent_probe::Sink;
use shared_model::{Metric, Unit};

pub(super) static UP: Metric = gauge(
    "pg_up",
    Unit::None,
    "1 when the server answered a query in this round, 0 when it refused or did not answer.",
    "a successful query over the kept connection",
);

pub(super) static CONNECT_REFUSED: Metric = gauge(
    "wardround_pg_connect_refused",
    Unit::None,
    "1 for the reason why the server did not serve in this round, 0 for all others.",
    "SQLSTATE or socket error: exhausted 53300, starting_up 57P03, authentication class 28, no_database 3D000",
);

/// The server answered.
pub(super) fn up(sink: &mut Sink) {
    put(sink, None);
}

/// The server refused or did not answer.
pub(super) fn down(sink: &mut Sink, reason: Reason) {
    put(sink, Some(reason));
}

fn put(sink: &mut Sink, refused: Option<Reason>) {
    sink.put(&UP, &[], if refused.is_none() { 1.0 } else { 0.0 });
    for reason in Reason::ALL {
        let value = if refused == Some(reason) { 1.0 } else { 0.0 };
        sink.put(&CONNECT_REFUSED, &[("reason", reason.as_str())], value);
    }
}

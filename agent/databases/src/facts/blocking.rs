//! Sessions that wait for another one (clause 3.1). The graph is built in [`crate::blocking_graph`].

use super::row::Row;
use crate::blocking_graph::{Wait, Waits};
use crate::metric::gauge;
use crate::view::{Pace, View, ViewError, bounded};
use agent_probe::Sink;
use shared_model::{Metric, Unit};

/// The most edges that are read.
const EDGES_MAX: usize = 2_000;

static SESSIONS: Metric = gauge(
    "wardround_db_blocked_sessions",
    Unit::None,
    "Sessions that wait for another session.",
    "V$SESSION.BLOCKING_SESSION; dm_exec_requests.blocking_session_id",
);
static WAIT_MAX: Metric = gauge(
    "wardround_db_blocked_wait_seconds_max",
    Unit::Seconds,
    "How long the longest blocked session has waited, 0 when none is blocked.",
    "V$SESSION.WAIT_TIME_MICRO; dm_exec_requests.wait_time",
);
static CHAIN_MAX: Metric = gauge(
    "wardround_db_blocked_chain_length_max",
    Unit::None,
    "Sessions on the longest chain of waiters, the one that blocks them all included; 0 when none is blocked.",
    "V$SESSION.BLOCKING_SESSION; dm_exec_requests.blocking_session_id",
);

static METRICS: [&Metric; 3] = [&SESSIONS, &WAIT_MAX, &CHAIN_MAX];

/// A row for each wait, 2,001 at most: number of the waiter and of its blocker, seconds waited or NULL, the waiter in words, what it
/// waits for, the blocker in words or NULL. No text of a statement. Read every round.
pub(crate) const fn view(name: &'static str, sql: &'static str) -> View<Row> {
    View { name, sql, metrics: &METRICS, pace: Pace::EachRound, emit }
}

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let (rows, complaint) = bounded(rows, EDGES_MAX, "waits");
    let mut waits = Waits::default();
    for row in rows {
        waits.add(&Wait {
            pid: row.some_number(0)? as i64,
            blocker: row.some_number(1)? as i64,
            waited_seconds: row.number(2)?,
            who: row.text(3)?,
            lock: row.text(4)?,
            blocked_by: row.text(5)?,
        });
    }
    waits.put(METRICS, sink);
    complaint
}

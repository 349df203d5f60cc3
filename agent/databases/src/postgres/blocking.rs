//! Sessions that wait for a lock held by another (clause 3.1).
//!
//! The statement yields edges only: a recursive query over them enumerates every path, which doubles with each waiter
//! of a queue. The graph is built in [`super::blocking_graph`].

use super::blocking_graph::{Waiter, judge};
use super::view::{View, ViewError, bounded};
use crate::metric::gauge;
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use tokio_postgres::Row;

/// The most waiters whose blockers are asked for: each `pg_blocking_pids` holds the lock manager for a moment.
const WAITERS_MAX: usize = 300;

const SQL: &str = "\
WITH waiters AS MATERIALIZED (
  SELECT pid, pg_blocking_pids(pid) AS blockers FROM pg_stat_activity
   WHERE wait_event_type = 'Lock' ORDER BY query_start, pid LIMIT 301)
SELECT w.pid, w.blockers,
       (SELECT greatest(0, extract(epoch FROM clock_timestamp() - min(l.waitstart))) FROM pg_locks l
         WHERE l.pid = w.pid AND NOT l.granted)::float8
  FROM waiters w";

static SESSIONS: Metric = gauge(
    "wardround_pg_blocked_sessions",
    Unit::None,
    "Sessions that wait for a lock held or awaited by another.",
    "pg_stat_activity, pg_blocking_pids()",
);

static WAIT_MAX: Metric = gauge(
    "wardround_pg_blocked_wait_seconds_max",
    Unit::Seconds,
    "How long the longest blocked session has waited, 0 when none is blocked.",
    "pg_locks.waitstart",
);

static CHAIN_MAX: Metric = gauge(
    "wardround_pg_blocked_chain_length_max",
    Unit::None,
    "Sessions on the longest chain of waiters, the one that blocks them all included; 0 when none is blocked.",
    "pg_blocking_pids()",
);

/// Read every round.
pub(super) static VIEW: View = View {
    name: "pg_blocking_pids",
    sql: SQL,
    metrics: &[&SESSIONS, &WAIT_MAX, &CHAIN_MAX],
    cadence: None,
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let (rows, complaint) = bounded(rows, WAITERS_MAX, "waiting sessions");
    let mut waiters = Vec::with_capacity(rows.len());
    for row in rows {
        waiters.push(Waiter {
            pid: row.try_get(0)?,
            blockers: row.try_get(1)?,
            waited_seconds: row.try_get(2)?,
        });
    }
    let blockage = judge(&waiters);
    sink.put(&SESSIONS, &[], blockage.sessions as f64);
    if let Some(seconds) = blockage.longest_wait_seconds {
        sink.put(&WAIT_MAX, &[], seconds);
    }
    sink.put(&CHAIN_MAX, &[], blockage.longest_chain as f64);
    complaint
}

//! Sessions that wait for a lock held by another (clause 3.1).
//!
//! The statement yields edges only: a recursive query over them enumerates every path, which doubles with each waiter
//! of a queue. The graph is built in [`crate::blocking_graph`].

use super::view::{Pace, View, ViewError};
use crate::blocking_graph::{Sessions, Waiter, judge, trees};
use crate::metric::gauge;
use agent_probe::Sink;
use shared_model::{Metric, Unit, topic};
use tokio_postgres::Row;

/// The most waiters whose blockers are asked for: each `pg_blocking_pids` holds the lock manager for a moment.
const WAITERS_MAX: usize = 300;

// Who blocks and waits for nothing is listed too, with no blockers of its own.
macro_rules! statement {
    ($waited:literal) => {
        concat!(
            "\
WITH waiters AS MATERIALIZED (
  SELECT pid, pg_blocking_pids(pid) AS blockers FROM pg_stat_activity
   WHERE wait_event_type = 'Lock' ORDER BY query_start, pid LIMIT 301),
involved AS (
  SELECT pid, blockers FROM waiters
  UNION ALL SELECT DISTINCT b.pid, '{}'::int4[] FROM waiters w, unnest(w.blockers) AS b(pid)
   WHERE NOT EXISTS (SELECT FROM waiters x WHERE x.pid = b.pid))
SELECT i.pid, i.blockers, l.waited::float8, a.usename::text, a.datname::text, coalesce(host(a.client_addr), 'local'), a.state,
       l.locktype, l.mode, l.relation
  FROM involved i LEFT JOIN pg_stat_activity a ON a.pid = i.pid
  LEFT JOIN LATERAL (
    SELECT ",
            $waited,
            " AS waited, min(locktype) AS locktype, min(mode) AS mode, min(relation::regclass::text) AS relation
      FROM pg_locks WHERE pg_locks.pid = i.pid AND NOT granted) l ON true"
        )
    };
}
const SQL: &str = statement!("greatest(0, extract(epoch FROM clock_timestamp() - min(waitstart)))");

/// Without pg_locks.waitstart, which came with version 14: nobody knows how long they have waited.
pub(super) const SQL_BEFORE_14: &str = statement!("NULL");

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
    pace: Pace::EachRound,
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let mut waiters = Vec::with_capacity(rows.len());
    let mut sessions = Sessions::new();
    for row in rows {
        let pid = row.try_get::<_, i32>(0)?.into();
        let blockers: Vec<i64> =
            row.try_get::<_, Vec<i32>>(1)?.into_iter().map(i64::from).collect();
        sessions.insert(pid, words(row)?);
        waiters.push(Waiter { pid, blockers, waited_seconds: row.try_get(2)? });
    }
    let complaint = match waiters.iter().filter(|w| !w.blockers.is_empty()).count() {
        n if n > WAITERS_MAX => {
            Err(ViewError::TooMany { what: "waiting sessions", limit: WAITERS_MAX })
        }
        _ => Ok(()),
    };
    let blockage = judge(&waiters);
    sink.put(&SESSIONS, &[], blockage.sessions.min(WAITERS_MAX) as f64);
    if let Some(seconds) = blockage.longest_wait_seconds {
        sink.put(&WAIT_MAX, &[], seconds);
    }
    sink.put(&CHAIN_MAX, &[], blockage.longest_chain as f64);
    sink.show(topic::BLOCKING, trees(&waiters, &sessions));
    complaint
}

/// Who it is, from where, and what it waits for or does instead.
fn words(row: &Row) -> Result<String, ViewError> {
    let text = |column| row.try_get::<_, Option<&str>>(column).map(Option::unwrap_or_default);
    let (user, database, from, state) = (text(3)?, text(4)?, text(5)?, text(6)?);
    let doing = match (text(7)?, text(8)?, text(9)?) {
        ("", ..) => state.to_owned(),
        (kind, mode, "") => format!("waits for {kind} {mode}"),
        (kind, mode, relation) => format!("waits for {kind} {mode} of {relation}"),
    };
    Ok(format!("{user}@{database} {from}, {doing}"))
}

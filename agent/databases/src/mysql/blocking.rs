//! Sessions that wait for a row lock held by another (clause 3.1). The graph is built in [`crate::blocking_graph`].

use super::row::{Row, number, text};
use crate::blocking_graph::{Wait, Waits};
use crate::metric::gauge;
use crate::view::{Pace, View, ViewError, bounded};
use agent_probe::Sink;
use shared_model::{Metric, Unit};

/// The most edges that are read: a queue of 60 waiters has 1,770.
const EDGES_MAX: usize = 2_000;

// LOCK_DATA holds the values of a row's key, and INFO the text of a statement: neither is read. Who it is comes from
// performance_schema, where that is on: PROCESSLIST and INNODB_LOCKS are made anew for each statement that names them, which costs
// ten times as much also while nobody waits.
const MARIADB: &str = "\
SELECT DISTINCT r.TRX_MYSQL_THREAD_ID, b.TRX_MYSQL_THREAD_ID, TIMESTAMPDIFF(SECOND, r.TRX_WAIT_STARTED, NOW()),
       (SELECT CONCAT(p.PROCESSLIST_USER, '@', IFNULL(p.PROCESSLIST_DB, ''), ' ', IFNULL(p.PROCESSLIST_HOST, ''))
          FROM performance_schema.threads p WHERE p.PROCESSLIST_ID = r.TRX_MYSQL_THREAD_ID),
       'waits for a row lock',
       (SELECT CONCAT(p.PROCESSLIST_USER, '@', IFNULL(p.PROCESSLIST_DB, ''), ' ', IFNULL(p.PROCESSLIST_HOST, ''), ', ',
                      IF(p.PROCESSLIST_COMMAND = 'Sleep', 'idle in transaction', 'active'))
          FROM performance_schema.threads p WHERE p.PROCESSLIST_ID = b.TRX_MYSQL_THREAD_ID)
  FROM information_schema.INNODB_LOCK_WAITS w
  JOIN information_schema.INNODB_TRX r ON r.TRX_ID = w.REQUESTING_TRX_ID
  JOIN information_schema.INNODB_TRX b ON b.TRX_ID = w.BLOCKING_TRX_ID LIMIT 2001";
const MYSQL: &str = "\
SELECT DISTINCT r.trx_mysql_thread_id, b.trx_mysql_thread_id, TIMESTAMPDIFF(SECOND, r.trx_wait_started, NOW()),
       (SELECT CONCAT(p.PROCESSLIST_USER, '@', IFNULL(p.PROCESSLIST_DB, ''), ' ', IFNULL(p.PROCESSLIST_HOST, ''))
          FROM performance_schema.threads p WHERE p.PROCESSLIST_ID = r.trx_mysql_thread_id),
       (SELECT CONCAT('waits for ', l.LOCK_TYPE, ' ', l.LOCK_MODE, ' of ', l.OBJECT_SCHEMA, '.', l.OBJECT_NAME)
          FROM performance_schema.data_locks l WHERE l.ENGINE_LOCK_ID = w.REQUESTING_ENGINE_LOCK_ID LIMIT 1),
       (SELECT CONCAT(p.PROCESSLIST_USER, '@', IFNULL(p.PROCESSLIST_DB, ''), ' ', IFNULL(p.PROCESSLIST_HOST, ''), ', ',
                      IF(p.PROCESSLIST_COMMAND = 'Sleep', 'idle in transaction', 'active'))
          FROM performance_schema.threads p WHERE p.PROCESSLIST_ID = b.trx_mysql_thread_id)
  FROM performance_schema.data_lock_waits w
  JOIN information_schema.INNODB_TRX r ON r.trx_id = w.REQUESTING_ENGINE_TRANSACTION_ID
  JOIN information_schema.INNODB_TRX b ON b.trx_id = w.BLOCKING_ENGINE_TRANSACTION_ID LIMIT 2001";

static SESSIONS: Metric = gauge(
    "wardround_mysql_blocked_sessions",
    Unit::None,
    "Sessions that wait for a row lock held or awaited by another.",
    "INNODB_LOCK_WAITS (MariaDB), data_lock_waits (MySQL)",
);
static WAIT_MAX: Metric = gauge(
    "wardround_mysql_blocked_wait_seconds_max",
    Unit::Seconds,
    "How long the longest blocked session has waited, 0 when none is blocked.",
    "INNODB_TRX.TRX_WAIT_STARTED",
);
static CHAIN_MAX: Metric = gauge(
    "wardround_mysql_blocked_chain_length_max",
    Unit::None,
    "Sessions on the longest chain of waiters, the one that blocks them all included; 0 when none is blocked.",
    "INNODB_LOCK_WAITS (MariaDB), data_lock_waits (MySQL)",
);

static METRICS: [&Metric; 3] = [&SESSIONS, &WAIT_MAX, &CHAIN_MAX];

/// Read every round.
pub(super) static VIEW_MARIADB: View<Row> = View {
    name: "INNODB_LOCK_WAITS",
    sql: MARIADB,
    metrics: &METRICS,
    pace: Pace::EachRound,
    emit,
};
/// Read every round.
pub(super) static VIEW_MYSQL: View<Row> =
    View { name: "data_lock_waits", sql: MYSQL, metrics: &METRICS, pace: Pace::EachRound, emit };

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let (rows, complaint) = bounded(rows, EDGES_MAX, "waits");
    let mut waits = Waits::default();
    for row in rows {
        let thread =
            |column| number(row, column).map(|number| number as i64).ok_or(ViewError::Column);
        waits.add(&Wait {
            pid: thread(0)?,
            blocker: thread(1)?,
            waited_seconds: number(row, 2),
            who: text(row, 3),
            lock: text(row, 4),
            blocked_by: text(row, 5),
        });
    }
    waits.put(METRICS, sink);
    complaint
}

//! Sessions and open transactions, in one statement.

use super::row::{Row, number};
use crate::metric::gauge;
use crate::view::{Pace, View, ViewError};
use agent_probe::Sink;
use shared_model::{Metric, Unit};

// Neither the statement's text (INFO) nor a transaction's (TRX_QUERY) is read. Replication's own threads take no connection of
// an application's.
const SQL: &str = "\
SELECT p.used, p.running, p.metadata, t.transactions, t.idle, t.oldest
  FROM (SELECT COUNT(*) AS used, COALESCE(SUM(COMMAND <> 'Sleep'), 0) AS running,
               COALESCE(SUM(STATE LIKE 'Waiting for table metadata lock%'), 0) AS metadata
          FROM information_schema.PROCESSLIST
         WHERE USER <> 'system user' AND COMMAND NOT IN ('Daemon', 'Binlog Dump', 'Binlog Dump GTID')) p,
       (SELECT COUNT(*) AS transactions, COALESCE(SUM(q.COMMAND = 'Sleep' AND q.TIME >= 10), 0) AS idle,
               COALESCE(MAX(TIMESTAMPDIFF(SECOND, x.TRX_STARTED, NOW())), 0) AS oldest
          FROM information_schema.INNODB_TRX x
          LEFT JOIN information_schema.PROCESSLIST q ON q.ID = x.TRX_MYSQL_THREAD_ID
         WHERE x.TRX_STARTED < NOW() - INTERVAL 10 SECOND) t";

static USED: Metric = gauge(
    "wardround_mysql_connections_used",
    Unit::None,
    "Client connections in use, the agent's own among them.",
    "information_schema.PROCESSLIST",
);
static RUNNING: Metric = gauge(
    "wardround_mysql_sessions_running",
    Unit::None,
    "Client connections that do something, the agent's own among them.",
    "information_schema.PROCESSLIST.COMMAND <> 'Sleep'",
);
static METADATA: Metric = gauge(
    "wardround_mysql_metadata_lock_waiters",
    Unit::None,
    "Sessions that wait for the definition of a table, as behind ALTER TABLE.",
    "information_schema.PROCESSLIST.STATE",
);
static LONG: Metric = gauge(
    "wardround_mysql_long_transactions",
    Unit::None,
    "Transactions open for more than 10 s.",
    "information_schema.INNODB_TRX.TRX_STARTED",
);
static IDLE: Metric = gauge(
    "wardround_mysql_idle_transactions",
    Unit::None,
    "Sessions that have done nothing for 10 s while their transaction is open.",
    "information_schema.INNODB_TRX, PROCESSLIST.TIME",
);
static OLDEST: Metric = gauge(
    "wardround_mysql_transaction_age_seconds_max",
    Unit::Seconds,
    "Age of the oldest transaction that is open for more than 10 s, 0 when there is none.",
    "information_schema.INNODB_TRX.TRX_STARTED",
);

/// In the order of the statement's columns.
static COLUMNS: [&Metric; 6] = [&USED, &RUNNING, &METADATA, &LONG, &IDLE, &OLDEST];

/// Read every round.
pub(super) static VIEW: View<Row> =
    View { name: "PROCESSLIST", sql: SQL, metrics: &COLUMNS, pace: Pace::EachRound, emit };

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    for row in rows {
        for (column, metric) in COLUMNS.into_iter().enumerate() {
            sink.put(metric, &[], number(row, column).ok_or(ViewError::Column)?);
        }
    }
    Ok(())
}

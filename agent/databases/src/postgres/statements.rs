//! The statements that take most of the server's time, by fingerprint (clause 3.3 核心业务 SQL). Needs the extension
//! pg_stat_statements in the schema `public` of the database that is connected to.
//!
//! Their text is never read: before PostgreSQL 16 it holds literals of utility statements, and a comment or an alias may hold a
//! patient's name in any version. Who wants the text looks the number up in the database.

use super::view::{Pace, View, ViewError};
use crate::metric::counter;
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use std::time::Duration;
use tokio_postgres::Row;

// The agent's own statements are left out. `false`: without the texts, which the server keeps in a file.
const SQL: &str = "\
SELECT s.queryid::text, d.datname, coalesce(r.rolname, '')::text, sum(s.calls)::float8,
       sum(s.total_exec_time / 1000)::float8, sum(s.rows)::float8
  FROM public.pg_stat_statements(false) s JOIN pg_database d ON d.oid = s.dbid LEFT JOIN pg_roles r ON r.oid = s.userid
 WHERE s.queryid IS NOT NULL AND s.userid <> (SELECT oid FROM pg_roles WHERE rolname = current_user)
 GROUP BY 1, 2, 3 ORDER BY 5 DESC LIMIT 20";

static CALLS: Metric = counter(
    "pg_stat_statements_calls_total",
    Unit::None,
    "Executions of the statement.",
    "pg_stat_statements.calls",
);
static SECONDS: Metric = counter(
    "pg_stat_statements_seconds_total",
    Unit::Seconds,
    "Time spent executing it.",
    "pg_stat_statements.total_exec_time",
);
static ROWS: Metric = counter(
    "pg_stat_statements_rows_total",
    Unit::None,
    "Rows that it returned or changed.",
    "pg_stat_statements.rows",
);

/// Read every 15 seconds: the 20 that took most time since the statistics began.
pub(super) static VIEW: View = View {
    name: "pg_stat_statements",
    sql: SQL,
    metrics: &[&CALLS, &SECONDS, &ROWS],
    pace: Pace::Every(Duration::from_secs(15)),
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    for row in rows {
        let labels =
            [("queryid", row.try_get(0)?), ("datname", row.try_get(1)?), ("user", row.try_get(2)?)];
        sink.put(&CALLS, &labels, row.try_get(3)?);
        sink.put(&SECONDS, &labels, row.try_get(4)?);
        sink.put(&ROWS, &labels, row.try_get(5)?);
    }
    Ok(())
}

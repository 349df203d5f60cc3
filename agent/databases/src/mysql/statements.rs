//! The statements that take most of the server's time, by digest (clause 3.3 核心业务 SQL). Needs performance_schema. Their text is
//! never read: a quoted alias may hold a patient's name.

use super::row::{Row, number, text};
use crate::metric::counter;
use crate::view::{Pace, View, ViewError};
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use std::time::Duration;

const SQL: &str = "\
SELECT DIGEST, COALESCE(SCHEMA_NAME, ''), COUNT_STAR, SUM_TIMER_WAIT / 1e12, SUM_ROWS_SENT
  FROM performance_schema.events_statements_summary_by_digest
 WHERE DIGEST IS NOT NULL ORDER BY SUM_TIMER_WAIT DESC LIMIT 20";

static CALLS: Metric = counter(
    "mysql_perf_schema_events_statements_total",
    Unit::None,
    "Executions of the statement.",
    "events_statements_summary_by_digest.COUNT_STAR",
);
static SECONDS: Metric = counter(
    "mysql_perf_schema_events_statements_seconds_total",
    Unit::Seconds,
    "Time spent executing it.",
    "events_statements_summary_by_digest.SUM_TIMER_WAIT",
);
static ROWS: Metric = counter(
    "mysql_perf_schema_events_statements_rows_sent_total",
    Unit::None,
    "Rows that it returned.",
    "events_statements_summary_by_digest.SUM_ROWS_SENT",
);

/// Read every 15 seconds: the 20 that took most time since the server was started.
pub(super) static VIEW: View<Row> = View {
    name: "events_statements_summary_by_digest",
    sql: SQL,
    metrics: &[&CALLS, &SECONDS, &ROWS],
    pace: Pace::Every(Duration::from_secs(15)),
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    for row in rows {
        let of = |column| text(row, column).ok_or(ViewError::Column);
        let labels = [("digest", of(0)?), ("schema", of(1)?)];
        for (column, metric) in (2..).zip([&CALLS, &SECONDS, &ROWS]) {
            sink.put(metric, &labels, number(row, column).ok_or(ViewError::Column)?);
        }
    }
    Ok(())
}

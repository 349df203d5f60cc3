//! The statements that take most of the server's time, by number (clause 3.3 核心业务 SQL). Their text is never read.

use super::row::Row;
use crate::metric::counter;
use crate::view::{Pace, View, ViewError, bounded};
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use std::time::Duration;

/// The most statements that are sampled.
const STATEMENTS_MAX: usize = 20;

static CALLS: Metric = counter(
    "wardround_db_statement_calls_total",
    Unit::None,
    "Executions of the statement.",
    "V$SQLSTATS.EXECUTIONS; dm_exec_query_stats.execution_count",
);
static SECONDS: Metric = counter(
    "wardround_db_statement_seconds_total",
    Unit::Seconds,
    "Time spent executing it.",
    "V$SQLSTATS.ELAPSED_TIME; dm_exec_query_stats.total_elapsed_time",
);

static METRICS: [&Metric; 2] = [&CALLS, &SECONDS];

/// A row for each of the 20 statements that took most time: number, executions, seconds. Read every 15 s.
pub(crate) const fn view(name: &'static str, sql: &'static str) -> View<Row> {
    View { name, sql, metrics: &METRICS, pace: Pace::Every(Duration::from_secs(15)), emit }
}

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let (rows, complaint) = bounded(rows, STATEMENTS_MAX, "statements");
    for row in rows {
        let statement = [("statement", row.some_text(0)?)];
        for (column, metric) in (1..).zip([&CALLS, &SECONDS]) {
            sink.put(metric, &statement, row.some_number(column)?);
        }
    }
    complaint
}

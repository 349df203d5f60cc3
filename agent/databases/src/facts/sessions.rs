//! Open transactions (clause 3.1).

use super::put_columns;
use super::row::Row;
use crate::metric::gauge;
use crate::view::{Pace, View};
use shared_model::{Metric, Unit};

static LONG: Metric = gauge(
    "wardround_db_long_transactions",
    Unit::None,
    "Transactions open for more than 10 s.",
    "V$TRANSACTION; dm_tran_active_transactions",
);
static IDLE: Metric = gauge(
    "wardround_db_idle_transactions",
    Unit::None,
    "Sessions that have done nothing for 10 s while their transaction is open.",
    "V$SESSION.LAST_CALL_ET; dm_exec_sessions.last_request_end_time",
);
static OLDEST: Metric = gauge(
    "wardround_db_transaction_age_seconds_max",
    Unit::Seconds,
    "Age of the oldest transaction that is open for more than 10 s, 0 when there is none.",
    "V$TRANSACTION.START_DATE; dm_tran_active_transactions.transaction_begin_time",
);

static COLUMNS: [&Metric; 3] = [&LONG, &IDLE, &OLDEST];

/// One row: long transactions, idle ones, age of the oldest in seconds. Read every round.
pub(crate) const fn view(name: &'static str, sql: &'static str) -> View<Row> {
    View {
        name,
        sql,
        metrics: &COLUMNS,
        pace: Pace::EachRound,
        emit: |rows, sink| put_columns(rows, &COLUMNS, sink),
    }
}

//! Tables that keep what was deleted (clause 3.3): what vacuum has not cleared away, of the database that is connected to.

use super::view::{Pace, View, ViewError};
use crate::metric::gauge;
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use tokio_postgres::Row;

// Small tables are mostly dead now and then. Counters, no table is read: an estimate of bloat by statistics needs a right to each table.
const SQL: &str = "\
SELECT current_database()::text,
       coalesce(max(n_dead_tup::float8 / (n_live_tup + n_dead_tup)) FILTER (WHERE n_dead_tup >= 100000), 0),
       coalesce(sum(n_dead_tup), 0)::float8
  FROM pg_stat_user_tables";

static RATIO: Metric = gauge(
    "wardround_pg_dead_rows_ratio_max",
    Unit::Ratio,
    "Share of dead rows in the table with the greatest share, among those with 100,000 dead rows or more; 0 when there is none.",
    "pg_stat_user_tables",
);
static DEAD: Metric = gauge(
    "wardround_pg_dead_rows",
    Unit::None,
    "Dead rows of all tables.",
    "pg_stat_user_tables.n_dead_tup",
);

/// Read at each inspection.
pub(super) static VIEW: View = View {
    name: "pg_stat_user_tables",
    sql: SQL,
    metrics: &[&RATIO, &DEAD],
    pace: Pace::Inspection,
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    for row in rows {
        let datname = [("datname", row.try_get(0)?)];
        sink.put(&RATIO, &datname, row.try_get(1)?);
        sink.put(&DEAD, &datname, row.try_get(2)?);
    }
    Ok(())
}

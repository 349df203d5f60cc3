//! Age of the oldest transaction and multixact numbers of each database: at two thousand millions the server stops writing.

use super::view::{DATABASES_MAX, Pace, View, ViewError, bounded};
use crate::metric::gauge;
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use std::time::Duration;
use tokio_postgres::Row;

const SQL: &str = "\
SELECT datname, age(datfrozenxid)::float8, mxid_age(datminmxid)::float8
  FROM pg_database WHERE datallowconn ORDER BY oid LIMIT 65";

// postgres_exporter says seconds; they are numbers of transactions.
static XID: Metric = gauge(
    "pg_database_wraparound_age_datfrozenxid_seconds",
    Unit::None,
    "Transactions since the oldest one that is not frozen.",
    "pg_database: age(datfrozenxid)",
);
static MXID: Metric = gauge(
    "pg_database_wraparound_age_datminmxid_seconds",
    Unit::None,
    "Multixacts since the oldest one that is kept.",
    "pg_database: mxid_age(datminmxid)",
);

/// Read every five minutes.
pub(super) static VIEW: View = View {
    name: "pg_database wraparound",
    sql: SQL,
    metrics: &[&XID, &MXID],
    pace: Pace::Every(Duration::from_secs(300)),
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let (rows, complaint) = bounded(rows, DATABASES_MAX, "databases");
    for row in rows {
        let labels = [("datname", row.try_get(0)?)];
        sink.put(&XID, &labels, row.try_get(1)?);
        sink.put(&MXID, &labels, row.try_get(2)?);
    }
    complaint
}

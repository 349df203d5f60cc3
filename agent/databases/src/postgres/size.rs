//! Sizes of databases. The server walks every file of a database for it, so it is read once a minute.

use super::view::{DATABASES_MAX, Pace, View, ViewError, bounded};
use crate::metric::gauge;
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use std::time::Duration;
use tokio_postgres::Row;

const SQL: &str = "\
SELECT datname, pg_database_size(oid)::float8
  FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY oid LIMIT 65";

static SIZE: Metric = gauge(
    "pg_database_size_bytes",
    Unit::Bytes,
    "Disk space that the database uses.",
    "pg_database_size()",
);

/// Read once a minute.
pub(super) static VIEW: View = View {
    name: "pg_database_size",
    sql: SQL,
    metrics: &[&SIZE],
    pace: Pace::Every(Duration::from_secs(60)),
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let (rows, complaint) = bounded(rows, DATABASES_MAX, "databases");
    for row in rows {
        sink.put(&SIZE, &[("datname", row.try_get(0)?)], row.try_get(1)?);
    }
    complaint
}

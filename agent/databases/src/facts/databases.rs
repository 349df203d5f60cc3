//! Whether each database of the instance is open (clause 3.1).

use super::row::Row;
use crate::metric::gauge;
use crate::view::{DATABASES_MAX, Pace, View, ViewError, bounded};
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use std::time::Duration;

static ONLINE: Metric = gauge(
    "wardround_db_database_online",
    Unit::None,
    "1 when the database is open as its role asks for.",
    "V$DATABASE.OPEN_MODE, V$PDBS.OPEN_MODE; sys.databases.state",
);

static METRICS: [&Metric; 1] = [&ONLINE];

/// A row for each database, 65 at most: its name, whether it is open. Read every 5 s.
pub(crate) const fn view(name: &'static str, sql: &'static str) -> View<Row> {
    View { name, sql, metrics: &METRICS, pace: Pace::Every(Duration::from_secs(5)), emit }
}

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let (rows, complaint) = bounded(rows, DATABASES_MAX, "databases");
    for row in rows {
        sink.put(&ONLINE, &[("datname", row.some_text(0)?)], row.some_number(1)?);
    }
    complaint
}

//! Whether the log is kept for a recovery to any moment (clause 3.1 归档).

use super::put_columns;
use super::row::Row;
use crate::metric::gauge;
use crate::view::{Pace, View};
use shared_model::{Metric, Unit};
use std::time::Duration;

static ENABLED: Metric = gauge(
    "wardround_db_archiving_enabled",
    Unit::None,
    "1 when the log of every database is archived, or kept until it is backed up.",
    "V$DATABASE.LOG_MODE; sys.databases.recovery_model",
);
static FAILING: Metric = gauge(
    "wardround_db_archive_failing",
    Unit::None,
    "Destinations of the archive that do not take anything now.",
    "V$ARCHIVE_DEST_STATUS.STATUS",
);

static COLUMNS: [&Metric; 2] = [&ENABLED, &FAILING];

/// One row: whether it is archived, destinations that fail or NULL. Read every 15 s.
pub(crate) const fn view(name: &'static str, sql: &'static str) -> View<Row> {
    View {
        name,
        sql,
        metrics: &COLUMNS,
        pace: Pace::Every(Duration::from_secs(15)),
        emit: |rows, sink| put_columns(rows, &COLUMNS, sink),
    }
}

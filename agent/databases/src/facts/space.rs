//! Room inside the database (clause 3.1): what grows may be full while the file system is not.

use super::row::Row;
use crate::metric::gauge;
use crate::view::{Pace, View, ViewError, bounded};
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use std::time::Duration;

/// The most spaces of one instance that are sampled.
const SPACES_MAX: usize = 200;

static USED: Metric = gauge(
    "wardround_db_space_used_ratio",
    Unit::Ratio,
    "How much of the space is used, against the size it may grow to: tablespace, recovery_area, log, volume.",
    "DBA_TABLESPACE_USAGE_METRICS, V$RECOVERY_FILE_DEST; Databases: Percent Log Used, dm_os_volume_stats",
);

static METRICS: [&Metric; 1] = [&USED];

/// A row for each space, 201 at most: kind, name, share used from 0 to 1. Read every 60 s.
pub(crate) const fn view(name: &'static str, sql: &'static str) -> View<Row> {
    View { name, sql, metrics: &METRICS, pace: Pace::Every(Duration::from_secs(60)), emit }
}

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let (rows, complaint) = bounded(rows, SPACES_MAX, "spaces");
    for row in rows {
        let labels = [("kind", row.some_text(0)?), ("space", row.some_text(1)?)];
        if let Some(share) = row.number(2)? {
            sink.put(&USED, &labels, share);
        }
    }
    complaint
}

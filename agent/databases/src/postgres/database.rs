//! Counters of each database.

use super::view::{DATABASES_MAX, Pace, View, ViewError, bounded};
use crate::metric::{counter, gauge};
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use tokio_postgres::Row;

const SQL: &str = "\
SELECT datid::text, datname, numbackends::float8, xact_commit::float8, xact_rollback::float8, blks_read::float8,
       blks_hit::float8, tup_returned::float8, tup_fetched::float8, conflicts::float8, temp_files::float8,
       temp_bytes::float8, deadlocks::float8, blk_read_time::float8, blk_write_time::float8
  FROM pg_stat_database WHERE datname NOT IN ('template0', 'template1') ORDER BY datid LIMIT 65";

static NUMBACKENDS: Metric = gauge(
    "pg_stat_database_numbackends",
    Unit::None,
    "Sessions connected to the database.",
    "pg_stat_database.numbackends",
);
static XACT_COMMIT: Metric = counter(
    "pg_stat_database_xact_commit",
    Unit::None,
    "Committed transactions.",
    "pg_stat_database.xact_commit",
);
static XACT_ROLLBACK: Metric = counter(
    "pg_stat_database_xact_rollback",
    Unit::None,
    "Transactions rolled back.",
    "pg_stat_database.xact_rollback",
);
static BLKS_READ: Metric = counter(
    "pg_stat_database_blks_read",
    Unit::None,
    "Blocks read from outside the shared buffers.",
    "pg_stat_database.blks_read",
);
static BLKS_HIT: Metric = counter(
    "pg_stat_database_blks_hit",
    Unit::None,
    "Blocks found in the shared buffers.",
    "pg_stat_database.blks_hit",
);
static TUP_RETURNED: Metric = counter(
    "pg_stat_database_tup_returned",
    Unit::None,
    "Rows read by scans.",
    "pg_stat_database.tup_returned",
);
static TUP_FETCHED: Metric = counter(
    "pg_stat_database_tup_fetched",
    Unit::None,
    "Rows fetched by index scans.",
    "pg_stat_database.tup_fetched",
);
static CONFLICTS: Metric = counter(
    "pg_stat_database_conflicts",
    Unit::None,
    "Queries cancelled on a standby because of replay.",
    "pg_stat_database.conflicts",
);
static TEMP_FILES: Metric = counter(
    "pg_stat_database_temp_files",
    Unit::None,
    "Temporary files written by queries.",
    "pg_stat_database.temp_files",
);
static TEMP_BYTES: Metric = counter(
    "pg_stat_database_temp_bytes",
    Unit::Bytes,
    "Bytes written to temporary files.",
    "pg_stat_database.temp_bytes",
);
static DEADLOCKS: Metric = counter(
    "pg_stat_database_deadlocks",
    Unit::None,
    "Deadlocks detected.",
    "pg_stat_database.deadlocks",
);
// postgres_exporter passes these two on in milliseconds; so do we, for its dashboards.
static BLK_READ_TIME: Metric = counter(
    "pg_stat_database_blk_read_time",
    Unit::None,
    "Milliseconds spent reading blocks, 0 unless track_io_timing is on.",
    "pg_stat_database.blk_read_time",
);
static BLK_WRITE_TIME: Metric = counter(
    "pg_stat_database_blk_write_time",
    Unit::None,
    "Milliseconds spent writing blocks, 0 unless track_io_timing is on.",
    "pg_stat_database.blk_write_time",
);

/// In the order of the statement's columns, from the third on.
static COLUMNS: [&Metric; 13] = [
    &NUMBACKENDS,
    &XACT_COMMIT,
    &XACT_ROLLBACK,
    &BLKS_READ,
    &BLKS_HIT,
    &TUP_RETURNED,
    &TUP_FETCHED,
    &CONFLICTS,
    &TEMP_FILES,
    &TEMP_BYTES,
    &DEADLOCKS,
    &BLK_READ_TIME,
    &BLK_WRITE_TIME,
];

/// Read every round.
pub(super) static VIEW: View =
    View { name: "pg_stat_database", sql: SQL, metrics: &COLUMNS, pace: Pace::EachRound, emit };

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let (rows, complaint) = bounded(rows, DATABASES_MAX, "databases");
    for row in rows {
        let labels = [("datid", row.try_get(0)?), ("datname", row.try_get(1)?)];
        for (column, metric) in (2..).zip(COLUMNS) {
            if let Some(value) = row.try_get(column)? {
                sink.put(metric, &labels, value);
            }
        }
    }
    complaint
}

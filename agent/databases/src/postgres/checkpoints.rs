//! Checkpoints: planned ones, and those that the log's growth or somebody forced (clause 3.3 参数).

use super::view::{Pace, View, put_columns};
use crate::metric::counter;
use shared_model::{Metric, Unit};
use std::time::Duration;

const SQL: &str = "\
SELECT checkpoints_timed::float8, checkpoints_req::float8, checkpoint_write_time::float8, checkpoint_sync_time::float8,
       buffers_checkpoint::float8
  FROM pg_stat_bgwriter";

/// Version 17 has a view of its own for them.
pub(super) const SQL_SINCE_17: &str = "\
SELECT num_timed::float8, num_requested::float8, write_time::float8, sync_time::float8, buffers_written::float8
  FROM pg_stat_checkpointer";

static TIMED: Metric = counter(
    "pg_stat_bgwriter_checkpoints_timed_total",
    Unit::None,
    "Checkpoints that checkpoint_timeout began.",
    "pg_stat_bgwriter.checkpoints_timed, pg_stat_checkpointer.num_timed",
);
static REQUESTED: Metric = counter(
    "pg_stat_bgwriter_checkpoints_req_total",
    Unit::None,
    "Checkpoints that somebody or max_wal_size asked for.",
    "pg_stat_bgwriter.checkpoints_req, pg_stat_checkpointer.num_requested",
);
static WRITE_TIME: Metric = counter(
    "pg_stat_bgwriter_checkpoint_write_time_total",
    Unit::None,
    "Milliseconds spent writing the files of checkpoints.",
    "pg_stat_bgwriter.checkpoint_write_time, pg_stat_checkpointer.write_time",
);
static SYNC_TIME: Metric = counter(
    "pg_stat_bgwriter_checkpoint_sync_time_total",
    Unit::None,
    "Milliseconds spent on bringing them to the disk.",
    "pg_stat_bgwriter.checkpoint_sync_time, pg_stat_checkpointer.sync_time",
);
static BUFFERS: Metric = counter(
    "pg_stat_bgwriter_buffers_checkpoint_total",
    Unit::None,
    "Buffers that checkpoints wrote.",
    "pg_stat_bgwriter.buffers_checkpoint, pg_stat_checkpointer.buffers_written",
);

static COLUMNS: [&Metric; 5] = [&TIMED, &REQUESTED, &WRITE_TIME, &SYNC_TIME, &BUFFERS];

/// Read every 15 seconds.
pub(super) static VIEW: View = View {
    name: "pg_stat_bgwriter",
    sql: SQL,
    metrics: &COLUMNS,
    pace: Pace::Every(Duration::from_secs(15)),
    emit: |rows, sink| put_columns(rows, &COLUMNS, sink),
};

//! Archiving of the write-ahead log (clauses 3.1 日志 and 3.4): a stuck archiver fills the log's disk and stops the database.

use super::view::{Pace, View, ViewError};
use crate::metric::{counter, gauge};
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use std::time::Duration;
use tokio_postgres::Row;

// A standby archives only with archive_mode = always; otherwise its columns are empty and nothing is said of it. An archiver
// that has never run is failing when segments wait and none was archived, which `waiting` shows; `failing` speaks of tries.
const SQL: &str = "\
SELECT CASE WHEN pg_is_in_recovery() AND current_setting('archive_mode') <> 'always' THEN NULL
            WHEN current_setting('archive_mode') = 'off' THEN 0
            WHEN current_setting('archive_command') IN ('', '(disabled)')
             AND coalesce(current_setting('archive_library', true), '') = '' THEN 0
            ELSE 1 END::float8,
       archived_count::float8, failed_count::float8,
       extract(epoch FROM clock_timestamp() - last_archived_time)::float8,
       (last_failed_time IS NOT NULL
         AND (last_archived_time IS NULL OR last_failed_time > last_archived_time))::int4::float8,
       w.segments::float8, coalesce(w.oldest, 0)::float8
  FROM pg_stat_archiver,
       (SELECT count(*) AS segments,
               greatest(0, extract(epoch FROM clock_timestamp() - min(modification))) AS oldest
          FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready') w";

static ENABLED: Metric = gauge(
    "wardround_pg_archiving_enabled",
    Unit::None,
    "1 when archive_mode is on and a command or library is set. Not on a standby that does not archive.",
    "current_setting('archive_mode'), archive_command, archive_library",
);
static ARCHIVED: Metric = counter(
    "pg_stat_archiver_archived_count",
    Unit::None,
    "Segments that were archived.",
    "pg_stat_archiver.archived_count",
);
static FAILED: Metric = counter(
    "pg_stat_archiver_failed_count",
    Unit::None,
    "Failed tries to archive a segment.",
    "pg_stat_archiver.failed_count",
);
static LAST_AGE: Metric = gauge(
    "pg_stat_archiver_last_archive_age",
    Unit::Seconds,
    "Time since the last segment was archived.",
    "now() - pg_stat_archiver.last_archived_time",
);
static FAILING: Metric = gauge(
    "wardround_pg_archiving_failing",
    Unit::None,
    "1 when the last try to archive a segment failed.",
    "pg_stat_archiver: last_failed_time > last_archived_time",
);
static WAITING: Metric = gauge(
    "wardround_pg_archive_waiting_segments",
    Unit::None,
    "Segments that wait to be archived.",
    "pg_ls_archive_statusdir(): *.ready",
);
static OLDEST: Metric = gauge(
    "wardround_pg_archive_oldest_waiting_seconds",
    Unit::Seconds,
    "How long the oldest of them has waited, 0 when none does.",
    "pg_ls_archive_statusdir(): min(modification)",
);

/// Read every 15 seconds: the server lists a directory for it.
pub(super) static VIEW: View = View {
    name: "pg_stat_archiver",
    sql: SQL,
    metrics: &[&ENABLED, &ARCHIVED, &FAILED, &LAST_AGE, &FAILING, &WAITING, &OLDEST],
    pace: Pace::Every(Duration::from_secs(15)),
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    for row in rows {
        let Some(enabled) = row.try_get(0)? else {
            continue;
        };
        sink.put(&ENABLED, &[], enabled);
        sink.put(&ARCHIVED, &[], row.try_get(1)?);
        sink.put(&FAILED, &[], row.try_get(2)?);
        if let Some(age) = row.try_get(3)? {
            sink.put(&LAST_AGE, &[], age);
        }
        sink.put(&FAILING, &[], row.try_get(4)?);
        sink.put(&WAITING, &[], row.try_get(5)?);
        sink.put(&OLDEST, &[], row.try_get(6)?);
    }
    Ok(())
}

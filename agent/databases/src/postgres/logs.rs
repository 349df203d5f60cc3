//! The server's log files (clause 3.1 日志): written, and kept for 30 days without a hole.

use super::view::{Pace, View, put_columns};
use crate::metric::gauge;
use shared_model::{Metric, Unit};

// Files exist only with the server's own collector; without it the log goes to the service manager and nothing is said here. A
// cluster knows when it was made: the upper half of its identifier is that second (xlog.c, BootStrapXLOG). Days without a file
// are counted from the oldest file within 30 days to today; a day is the server's.
const SQL: &str = "\
SELECT (current_setting('logging_collector') = 'on')::int4::float8,
       extract(epoch FROM clock_timestamp() - min(modification))::float8,
       extract(epoch FROM clock_timestamp() - max(modification))::float8,
       (CASE WHEN count(*) > 0 THEN current_date - greatest(min(modification)::date, current_date - 30) END
         - count(DISTINCT modification::date) FILTER (WHERE modification::date >= current_date - 30
                                                        AND modification::date < current_date))::float8,
       (extract(epoch FROM clock_timestamp()) - (SELECT system_identifier >> 32 FROM pg_control_system()))::float8
  FROM pg_ls_logdir() WHERE current_setting('logging_collector') = 'on'";

static COLLECTOR: Metric = gauge(
    "wardround_pg_log_collector",
    Unit::None,
    "1 when the server writes its log into files of its own.",
    "current_setting('logging_collector')",
);
static OLDEST: Metric = gauge(
    "wardround_pg_log_oldest_age_seconds",
    Unit::Seconds,
    "Age of the oldest log file's last line.",
    "pg_ls_logdir(): min(modification)",
);
static NEWEST: Metric = gauge(
    "wardround_pg_log_newest_age_seconds",
    Unit::Seconds,
    "Time since the newest log file was written to.",
    "pg_ls_logdir(): max(modification)",
);
static MISSING: Metric = gauge(
    "wardround_pg_log_missing_days",
    Unit::None,
    "Days of the last 30, from the oldest log file on, on which no file ends.",
    "pg_ls_logdir(): modification",
);
static AGE: Metric = gauge(
    "wardround_pg_cluster_age_seconds",
    Unit::Seconds,
    "Time since the database cluster was made.",
    "pg_control_system().system_identifier",
);

static COLUMNS: [&Metric; 5] = [&COLLECTOR, &OLDEST, &NEWEST, &MISSING, &AGE];

/// Read at each inspection.
pub(super) static VIEW: View = View {
    name: "pg_ls_logdir",
    sql: SQL,
    metrics: &COLUMNS,
    pace: Pace::Inspection,
    emit: |rows, sink| put_columns(rows, &COLUMNS, sink),
};

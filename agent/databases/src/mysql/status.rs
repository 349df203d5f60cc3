//! Counters of the server. The server adds them up over all sessions for it, so they are read every five seconds.

use super::row::{Row, number, text};
use crate::metric::{counter, gauge};
use crate::view::{Pace, View, ViewError};
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use std::time::Duration;

const SQL: &str = "\
SHOW GLOBAL STATUS WHERE Variable_name IN ('Aborted_clients', 'Aborted_connects', 'Bytes_received', 'Bytes_sent', 'Com_commit',
 'Com_rollback', 'Connections', 'Created_tmp_disk_tables', 'Created_tmp_tables', 'Innodb_buffer_pool_read_requests',
 'Innodb_buffer_pool_reads', 'Innodb_deadlocks', 'Innodb_row_lock_time', 'Innodb_row_lock_waits', 'Max_used_connections', 'Queries',
 'Questions', 'Slow_queries', 'Threads_connected', 'Threads_running', 'Uptime')";

/// Of each name what it becomes; mysqld_exporter's names.
static NAMES: [(&str, Metric); 21] = [
    (
        "Aborted_clients",
        counter(
            "mysql_global_status_aborted_clients",
            Unit::None,
            "Connections whose client went away without closing them.",
            "SHOW GLOBAL STATUS: Aborted_clients",
        ),
    ),
    (
        "Aborted_connects",
        counter(
            "mysql_global_status_aborted_connects",
            Unit::None,
            "Failed tries to connect, wrong passwords among them.",
            "SHOW GLOBAL STATUS: Aborted_connects",
        ),
    ),
    (
        "Bytes_received",
        counter(
            "mysql_global_status_bytes_received",
            Unit::Bytes,
            "Bytes from clients.",
            "SHOW GLOBAL STATUS: Bytes_received",
        ),
    ),
    (
        "Bytes_sent",
        counter(
            "mysql_global_status_bytes_sent",
            Unit::Bytes,
            "Bytes to clients.",
            "SHOW GLOBAL STATUS: Bytes_sent",
        ),
    ),
    (
        "Com_commit",
        counter(
            "wardround_mysql_commits_total",
            Unit::None,
            "COMMIT statements.",
            "SHOW GLOBAL STATUS: Com_commit",
        ),
    ),
    (
        "Com_rollback",
        counter(
            "wardround_mysql_rollbacks_total",
            Unit::None,
            "ROLLBACK statements.",
            "SHOW GLOBAL STATUS: Com_rollback",
        ),
    ),
    (
        "Connections",
        counter(
            "mysql_global_status_connections",
            Unit::None,
            "Tries to connect.",
            "SHOW GLOBAL STATUS: Connections",
        ),
    ),
    (
        "Created_tmp_disk_tables",
        counter(
            "mysql_global_status_created_tmp_disk_tables",
            Unit::None,
            "Temporary tables written to disk.",
            "SHOW GLOBAL STATUS: Created_tmp_disk_tables",
        ),
    ),
    (
        "Created_tmp_tables",
        counter(
            "mysql_global_status_created_tmp_tables",
            Unit::None,
            "Temporary tables.",
            "SHOW GLOBAL STATUS: Created_tmp_tables",
        ),
    ),
    (
        "Innodb_buffer_pool_read_requests",
        counter(
            "mysql_global_status_innodb_buffer_pool_read_requests",
            Unit::None,
            "Pages asked of the buffer pool.",
            "SHOW GLOBAL STATUS: Innodb_buffer_pool_read_requests",
        ),
    ),
    (
        "Innodb_buffer_pool_reads",
        counter(
            "mysql_global_status_innodb_buffer_pool_reads",
            Unit::None,
            "Of them, those read from disk.",
            "SHOW GLOBAL STATUS: Innodb_buffer_pool_reads",
        ),
    ),
    (
        "Innodb_deadlocks",
        counter(
            "mysql_global_status_innodb_deadlocks",
            Unit::None,
            "Deadlocks. MariaDB alone shows them here.",
            "SHOW GLOBAL STATUS: Innodb_deadlocks",
        ),
    ),
    (
        "Innodb_row_lock_time",
        counter(
            "mysql_global_status_innodb_row_lock_time",
            Unit::None,
            "Milliseconds spent waiting for row locks.",
            "SHOW GLOBAL STATUS: Innodb_row_lock_time",
        ),
    ),
    (
        "Innodb_row_lock_waits",
        counter(
            "mysql_global_status_innodb_row_lock_waits",
            Unit::None,
            "Waits for row locks.",
            "SHOW GLOBAL STATUS: Innodb_row_lock_waits",
        ),
    ),
    (
        "Max_used_connections",
        gauge(
            "mysql_global_status_max_used_connections",
            Unit::None,
            "Most connections at once since the start.",
            "SHOW GLOBAL STATUS: Max_used_connections",
        ),
    ),
    (
        "Queries",
        counter(
            "mysql_global_status_queries",
            Unit::None,
            "Statements, those within procedures among them.",
            "SHOW GLOBAL STATUS: Queries",
        ),
    ),
    (
        "Questions",
        counter(
            "mysql_global_status_questions",
            Unit::None,
            "Statements of clients.",
            "SHOW GLOBAL STATUS: Questions",
        ),
    ),
    (
        "Slow_queries",
        counter(
            "mysql_global_status_slow_queries",
            Unit::None,
            "Statements longer than long_query_time.",
            "SHOW GLOBAL STATUS: Slow_queries",
        ),
    ),
    (
        "Threads_connected",
        gauge(
            "mysql_global_status_threads_connected",
            Unit::None,
            "Open connections.",
            "SHOW GLOBAL STATUS: Threads_connected",
        ),
    ),
    (
        "Threads_running",
        gauge(
            "mysql_global_status_threads_running",
            Unit::None,
            "Connections that do something.",
            "SHOW GLOBAL STATUS: Threads_running",
        ),
    ),
    (
        "Uptime",
        gauge(
            "mysql_global_status_uptime",
            Unit::Seconds,
            "Time since the server was started.",
            "SHOW GLOBAL STATUS: Uptime",
        ),
    ),
];

static METRICS: [&Metric; 21] = {
    let mut metrics = [&NAMES[0].1; 21];
    let mut at = 0;
    while at < 21 {
        metrics[at] = &NAMES[at].1;
        at += 1;
    }
    metrics
};

/// The one that MySQL counts elsewhere.
pub(super) static DEADLOCKS: &Metric = &NAMES[11].1;

/// Read every five seconds.
pub(super) static VIEW: View<Row> = View {
    name: "GLOBAL STATUS",
    sql: SQL,
    metrics: &METRICS,
    pace: Pace::Every(Duration::from_secs(5)),
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    for row in rows {
        let name = text(row, 0).ok_or(ViewError::Column)?;
        let known = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        if let (Some((_, metric)), Some(value)) = (known, number(row, 1)) {
            sink.put(metric, &[], value);
        }
    }
    Ok(())
}

//! The server's parameters as one number that changes with any of them, and those that the clauses speak of.

use super::row::{Row, number, text};
use crate::metric::gauge;
use crate::view::{Pace, View, ViewError};
use agent_probe::Sink;
use shared_model::{Metric, Unit, topic};
use std::time::Duration;

// What the server changes by itself, as positions of replication, is left out. Each variable's 52 bits are put together whatever
// their order. Numbers and switches are shown when they change; of texts, which may hold a password, only a digest is read.
macro_rules! statement {
    ($table:literal, $left_out:literal) => {
        concat!(
            "\
SELECT BIT_XOR(CAST(CONV(LEFT(MD5(CONCAT(VARIABLE_NAME, '=', VARIABLE_VALUE)), 13), 16, 10) AS UNSIGNED)),
       MAX(IF(VARIABLE_NAME = 'log_bin', VARIABLE_VALUE = 'ON', NULL)),
       MAX(IF(VARIABLE_NAME = 'binlog_expire_logs_seconds', VARIABLE_VALUE + 0, NULL)),
       MAX((VARIABLE_NAME = 'server_audit_logging' AND VARIABLE_VALUE = 'ON')
           OR (VARIABLE_NAME = 'audit_log_disable' AND VARIABLE_VALUE = 'OFF')),
       GROUP_CONCAT(LOWER(VARIABLE_NAME), '=', IF(
           VARIABLE_VALUE REGEXP '^(-?[0-9.]+|ON|OFF|YES|NO)?$' AND VARIABLE_NAME NOT REGEXP 'password|auth',
           VARIABLE_VALUE, CONCAT('#', MD5(VARIABLE_VALUE))) ORDER BY LOWER(VARIABLE_NAME) SEPARATOR '\n')
  FROM ",
            $table,
            " WHERE VARIABLE_NAME NOT IN (",
            $left_out,
            ")"
        )
    };
}
const MARIADB: &str = statement!(
    "information_schema.GLOBAL_VARIABLES",
    "'GTID_BINLOG_POS', 'GTID_BINLOG_STATE', 'GTID_CURRENT_POS', 'GTID_SLAVE_POS'"
);
const MYSQL: &str = statement!(
    "performance_schema.global_variables",
    "'gtid_executed', 'gtid_purged', 'server_uuid'"
);

static FINGERPRINT: Metric = gauge(
    "wardround_mysql_settings_fingerprint",
    Unit::None,
    "A number that is another one as soon as any global variable is; its size says nothing.",
    "information_schema.GLOBAL_VARIABLES, performance_schema.global_variables: 52 bits of md5",
);
static LOG_BIN: Metric = gauge(
    "mysql_global_variables_log_bin",
    Unit::None,
    "1 when the binary log is written.",
    "@@log_bin",
);
static EXPIRE: Metric = gauge(
    "mysql_global_variables_binlog_expire_logs_seconds",
    Unit::Seconds,
    "How long the binary log is kept; 0 for ever.",
    "@@binlog_expire_logs_seconds",
);

static AUDIT: Metric = gauge(
    "wardround_mysql_audit_enabled",
    Unit::None,
    "1 when the audit plugin is loaded and writes.",
    "@@server_audit_logging (MariaDB), @@audit_log_disable (MySQL)",
);

static COLUMNS: [&Metric; 4] = [&FINGERPRINT, &LOG_BIN, &EXPIRE, &AUDIT];

/// Read every 30 seconds.
pub(super) static VIEW_MARIADB: View<Row> = View {
    name: "GLOBAL_VARIABLES",
    sql: MARIADB,
    metrics: &COLUMNS,
    pace: Pace::Every(Duration::from_secs(30)),
    emit,
};
/// Read every 30 seconds.
pub(super) static VIEW_MYSQL: View<Row> = View {
    name: "global_variables",
    sql: MYSQL,
    metrics: &COLUMNS,
    pace: Pace::Every(Duration::from_secs(30)),
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    for row in rows {
        for (column, metric) in COLUMNS.into_iter().enumerate() {
            sink.put(metric, &[], number(row, column).ok_or(ViewError::Column)?);
        }
        let said = text(row, COLUMNS.len()).ok_or(ViewError::Column)?;
        sink.show_changes(topic::PARAMETERS, said);
    }
    Ok(())
}

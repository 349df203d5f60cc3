//! Encryption in transit (clause 3.5 传输过程加密).

use super::row::{Row, number};
use crate::metric::gauge;
use crate::view::{Pace, View, ViewError};
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use std::time::Duration;

// Without performance_schema nobody can say which sessions are encrypted: these columns are NULL then.
macro_rules! statement {
    ($enabled:literal) => {
        concat!(
            "SELECT ",
            $enabled,
            ",
       NOT (@@skip_networking OR @@bind_address IN ('localhost', '::1') OR @@bind_address LIKE '127.%'),
       IF(@@performance_schema, s.tls, NULL), IF(@@performance_schema, s.clear, NULL)
  FROM (SELECT COALESCE(SUM(v.VARIABLE_VALUE <> ''), 0) AS tls,
               COALESCE(SUM(v.VARIABLE_VALUE = '' AND t.PROCESSLIST_HOST <> 'localhost'
                            AND t.PROCESSLIST_HOST NOT LIKE '127.%' AND t.PROCESSLIST_HOST <> '::1'), 0) AS clear
          FROM performance_schema.status_by_thread v JOIN performance_schema.threads t USING (THREAD_ID)
         WHERE v.VARIABLE_NAME = 'Ssl_cipher') s"
        )
    };
}
const MARIADB: &str = statement!("@@have_ssl = 'YES'");
// Version 8.4 has no have_ssl any more.
const MYSQL: &str = statement!(
    "(SELECT MAX(VALUE = 'Yes') FROM performance_schema.tls_channel_status
         WHERE CHANNEL = 'mysql_main' AND PROPERTY = 'Enabled')"
);

static ENABLED: Metric = gauge(
    "wardround_mysql_tls_enabled",
    Unit::None,
    "1 when the server offers TLS.",
    "@@have_ssl, tls_channel_status",
);
static REMOTE: Metric = gauge(
    "wardround_mysql_listens_remotely",
    Unit::None,
    "1 when the server listens for other machines.",
    "@@bind_address, @@skip_networking",
);
static SESSIONS: Metric = gauge(
    "wardround_mysql_tls_sessions",
    Unit::None,
    "Sessions that are encrypted.",
    "performance_schema.status_by_thread: Ssl_cipher",
);
static CLEAR: Metric = gauge(
    "wardround_mysql_clear_remote_sessions",
    Unit::None,
    "Sessions from other machines that are not encrypted.",
    "performance_schema.status_by_thread: Ssl_cipher, threads.PROCESSLIST_HOST",
);

static COLUMNS: [&Metric; 4] = [&ENABLED, &REMOTE, &SESSIONS, &CLEAR];

/// Read every 15 seconds.
pub(super) static VIEW_MARIADB: View<Row> = View {
    name: "Ssl_cipher",
    sql: MARIADB,
    metrics: &COLUMNS,
    pace: Pace::Every(Duration::from_secs(15)),
    emit,
};
/// Read every 15 seconds.
pub(super) static VIEW_MYSQL: View<Row> = View {
    name: "Ssl_cipher",
    sql: MYSQL,
    metrics: &COLUMNS,
    pace: Pace::Every(Duration::from_secs(15)),
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    for row in rows {
        for (column, metric) in COLUMNS.into_iter().enumerate() {
            if let Some(value) = number(row, column) {
                sink.put(metric, &[], value);
            }
        }
    }
    Ok(())
}

//! Whether an audit runs (clause 3.5 日志审计).

use super::view::{Pace, View, ViewError};
use crate::metric::gauge;
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use tokio_postgres::Row;

const SQL: &str = "\
SELECT (coalesce(current_setting('shared_preload_libraries', true), '') ~ 'pgaudit'
        AND coalesce(current_setting('pgaudit.log', true), 'none') NOT IN ('', 'none'))::int::float8,
       (current_setting('log_connections') NOT IN ('', 'off'))::int::float8";

static ENABLED: Metric = gauge(
    "wardround_pg_audit_enabled",
    Unit::None,
    "1 when pgaudit is loaded and logs some class of statements.",
    "shared_preload_libraries, pgaudit.log",
);
static CONNECTIONS: Metric = gauge(
    "wardround_pg_connections_logged",
    Unit::None,
    "1 when logins are written to the log.",
    "log_connections",
);

/// Read at each inspection.
pub(super) static VIEW: View = View {
    name: "pgaudit",
    sql: SQL,
    metrics: &[&ENABLED, &CONNECTIONS],
    pace: Pace::Inspection,
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    for row in rows {
        sink.put(&ENABLED, &[], row.try_get(0)?);
        sink.put(&CONNECTIONS, &[], row.try_get(1)?);
    }
    Ok(())
}

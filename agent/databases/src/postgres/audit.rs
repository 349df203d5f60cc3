//! Whether an audit runs (clause 3.5 日志审计).

use super::view::{Pace, View, put_columns};
use crate::metric::gauge;
use shared_model::{Metric, Unit};

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

static COLUMNS: [&Metric; 2] = [&ENABLED, &CONNECTIONS];

/// Read at each inspection.
pub(super) static VIEW: View = View {
    name: "pgaudit",
    sql: SQL,
    metrics: &COLUMNS,
    pace: Pace::Inspection,
    emit: |rows, sink| put_columns(rows, &COLUMNS, sink),
};

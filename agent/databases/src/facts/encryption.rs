//! Encryption in transit and at rest, and whether an audit runs (clause 3.5).

use super::put_columns;
use super::row::Row;
use crate::metric::gauge;
use crate::view::{Pace, View};
use shared_model::{Metric, Unit};

static CLEAR_SESSIONS: Metric = gauge(
    "wardround_db_clear_remote_sessions",
    Unit::None,
    "Sessions over a network that are not encrypted.",
    "V$SESSION_CONNECT_INFO; dm_exec_connections.encrypt_option",
);
static CLEAR_SPACES: Metric = gauge(
    "wardround_db_unencrypted_spaces",
    Unit::None,
    "Databases or tablespaces of users that are not encrypted on disk.",
    "DBA_TABLESPACES.ENCRYPTED; sys.databases.is_encrypted",
);
static AUDITS: Metric = gauge(
    "wardround_db_audits_enabled",
    Unit::None,
    "Audits that run.",
    "AUDIT_UNIFIED_ENABLED_POLICIES; sys.server_audits",
);

static COLUMNS: [&Metric; 3] = [&CLEAR_SESSIONS, &CLEAR_SPACES, &AUDITS];

/// One row: clear sessions, unencrypted spaces, audits that run. Read at each inspection.
pub(crate) const fn view(name: &'static str, sql: &'static str) -> View<Row> {
    View {
        name,
        sql,
        metrics: &COLUMNS,
        pace: Pace::Inspection,
        emit: |rows, sink| put_columns(rows, &COLUMNS, sink),
    }
}

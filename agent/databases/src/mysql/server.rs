//! The server itself: limits and role.

use super::row::{Row, number, text};
use crate::metric::gauge;
use crate::view::{Pace, View, ViewError};
use agent_probe::Sink;
use shared_model::{Metric, Unit};

const SQL: &str =
    "SELECT @@max_connections, @@read_only, @@server_id, VERSION(), @@version_comment";

static MAX_CONNECTIONS: Metric = gauge(
    "mysql_global_variables_max_connections",
    Unit::None,
    "Variable max_connections; one more is kept for an administrator.",
    "@@max_connections",
);
static READ_ONLY: Metric = gauge(
    "mysql_global_variables_read_only",
    Unit::None,
    "1 when ordinary accounts may not write.",
    "@@read_only",
);
static SERVER_ID: Metric =
    gauge("mysql_global_variables_server_id", Unit::None, "Variable server_id.", "@@server_id");

static VERSION: Metric = gauge(
    "mysql_version_info",
    Unit::None,
    "1; the labels say which version runs.",
    "VERSION(), @@version_comment",
);

/// Read every round; the round's proof that the server serves.
pub(super) static VIEW: View<Row> = View {
    name: "variables",
    sql: SQL,
    metrics: &[&MAX_CONNECTIONS, &READ_ONLY, &SERVER_ID, &VERSION],
    pace: Pace::EachRound,
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    for row in rows {
        for (column, metric) in [&MAX_CONNECTIONS, &READ_ONLY, &SERVER_ID].into_iter().enumerate() {
            sink.put(metric, &[], number(row, column).ok_or(ViewError::Column)?);
        }
        let version = text(row, 3).ok_or(ViewError::Column)?;
        let comment = text(row, 4).unwrap_or_default();
        sink.put(&VERSION, &[("version", version), ("version_comment", comment)], 1.0);
    }
    Ok(())
}

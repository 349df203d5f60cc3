//! When the server's certificate ends (clause 3.5 传输过程加密), as far as the agent's own session is encrypted.

use super::row::{Row, number};
use crate::metric::gauge;
use crate::view::{Pace, View, ViewError};
use agent_probe::Sink;
use shared_model::{Metric, Unit};

// OpenSSL writes "Nov 27 10:28:34 2027 GMT", and nothing in a session in the clear.
macro_rules! statement {
    ($table:literal) => {
        concat!(
            "SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), STR_TO_DATE(NULLIF(MAX(VARIABLE_VALUE), ''), '%b %e %H:%i:%s %Y GMT'))
  FROM ",
            $table,
            " WHERE VARIABLE_NAME = 'Ssl_server_not_after'"
        )
    };
}

static REMAINING: Metric = gauge(
    "wardround_mysql_certificate_remaining_seconds",
    Unit::Seconds,
    "Time until the server's certificate ends, below 0 once it has. Absent while the agent's session is not encrypted.",
    "status Ssl_server_not_after",
);

/// Read at each inspection.
pub(super) static VIEW_MARIADB: View<Row> = View {
    name: "Ssl_server_not_after",
    sql: statement!("information_schema.SESSION_STATUS"),
    metrics: &[&REMAINING],
    pace: Pace::Inspection,
    emit,
};
/// Read at each inspection.
pub(super) static VIEW_MYSQL: View<Row> =
    View { sql: statement!("performance_schema.session_status"), ..VIEW_MARIADB };

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    for row in rows {
        if let Some(seconds) = number(row, 0) {
            sink.put(&REMAINING, &[], seconds);
        }
    }
    Ok(())
}

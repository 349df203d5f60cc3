//! Deadlocks of MySQL, which has no status variable for them as MariaDB has.

use super::row::{Row, number};
use super::status::DEADLOCKS;
use crate::view::{Pace, View, ViewError};
use agent_probe::Sink;
use std::time::Duration;

/// Read every five seconds. MySQL alone.
pub(super) static VIEW_MYSQL: View<Row> = View {
    name: "INNODB_METRICS",
    sql: "SELECT `COUNT` FROM information_schema.INNODB_METRICS WHERE NAME = 'lock_deadlocks' AND STATUS = 'enabled'",
    metrics: &[DEADLOCKS],
    pace: Pace::Every(Duration::from_secs(5)),
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    for row in rows {
        sink.put(DEADLOCKS, &[], number(row, 0).ok_or(ViewError::Column)?);
    }
    Ok(())
}

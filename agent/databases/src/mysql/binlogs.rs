//! The binary log (clauses 3.1 日志 and 3.4): kept long enough, without a hole.

use super::row::{Row, number, text};
use crate::metric::gauge;
use crate::view::{Pace, View, ViewError};
use agent_probe::Sink;
use shared_model::{Metric, Unit, topic};
use std::time::Duration;

static FILES: Metric =
    gauge("mysql_binlog_files", Unit::None, "Files of the binary log.", "SHOW BINARY LOGS");
static BYTES: Metric = gauge(
    "mysql_binlog_size_bytes",
    Unit::Bytes,
    "Their size together.",
    "SHOW BINARY LOGS: File_size",
);
static MISSING: Metric = gauge(
    "wardround_mysql_binlogs_missing",
    Unit::None,
    "Files that the server lists and does not find, and numbers that are left out between the first and the last.",
    "SHOW BINARY LOGS: File_size = 0, Log_name",
);

/// Read every five seconds.
pub(super) static VIEW: View<Row> = View {
    name: "BINARY LOGS",
    sql: "SHOW BINARY LOGS",
    metrics: &[&FILES, &BYTES, &MISSING],
    pace: Pace::Every(Duration::from_secs(5)),
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let (mut bytes, mut missing, mut last, mut lines) = (0.0, 0.0, None, Vec::new());
    for row in rows {
        let size = number(row, 1).ok_or(ViewError::Column)?;
        bytes += size;
        let name = text(row, 0).ok_or(ViewError::Column)?;
        if size <= 0.0 {
            missing += 1.0;
            lines.push(format!("{name}: not found"));
        }
        let number: Option<f64> = name.rsplit_once('.').and_then(|(_, digits)| digits.parse().ok());
        if let (Some(last), Some(number)) = (last, number) {
            let left_out = f64::max(0.0, number - last - 1.0);
            missing += left_out;
            if left_out > 0.0 {
                lines.push(format!("{left_out} left out before {name}"));
            }
        }
        last = number;
    }
    sink.put(&FILES, &[], rows.len() as f64);
    sink.put(&BYTES, &[], bytes);
    sink.put(&MISSING, &[], missing);
    sink.show(topic::ARCHIVE, lines);
    Ok(())
}

//! Which version runs (clause 3.5).

use super::row::Row;
use crate::metric::gauge;
use crate::view::{Pace, View, ViewError};
use agent_probe::Sink;
use shared_model::{Metric, Unit};

static VERSION: Metric = gauge(
    "wardround_db_version_info",
    Unit::None,
    "1; the labels say which product and version runs.",
    "V$INSTANCE.VERSION_FULL; SERVERPROPERTY('ProductVersion')",
);

static METRICS: [&Metric; 1] = [&VERSION];

/// One row: product, version. Read at each inspection.
pub(crate) const fn view(name: &'static str, sql: &'static str) -> View<Row> {
    View { name, sql, metrics: &METRICS, pace: Pace::Inspection, emit }
}

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    for row in rows {
        let labels = [("product", row.some_text(0)?), ("version", row.some_text(1)?)];
        sink.put(&VERSION, &labels, 1.0);
    }
    Ok(())
}

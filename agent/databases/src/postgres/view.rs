//! A view of PostgreSQL.

pub(super) use crate::view::{DATABASES_MAX, Pace, ViewError, bounded};
use agent_probe::Sink;
use shared_model::Metric;
use tokio_postgres::{Error, Row};

/// One statement; it is prepared once per session.
pub(super) type View = crate::view::View<Row>;

impl From<Error> for ViewError {
    fn from(_: Error) -> Self {
        Self::Column
    }
}

/// Puts the columns of each row, in the order of `metrics`. NULL is no sample.
pub(super) fn put_columns(
    rows: &[Row],
    metrics: &[&'static Metric],
    sink: &mut Sink,
) -> Result<(), ViewError> {
    for row in rows {
        for (column, metric) in metrics.iter().enumerate() {
            if let Some(value) = row.try_get(column)? {
                sink.put(metric, &[], value);
            }
        }
    }
    Ok(())
}

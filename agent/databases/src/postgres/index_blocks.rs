//! How often index blocks are found in memory (clause 3.3), for the database that is connected to. The server visits
//! the statistics of every index for it, so it is read every ten seconds.

use super::view::{Pace, View, ViewError};
use crate::metric::counter;
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use std::time::Duration;
use tokio_postgres::Row;

const SQL: &str = "\
SELECT current_database(), coalesce(sum(idx_blks_hit), 0)::float8, coalesce(sum(idx_blks_read), 0)::float8
  FROM pg_statio_user_indexes";

static HIT: Metric = counter(
    "wardround_pg_index_blocks_hit_total",
    Unit::None,
    "Index blocks found in the shared buffers, summed over the user indexes of the database.",
    "pg_statio_user_indexes.idx_blks_hit",
);

static READ: Metric = counter(
    "wardround_pg_index_blocks_read_total",
    Unit::None,
    "Index blocks read from outside the shared buffers, summed over the user indexes of the database.",
    "pg_statio_user_indexes.idx_blks_read",
);

/// Read every ten seconds.
pub(super) static VIEW: View = View {
    name: "pg_statio_user_indexes",
    sql: SQL,
    metrics: &[&HIT, &READ],
    pace: Pace::Every(Duration::from_secs(10)),
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    for row in rows {
        let labels = [("datname", row.try_get(0)?)];
        sink.put(&HIT, &labels, row.try_get(1)?);
        sink.put(&READ, &labels, row.try_get(2)?);
    }
    Ok(())
}

//! What the server counts: deadlocks, reads from the cache and from disk, by index and by scan.

use super::put_columns;
use super::row::Row;
use crate::metric::counter;
use crate::view::{Pace, View};
use shared_model::{Metric, Unit};
use std::time::Duration;

static DEADLOCKS: Metric = counter(
    "wardround_db_deadlocks_total",
    Unit::None,
    "Deadlocks that the server broke.",
    "V$SYSSTAT 'enqueue deadlocks'; Locks: Number of Deadlocks/sec",
);
static LOGICAL: Metric = counter(
    "wardround_db_logical_reads_total",
    Unit::None,
    "Blocks that were asked of the cache.",
    "V$SYSSTAT 'session logical reads'; Buffer Manager: Page lookups/sec",
);
static PHYSICAL: Metric = counter(
    "wardround_db_physical_reads_total",
    Unit::None,
    "Blocks that the cache had to read.",
    "V$SYSSTAT 'physical reads cache'; Buffer Manager: Page reads/sec",
);
static BY_INDEX: Metric = counter(
    "wardround_db_index_reads_total",
    Unit::None,
    "Rows fetched, or searches made, by an index.",
    "V$SYSSTAT 'table fetch by rowid'; Access Methods: Index Searches/sec",
);
static BY_SCAN: Metric = counter(
    "wardround_db_scan_reads_total",
    Unit::None,
    "Rows got, or scans made, without one.",
    "V$SYSSTAT 'table scan rows gotten'; Access Methods: Full Scans/sec",
);

static COLUMNS: [&Metric; 5] = [&DEADLOCKS, &LOGICAL, &PHYSICAL, &BY_INDEX, &BY_SCAN];

/// One row: deadlocks, logical and physical reads, reads by index and by scan, all counted since the start. Read every 5 s.
pub(crate) const fn view(name: &'static str, sql: &'static str) -> View<Row> {
    View {
        name,
        sql,
        metrics: &COLUMNS,
        pace: Pace::Every(Duration::from_secs(5)),
        emit: |rows, sink| put_columns(rows, &COLUMNS, sink),
    }
}

//! Replication slots: one whose reader is gone keeps the write-ahead log until the disk is full.

use super::view::{Pace, View, ViewError, bounded};
use crate::metric::gauge;
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use std::time::Duration;
use tokio_postgres::Row;

/// The most slots that are sampled; max_replication_slots is 10 unless somebody sets it.
const SLOTS_MAX: usize = 32;

const SQL: &str = "\
SELECT slot_name::text, slot_type, active::int4::float8,
       pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END,
                       restart_lsn)::float8,
       (coalesce(wal_status, '') IN ('unreserved', 'lost'))::int4::float8
  FROM pg_replication_slots WHERE NOT temporary ORDER BY slot_name LIMIT 33";

static ACTIVE: Metric = gauge(
    "pg_replication_slot_slot_is_active",
    Unit::None,
    "1 while somebody reads from the slot.",
    "pg_replication_slots.active",
);
static RETAINED: Metric = gauge(
    "wardround_pg_slot_retained_bytes",
    Unit::Bytes,
    "Write-ahead log that the slot keeps.",
    "pg_wal_lsn_diff(pg_current_wal_lsn(), pg_replication_slots.restart_lsn)",
);
static LOST: Metric = gauge(
    "wardround_pg_slot_lost",
    Unit::None,
    "1 when what the slot's reader needs is about to be removed or is: max_slot_wal_keep_size was exceeded.",
    "pg_replication_slots.wal_status in (unreserved, lost)",
);

/// Read every 15 seconds.
pub(super) static VIEW: View = View {
    name: "pg_replication_slots",
    sql: SQL,
    metrics: &[&ACTIVE, &RETAINED, &LOST],
    pace: Pace::Every(Duration::from_secs(15)),
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let (rows, complaint) = bounded(rows, SLOTS_MAX, "replication slots");
    for row in rows {
        let labels = [("slot_name", row.try_get(0)?), ("slot_type", row.try_get(1)?)];
        sink.put(&ACTIVE, &labels, row.try_get(2)?);
        if let Some(bytes) = row.try_get(3)? {
            sink.put(&RETAINED, &labels, bytes);
        }
        sink.put(&LOST, &labels, row.try_get(4)?);
    }
    complaint
}

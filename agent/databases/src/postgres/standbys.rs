//! The standbys that are connected to this server, and how far behind they are.

use super::view::{Pace, View, ViewError, bounded};
use crate::metric::gauge;
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use tokio_postgres::Row;

/// The most standbys that are sampled: their names are given by who connects.
const STANDBYS_MAX: usize = 32;

const SQL: &str = "\
SELECT coalesce(r.application_name, ''), coalesce(host(r.client_addr), ''), coalesce(s.slot_name, ''),
       coalesce(r.state, ''),
       max(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
                                ELSE pg_current_wal_lsn() END, r.replay_lsn))::float8,
       count(*)::float8
  FROM pg_stat_replication r LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid
 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 LIMIT 33";

static WAL_LSN_DIFF: Metric = gauge(
    "pg_stat_replication_pg_wal_lsn_diff",
    Unit::Bytes,
    "Write-ahead log that a connected standby has still to replay.",
    "pg_stat_replication: pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)",
);

static STREAMING: Metric = gauge(
    "wardround_pg_standbys_streaming",
    Unit::None,
    "How many standbys stream from this server; 0 also when none is connected.",
    "pg_stat_replication.state = 'streaming'",
);

/// Read every round.
pub(super) static VIEW: View = View {
    name: "pg_stat_replication",
    sql: SQL,
    metrics: &[&WAL_LSN_DIFF, &STREAMING],
    pace: Pace::EachRound,
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let (rows, complaint) = bounded(rows, STANDBYS_MAX, "standbys");
    let mut streaming = 0.0;
    for row in rows {
        let state: &str = row.try_get(3)?;
        let labels = [
            ("application_name", row.try_get(0)?),
            ("client_addr", row.try_get(1)?),
            ("slot_name", row.try_get(2)?),
            ("state", state),
        ];
        if let Some(bytes) = row.try_get(4)? {
            sink.put(&WAL_LSN_DIFF, &labels, bytes);
        }
        if state == "streaming" {
            streaming += row.try_get::<_, f64>(5)?;
        }
    }
    // A count over rows that were cut would be too small.
    if complaint.is_ok() {
        sink.put(&STREAMING, &[], streaming);
    }
    complaint
}

//! Whether this server is a standby, and how usable it is as one. Judged on the standby: the primary calls a standby
//! `streaming` even while its replay is paused, and a stopped one has no row at all there.

use super::view::{Pace, View, ViewError};
use crate::metric::gauge;
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use tokio_postgres::Row;

// A row of pg_stat_wal_receiver without a status is one that the account may not see: unknown, not down. The lag is 0
// only while the receiver streams; without it nobody knows what the primary has written since.
//
// The primary sends whole pages, so what a crashed one sent often ends within a record, and replay never reaches the last
// received byte. It is finished all the same when the startup process waits for more (names of PostgreSQL 13 and later; 10
// to 12 say RecoveryWalAll).
const SQL: &str = "\
SELECT pg_is_in_recovery(),
       CASE WHEN r.pid IS NULL THEN 0 WHEN r.status = 'streaming' THEN 1
            WHEN r.status IS NOT NULL THEN 0 END::float8,
       CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() END::int4::float8,
       f.finished::int4::float8,
       CASE WHEN r.status = 'streaming' AND f.finished THEN 0
            ELSE greatest(0, extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())) END::float8
  FROM (SELECT pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn()
               OR pg_last_wal_receive_lsn() IS NOT NULL AND EXISTS (
                  SELECT FROM pg_stat_activity WHERE backend_type = 'startup'
                     AND wait_event IN ('RecoveryWalStream', 'RecoveryRetrieveRetryInterval', 'RecoveryWalAll'))
               AS finished) f
  LEFT JOIN pg_stat_wal_receiver r ON true";

static IS_REPLICA: Metric = gauge(
    "pg_replication_is_replica",
    Unit::None,
    "1 when the server is a standby.",
    "pg_is_in_recovery()",
);

static RECEIVER_UP: Metric = gauge(
    "wardround_pg_wal_receiver_up",
    Unit::None,
    "1 while the standby's receiver streams from its primary. Only on a standby.",
    "pg_stat_wal_receiver.status = 'streaming'",
);

static REPLAY_PAUSED: Metric = gauge(
    "wardround_pg_replay_paused",
    Unit::None,
    "1 while replay is paused by an administrator or a conflict. Only on a standby.",
    "pg_is_wal_replay_paused()",
);

static REPLAY_FINISHED: Metric = gauge(
    "wardround_pg_replay_finished",
    Unit::None,
    "1 when everything that was received is replayed, an unfinished last record left out. Only on a standby that has \
     received something.",
    "pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn(), or wait_event of the startup process",
);

static LAG: Metric = gauge(
    "pg_replication_lag_seconds",
    Unit::Seconds,
    "0 when all is replayed and the receiver streams, else the age of the last replayed commit. Only on a standby.",
    "pg_last_xact_replay_timestamp(), pg_stat_wal_receiver",
);

/// Read every round.
pub(super) static VIEW: View = View {
    name: "pg_stat_wal_receiver",
    sql: SQL,
    metrics: &[&IS_REPLICA, &RECEIVER_UP, &REPLAY_PAUSED, &REPLAY_FINISHED, &LAG],
    pace: Pace::EachRound,
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    for row in rows {
        let standby: bool = row.try_get(0)?;
        sink.put(&IS_REPLICA, &[], f64::from(u8::from(standby)));
        if !standby {
            continue;
        }
        for (column, metric) in
            [(1, &RECEIVER_UP), (2, &REPLAY_PAUSED), (3, &REPLAY_FINISHED), (4, &LAG)]
        {
            if let Some(value) = row.try_get(column)? {
                sink.put(metric, &[], value);
            }
        }
    }
    Ok(())
}

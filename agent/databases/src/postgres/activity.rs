//! Sessions and transactions, out of one pass over `pg_stat_activity`.

use super::view::{DATABASES_MAX, Pace, View, ViewError, bounded};
use crate::metric::gauge;
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use tokio_postgres::Row;

/// The states that `pg_stat_activity` knows.
const STATES: usize = 6;

// The first row holds the totals (no database), the others every state of every database, 0 included, so that a series
// does not come and go with its sessions. The statement's own transaction has no age and is not long.
const SQL: &str = "\
WITH a AS MATERIALIZED (
  SELECT datname, state, count(*) AS sessions,
         count(*) FILTER (WHERE backend_type = 'client backend') AS clients,
         max(extract(epoch FROM now() - xact_start)) AS oldest,
         max(extract(epoch FROM now() - xact_start)) FILTER (WHERE backend_type = 'client backend') AS oldest_of_clients,
         count(*) FILTER (WHERE backend_type IN ('client backend', 'walsender')
                            AND xact_start < now() - interval '10 s') AS long,
         count(*) FILTER (WHERE state LIKE 'idle in transaction%'
                            AND state_change < now() - interval '10 s') AS idle
    FROM pg_stat_activity GROUP BY 1, 2)
SELECT NULL AS datname, NULL AS state, coalesce(sum(clients), 0)::float8 AS sessions,
       greatest(0, max(oldest_of_clients), (SELECT max(extract(epoch FROM now() - prepared)) FROM pg_prepared_xacts))::float8 AS oldest,
       (coalesce(sum(long), 0) + (SELECT count(*) FROM pg_prepared_xacts
                                   WHERE prepared < now() - interval '10 s'))::float8 AS long,
       coalesce(sum(idle), 0)::float8 AS idle
  FROM a
UNION ALL
SELECT d.datname, s.state, coalesce(a.sessions, 0)::float8, greatest(0, coalesce(a.oldest, 0))::float8, NULL, NULL
  FROM (SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY oid LIMIT 65) d
 CROSS JOIN (VALUES ('active'), ('idle'), ('idle in transaction'), ('idle in transaction (aborted)'),
                    ('fastpath function call'), ('disabled')) AS s(state)
  LEFT JOIN a ON a.datname = d.datname AND a.state = s.state
 ORDER BY datname NULLS FIRST, state";

static COUNT: Metric = gauge(
    "pg_stat_activity_count",
    Unit::None,
    "Sessions by database and state.",
    "pg_stat_activity: count(*)",
);

static MAX_TX_DURATION: Metric = gauge(
    "pg_stat_activity_max_tx_duration",
    Unit::Seconds,
    "Age of the oldest transaction by database and state, 0 when there is none.",
    "pg_stat_activity: max(now() - xact_start)",
);

static CONNECTIONS_USED: Metric = gauge(
    "wardround_pg_connections_used",
    Unit::None,
    "Client connections in use, the agent's own among them.",
    "pg_stat_activity: backend_type = 'client backend'",
);

static OLDEST_TRANSACTION: Metric = gauge(
    "wardround_pg_transaction_age_seconds_max",
    Unit::Seconds,
    "Age of the oldest transaction of a client, prepared ones among them; 0 when there is none.",
    "pg_stat_activity.xact_start, pg_prepared_xacts.prepared",
);

static LONG_TRANSACTIONS: Metric = gauge(
    "wardround_pg_long_transactions",
    Unit::None,
    "Transactions open for more than 10 s: active, idle and prepared ones.",
    "pg_stat_activity.xact_start, pg_prepared_xacts.prepared",
);

static IDLE_TRANSACTIONS: Metric = gauge(
    "wardround_pg_idle_transactions",
    Unit::None,
    "Sessions idle in a transaction for more than 10 s.",
    "pg_stat_activity.state and state_change",
);

/// Read every round.
pub(super) static VIEW: View = View {
    name: "pg_stat_activity",
    sql: SQL,
    metrics: &[
        &COUNT,
        &MAX_TX_DURATION,
        &CONNECTIONS_USED,
        &OLDEST_TRANSACTION,
        &LONG_TRANSACTIONS,
        &IDLE_TRANSACTIONS,
    ],
    pace: Pace::EachRound,
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let (rows, complaint) = bounded(rows, 1 + DATABASES_MAX * STATES, "databases");
    for row in rows {
        let sessions: f64 = row.try_get(2)?;
        let (Some(datname), Some(state)) = (row.try_get(0)?, row.try_get(1)?) else {
            sink.put(&CONNECTIONS_USED, &[], sessions);
            sink.put(&OLDEST_TRANSACTION, &[], row.try_get(3)?);
            sink.put(&LONG_TRANSACTIONS, &[], row.try_get(4)?);
            sink.put(&IDLE_TRANSACTIONS, &[], row.try_get(5)?);
            continue;
        };
        let labels = [("datname", datname), ("state", state)];
        sink.put(&COUNT, &labels, sessions);
        sink.put(&MAX_TX_DURATION, &labels, row.try_get(3)?);
    }
    complaint
}

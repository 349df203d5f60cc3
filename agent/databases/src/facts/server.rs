//! The server itself: connections, age, role. The round's proof that it serves.

use super::put_columns;
use super::row::Row;
use crate::metric::gauge;
use crate::view::{Pace, View};
use shared_model::{Metric, Unit};

static USED: Metric = gauge(
    "wardround_db_connections_used",
    Unit::None,
    "Client connections in use, the agent's own among them.",
    "V$RESOURCE_LIMIT processes; dm_exec_sessions",
);
static LIMIT: Metric = gauge(
    "wardround_db_connections_limit",
    Unit::None,
    "Client connections that the server takes.",
    "V$RESOURCE_LIMIT processes; @@MAX_CONNECTIONS",
);
static UPTIME: Metric = gauge(
    "wardround_db_uptime_seconds",
    Unit::Seconds,
    "Time since the instance was started.",
    "V$INSTANCE.STARTUP_TIME; dm_os_sys_info.sqlserver_start_time",
);
static STANDBY: Metric = gauge(
    "wardround_db_is_standby",
    Unit::None,
    "1 when the instance applies another one's changes and takes no writes.",
    "V$DATABASE.DATABASE_ROLE; dm_hadr_database_replica_states",
);

static COLUMNS: [&Metric; 4] = [&USED, &LIMIT, &UPTIME, &STANDBY];

/// One row: connections used and their limit, uptime in seconds, whether it is a standby. Read every round.
pub(crate) const fn view(name: &'static str, sql: &'static str) -> View<Row> {
    View {
        name,
        sql,
        metrics: &COLUMNS,
        pace: Pace::EachRound,
        emit: |rows, sink| put_columns(rows, &COLUMNS, sink),
    }
}

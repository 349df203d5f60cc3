//! The server itself: start, limits, and what account the agent has.

use super::view::{Pace, View, ViewError};
use crate::metric::gauge;
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use tokio_postgres::Row;

const SQL: &str = "\
SELECT extract(epoch FROM pg_postmaster_start_time())::float8,
       current_setting('max_connections')::float8,
       current_setting('superuser_reserved_connections')::float8,
       coalesce(current_setting('reserved_connections', true), '0')::float8,
       current_setting('is_superuser') = 'on', version(), current_setting('server_version')";

static START_TIME: Metric = gauge(
    "pg_postmaster_start_time_seconds",
    Unit::Seconds,
    "When the server was started, in seconds since 1970.",
    "pg_postmaster_start_time()",
);

static VERSION: Metric = gauge(
    "pg_static",
    Unit::None,
    "1; the labels say which version runs.",
    "current_setting('server_version'), version()",
);

static MAX_CONNECTIONS: Metric = gauge(
    "pg_settings_max_connections",
    Unit::None,
    "Setting max_connections.",
    "current_setting('max_connections')",
);

static SUPERUSER_RESERVED: Metric = gauge(
    "pg_settings_superuser_reserved_connections",
    Unit::None,
    "Setting superuser_reserved_connections.",
    "current_setting('superuser_reserved_connections')",
);

static CONNECTIONS_LIMIT: Metric = gauge(
    "wardround_pg_connections_limit",
    Unit::None,
    "Connections that ordinary accounts may use: max_connections less all reserved ones.",
    "max_connections - superuser_reserved_connections - reserved_connections (16 and later)",
);

static ACCOUNT_SUPERUSER: Metric = gauge(
    "wardround_pg_account_superuser",
    Unit::None,
    "1 when the agent's account is a superuser, which is more than it needs.",
    "current_setting('is_superuser')",
);

/// Read every round; the round's proof that the server serves.
pub(super) static VIEW: View = View {
    name: "server settings",
    sql: SQL,
    metrics: &[
        &VERSION,
        &START_TIME,
        &MAX_CONNECTIONS,
        &SUPERUSER_RESERVED,
        &CONNECTIONS_LIMIT,
        &ACCOUNT_SUPERUSER,
    ],
    pace: Pace::EachRound,
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    for row in rows {
        let (max, superuser, reserved): (f64, f64, f64) =
            (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        let short: &str = row.try_get(6)?;
        let short = short.split_once(' ').map_or(short, |(number, _)| number);
        sink.put(&VERSION, &[("short_version", short), ("version", row.try_get(5)?)], 1.0);
        sink.put(&START_TIME, &[], row.try_get(0)?);
        sink.put(&MAX_CONNECTIONS, &[], max);
        sink.put(&SUPERUSER_RESERVED, &[], superuser);
        sink.put(&CONNECTIONS_LIMIT, &[], max - superuser - reserved);
        sink.put(&ACCOUNT_SUPERUSER, &[], f64::from(u8::from(row.try_get::<_, bool>(4)?)));
    }
    Ok(())
}

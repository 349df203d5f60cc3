//! The server's parameters as one number that changes with any of them (clause 3.3 参数调整).

use super::view::{Pace, View, ViewError};
use crate::metric::gauge;
use agent_probe::Sink;
use shared_model::{Metric, Unit, topic};
use std::time::Duration;
use tokio_postgres::Row;

// What the agent's own session sets has the source client and is left out, and so is what the server works out by itself
// (in_hot_standby). The number holds 52 bits, which a float takes without loss.
// Numbers, switches and choices are shown when they change; of texts, which may hold a password, only a digest is read.
const SQL: &str = "\
SELECT ('x' || left(md5(said), 13))::bit(52)::int8::float8, pending, said
  FROM (SELECT string_agg(name || '=' || CASE WHEN vartype = 'string' THEN '#' || md5(coalesce(setting, ''))
                                              ELSE coalesce(setting, '') END, E'\\n' ORDER BY name COLLATE \"C\") AS said,
               count(*) FILTER (WHERE pending_restart)::float8 AS pending
          FROM pg_settings WHERE source NOT IN ('client', 'session', 'override')) s";

static FINGERPRINT: Metric = gauge(
    "wardround_pg_settings_fingerprint",
    Unit::None,
    "A number that is another one as soon as any parameter is; its size says nothing.",
    "pg_settings: 52 bits of md5",
);
static PENDING: Metric = gauge(
    "wardround_pg_settings_pending_restart",
    Unit::None,
    "Parameters that were changed in the file and wait for a restart.",
    "pg_settings.pending_restart",
);

/// Read every 30 seconds.
pub(super) static VIEW: View = View {
    name: "pg_settings",
    sql: SQL,
    metrics: &[&FINGERPRINT, &PENDING],
    pace: Pace::Every(Duration::from_secs(30)),
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    for row in rows {
        if let Some(fingerprint) = row.try_get(0)? {
            sink.put(&FINGERPRINT, &[], fingerprint);
        }
        sink.put(&PENDING, &[], row.try_get(1)?);
        let said: Option<&str> = row.try_get(2)?;
        sink.show_changes(topic::PARAMETERS, said.unwrap_or_default());
    }
    Ok(())
}

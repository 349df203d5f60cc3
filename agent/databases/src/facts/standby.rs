//! Whether a standby could take over: the classification of level 1 asks for it (mission §2.2).

use super::row::Row;
use crate::metric::gauge;
use crate::view::{Pace, View, ViewError, bounded};
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use std::time::Duration;

/// The most sources of one standby: databases of an availability group.
const SOURCES_MAX: usize = 64;

static APPLIES: Metric = gauge(
    "wardround_db_standby_applies",
    Unit::None,
    "1 when the standby takes and applies what its primary sends. On standbys only.",
    "V$DATAGUARD_STATS, V$MANAGED_STANDBY; dm_hadr_database_replica_states",
);
static LAG: Metric = gauge(
    "wardround_db_standby_lag_seconds",
    Unit::Seconds,
    "How far what is applied is behind the primary. On standbys only; absent while nobody can know.",
    "V$DATAGUARD_STATS 'apply lag'; dm_hadr_database_replica_states.secondary_lag_seconds",
);

static METRICS: [&Metric; 2] = [&APPLIES, &LAG];

/// A row for each source of a standby, none on a primary: its name, whether it is applied, the lag in seconds or NULL. Read every 5 s.
pub(crate) const fn view(name: &'static str, sql: &'static str) -> View<Row> {
    View { name, sql, metrics: &METRICS, pace: Pace::Every(Duration::from_secs(5)), emit }
}

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let (rows, complaint) = bounded(rows, SOURCES_MAX, "sources");
    for row in rows {
        let source = [("source", row.some_text(0)?)];
        sink.put(&APPLIES, &source, row.some_number(1)?);
        if let Some(lag) = row.number(2)? {
            sink.put(&LAG, &source, lag);
        }
    }
    complaint
}

//! Sequences that come to their end: registration numbers stop there. Of the database that is connected to.

use super::view::{Pace, View, ViewError};
use crate::metric::gauge;
use agent_probe::Sink;
use shared_model::{Metric, Unit};
use tokio_postgres::Row;

// The last value of one that the account may not read is NULL, as is that of one that was never used.
const SQL: &str = "\
SELECT current_database()::text,
       max(last_value::float8 / nullif(max_value, 0)) FILTER (WHERE increment_by > 0 AND NOT cycle),
       (count(*) FILTER (WHERE NOT has_sequence_privilege(format('%I.%I', schemaname, sequencename), 'USAGE, SELECT')))::float8
  FROM pg_sequences";

static USED: Metric = gauge(
    "wardround_pg_sequence_used_ratio_max",
    Unit::Ratio,
    "How much of its numbers the sequence has given out that is nearest to its end. Absent while none can be read.",
    "pg_sequences",
);
static UNREADABLE: Metric = gauge(
    "wardround_pg_sequences_unreadable",
    Unit::None,
    "Sequences that the agent's account may not read; GRANT SELECT ON ALL SEQUENCES IN SCHEMA gives the right.",
    "pg_sequences, has_sequence_privilege()",
);

/// Read at each inspection.
pub(super) static VIEW: View = View {
    name: "pg_sequences",
    sql: SQL,
    metrics: &[&USED, &UNREADABLE],
    pace: Pace::Inspection,
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    for row in rows {
        let datname = [("datname", row.try_get(0)?)];
        if let Some(used) = row.try_get(1)? {
            sink.put(&USED, &datname, used);
        }
        sink.put(&UNREADABLE, &datname, row.try_get(2)?);
    }
    Ok(())
}

//! Indexes that cost writes and help nobody (clause 3.3 无冗余、无效索引), of the database that is connected to.

use super::view::{Pace, View, ViewError};
use crate::metric::gauge;
use agent_probe::Sink;
use shared_model::{Metric, Unit, topic};
use tokio_postgres::Row;

// Redundant is a B-tree whose columns another one begins with, in the same order, operator class, collation and predicate. One
// that stands behind a constraint is not, nor is a unique one unless the other is unique over the same columns. Of two equal ones
// the later is. Unused is what no scan has used since the statistics began, from 1 MiB on; `statistics_age` says since when.
const SQL: &str = "\
WITH x AS MATERIALIZED (
  SELECT i.indexrelid, i.indrelid, i.indisunique, i.indisprimary, i.indisvalid, i.indisready, i.indisexclusion,
         i.indisreplident, i.indnkeyatts, i.indnatts, c.relam, c.relname, n.nspname, c.relispartition,
         i.indkey::int2[] AS k, i.indclass::oid[] AS oc, i.indcollation::oid[] AS co, i.indoption::int2[] AS op,
         coalesce(pg_get_expr(i.indexprs, i.indrelid), '') AS ex, coalesce(pg_get_expr(i.indpred, i.indrelid), '') AS pr,
         EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid) AS constrains
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')),
found AS (
  SELECT 'invalid' AS kind, nspname, relname FROM x
   WHERE (NOT indisvalid OR NOT indisready)
     AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = x.indexrelid)
  UNION ALL
  SELECT DISTINCT 'redundant', r.nspname, r.relname
    FROM x r JOIN x k ON k.indrelid = r.indrelid AND k.indexrelid <> r.indexrelid AND k.relam = r.relam
     AND k.pr = r.pr AND k.ex = r.ex AND k.indisvalid AND k.indnkeyatts >= r.indnkeyatts
     AND k.k[0:r.indnkeyatts - 1] = r.k[0:r.indnkeyatts - 1] AND k.oc[0:r.indnkeyatts - 1] = r.oc[0:r.indnkeyatts - 1]
     AND k.co[0:r.indnkeyatts - 1] = r.co[0:r.indnkeyatts - 1] AND k.op[0:r.indnkeyatts - 1] = r.op[0:r.indnkeyatts - 1]
     AND k.k @> r.k
   WHERE r.indisvalid AND NOT r.indisprimary AND NOT r.constrains AND (r.ex = '' OR r.indnatts = k.indnatts)
     AND (NOT r.indisunique OR (k.indisunique AND r.indnkeyatts = k.indnkeyatts))
     AND (r.indnatts < k.indnatts OR (k.indisunique AND NOT r.indisunique) OR k.indisprimary
          OR (k.indisunique = r.indisunique AND r.indexrelid > k.indexrelid))
     AND r.relam = (SELECT oid FROM pg_am WHERE amname = 'btree')
  UNION ALL
  SELECT 'unused', x.nspname, x.relname FROM x JOIN pg_stat_user_indexes s USING (indexrelid)
   WHERE s.idx_scan = 0 AND x.indisvalid AND NOT x.indisunique AND NOT x.indisprimary AND NOT x.indisexclusion
     AND NOT x.indisreplident AND NOT x.constrains AND NOT x.relispartition
     AND pg_relation_size(x.indexrelid) >= 1048576),
numbered AS (
  SELECT kind, nspname, relname, row_number() OVER (PARTITION BY kind ORDER BY nspname, relname) AS at FROM found)
SELECT current_database(), k.kind, (SELECT count(*) FROM found WHERE kind = k.kind)::float8,
       coalesce((SELECT array_agg((nspname || '.' || relname)::text ORDER BY at) FROM numbered
                  WHERE kind = k.kind AND at <= 20), '{}'),
       (SELECT greatest(0, extract(epoch FROM clock_timestamp() - coalesce(stats_reset, pg_postmaster_start_time())))
          FROM pg_stat_database WHERE datname = current_database())::float8
  FROM (VALUES ('invalid'), ('redundant'), ('unused')) AS k(kind)";

static COUNT: Metric = gauge(
    "wardround_pg_indexes",
    Unit::None,
    "Indexes by fault: invalid (a failed build), redundant (another one serves the same), unused (never scanned, from 1 MiB on).",
    "pg_index, pg_stat_user_indexes",
);
static AGE: Metric = gauge(
    "wardround_pg_index_statistics_age_seconds",
    Unit::Seconds,
    "For how long scans of indexes have been counted: since statistics were reset, or the server was started.",
    "pg_stat_database.stats_reset, pg_postmaster_start_time()",
);

/// The most of a fault that are named: three faults fit.
const NAMED_MAX: usize = 6;

/// Read at each inspection.
pub(super) static VIEW: View =
    View { name: "pg_index", sql: SQL, metrics: &[&COUNT, &AGE], pace: Pace::Inspection, emit };

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let mut lines = Vec::new();
    for row in rows {
        let datname: &str = row.try_get(0)?;
        let kind: &str = row.try_get(1)?;
        sink.put(&COUNT, &[("datname", datname), ("kind", kind)], row.try_get(2)?);
        sink.put(&AGE, &[("datname", datname)], row.try_get(4)?);
        let named: Vec<&str> = row.try_get(3)?;
        lines.extend(named.iter().take(NAMED_MAX).map(|name| format!("{kind}: {datname}.{name}")));
    }
    sink.show(topic::INDEXES, lines);
    Ok(())
}

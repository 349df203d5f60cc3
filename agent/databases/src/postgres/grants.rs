//! What everybody may do (clause 3.5 权限): rights of PUBLIC in the database that is connected to.

use super::view::{Pace, View, ViewError};
use crate::metric::gauge;
use crate::view::named_lines;
use agent_probe::Sink;
use shared_model::{Metric, Unit, topic};
use tokio_postgres::Row;

// What the system and its extensions bring is left out. A definer's function without a search path of its own runs whatever its
// caller puts before it.
const SQL: &str = "\
WITH found AS (
  SELECT 'schema_create' AS kind, n.nspname::text AS name
    FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
   WHERE a.grantee = 0 AND a.privilege_type = 'CREATE' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  UNION ALL
  SELECT DISTINCT 'table', n.nspname || '.' || c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
   WHERE a.grantee = 0 AND c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S')
     AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
  UNION ALL
  SELECT DISTINCT 'definer_function', n.nspname || '.' || p.proname
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
   WHERE p.prosecdef AND a.grantee = 0 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     AND NOT coalesce(p.proconfig::text, '') ~ 'search_path'
     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
  UNION ALL
  SELECT 'database_create', d.datname::text
    FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
   WHERE a.grantee = 0 AND a.privilege_type = 'CREATE' AND d.datname = current_database())
SELECT current_database()::text, k.kind, (SELECT count(*) FROM found WHERE kind = k.kind)::float8,
       coalesce((SELECT array_agg(name ORDER BY name)
                   FROM (SELECT name FROM found WHERE kind = k.kind ORDER BY name LIMIT 20) f), '{}')
  FROM (VALUES ('schema_create'), ('table'), ('definer_function'), ('database_create')) AS k(kind)";

static COUNT: Metric = gauge(
    "wardround_pg_public_grants",
    Unit::None,
    "Objects of users on which everybody has a right, by kind: schema_create, table, definer_function (without a search path of its \
     own), database_create.",
    "aclexplode() of pg_namespace, pg_class, pg_proc, pg_database",
);

/// Read at each inspection.
pub(super) static VIEW: View =
    View { name: "aclexplode", sql: SQL, metrics: &[&COUNT], pace: Pace::Inspection, emit };

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let mut lines = Vec::new();
    for row in rows {
        let (datname, kind): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
        sink.put(&COUNT, &[("datname", datname), ("kind", kind)], row.try_get(2)?);
        let named: Vec<&str> = row.try_get(3)?;
        lines.extend(named_lines(kind, &named));
    }
    sink.show(topic::GRANTS, lines);
    Ok(())
}

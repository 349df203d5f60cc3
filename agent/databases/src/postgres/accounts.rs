//! Accounts that can do more than they should, or for longer (clause 3.5 权限, 闲置、过期账号).

use super::view::{Pace, View, ViewError};
use crate::metric::gauge;
use crate::view::named_lines;
use agent_probe::Sink;
use shared_model::{Metric, Unit, topic};
use tokio_postgres::Row;

// What a role can become counts like what it is. Accounts that the node's configuration allows are left out of everything. An
// end in the past expires the password alone: who logs in by certificate or peer goes on.
const SQL: &str = "\
WITH RECURSIVE m AS (
  SELECT r.oid AS who, r.oid AS via FROM pg_roles r
  UNION SELECT m.who, a.roleid FROM m JOIN pg_auth_members a ON a.member = m.via),
x AS (
  SELECT m.who, bool_or(v.rolsuper) AS super, bool_or(v.rolcreaterole) AS creates_roles,
         bool_or(v.rolbypassrls) AS bypasses, bool_or(v.rolreplication) AS replicates,
         bool_or(v.rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')) AS files,
         bool_or(v.rolname IN ('pg_read_all_data', 'pg_write_all_data')) AS all_data
    FROM m JOIN pg_roles v ON v.oid = m.via GROUP BY m.who),
r AS (
  SELECT r.rolname::text AS rolname, x.*, r.rolvaliduntil AS until FROM pg_roles r JOIN x ON x.who = r.oid
   WHERE r.rolcanlogin AND NOT r.rolname = ANY ($1::text[])),
found AS (
  SELECT 'superuser' AS risk, rolname FROM r WHERE super
  UNION ALL SELECT 'high_risk', rolname FROM r
   WHERE NOT super AND (creates_roles OR bypasses OR files OR all_data)
  UNION ALL SELECT 'replication', rolname FROM r WHERE NOT super AND replicates
  UNION ALL SELECT 'never_expires', rolname FROM r WHERE until IS NULL OR until = 'infinity'
  UNION ALL SELECT 'expired', rolname FROM r WHERE until <= now())
SELECT k.risk, (SELECT count(*) FROM found WHERE risk = k.risk)::float8,
       coalesce((SELECT array_agg(rolname ORDER BY rolname)
                   FROM (SELECT rolname FROM found WHERE risk = k.risk ORDER BY rolname LIMIT 20) f), '{}')
  FROM (VALUES ('superuser'), ('high_risk'), ('replication'), ('never_expires'), ('expired')) AS k(risk)";

static COUNT: Metric = gauge(
    "wardround_pg_accounts",
    Unit::None,
    "Accounts that can log in and are not allowed by name, by risk: superuser (is one or can become one), high_risk (creates \
     roles, bypasses row security, reads or writes files or all data), replication, never_expires, expired.",
    "pg_roles, pg_auth_members",
);

/// Read at each inspection.
pub(super) static VIEW: View =
    View { name: "pg_roles", sql: SQL, metrics: &[&COUNT], pace: Pace::Inspection, emit };

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let mut lines = Vec::new();
    for row in rows {
        let risk: &str = row.try_get(0)?;
        sink.put(&COUNT, &[("risk", risk)], row.try_get(1)?);
        let named: Vec<&str> = row.try_get(2)?;
        lines.extend(named_lines(risk, &named));
    }
    sink.show(topic::ACCOUNTS, lines);
    Ok(())
}

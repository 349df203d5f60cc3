//! Who may come from where, and how they prove who they are (clause 3.5): the rules of pg_hba.conf as they stand in the file.

use super::view::{Pace, View, ViewError};
use crate::metric::gauge;
use agent_probe::Sink;
use shared_model::{Metric, Unit, topic};
use tokio_postgres::Row;

// Of a rule its line and what is risky about it is said; the file tells the rest. Needs a right of its own, see the account's script.
const SQL: &str = "\
WITH r AS (
  SELECT line_number AS line, type, auth_method, error,
         type IN ('host', 'hostssl', 'hostnossl', 'hostgssenc', 'hostnogssenc')
         AND NOT coalesce(address, '') ~ '^(127\\.|::1$|localhost$)' AS is_remote,
         address IN ('0.0.0.0', '::', 'all') AND coalesce(netmask, '0.0.0.0') IN ('0.0.0.0', '::') AS is_any
    FROM pg_hba_file_rules),
found AS (
  SELECT 'invalid' AS risk, line FROM r WHERE error IS NOT NULL
  UNION ALL SELECT 'trust', line FROM r WHERE auth_method = 'trust' AND is_remote
  UNION ALL SELECT 'weak', line FROM r WHERE auth_method IN ('password', 'md5', 'ident') AND is_remote
  UNION ALL SELECT 'unencrypted', line FROM r WHERE type IN ('host', 'hostnossl') AND is_remote AND auth_method <> 'reject'
  UNION ALL SELECT 'any_address', line FROM r WHERE is_any AND auth_method <> 'reject')
SELECT k.risk, (SELECT count(*) FROM found WHERE risk = k.risk)::float8,
       coalesce((SELECT array_agg(line::text ORDER BY line)
                   FROM (SELECT line FROM found WHERE risk = k.risk ORDER BY line LIMIT 20) f), '{}')
  FROM (VALUES ('invalid'), ('trust'), ('weak'), ('unencrypted'), ('any_address')) AS k(risk)";

static COUNT: Metric = gauge(
    "wardround_pg_access_rules",
    Unit::None,
    "Rules of pg_hba.conf by risk: invalid, trust (no proof, from other machines), weak (password, md5, ident), unencrypted (host and \
     hostnossl from other machines), any_address.",
    "pg_hba_file_rules",
);

/// Read at each inspection, where the account may.
pub(super) static VIEW: View =
    View { name: "pg_hba_file_rules", sql: SQL, metrics: &[&COUNT], pace: Pace::Inspection, emit };

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let mut lines = Vec::new();
    for row in rows {
        let risk: &str = row.try_get(0)?;
        sink.put(&COUNT, &[("risk", risk)], row.try_get(1)?);
        let named: Vec<&str> = row.try_get(2)?;
        if !named.is_empty() {
            lines.push(format!("{risk}: line {} of pg_hba.conf", named.join(", ")));
        }
    }
    sink.show(topic::ACCESS_RULES, lines);
    Ok(())
}

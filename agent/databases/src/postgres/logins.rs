//! Which accounts are in use (clause 3.5 闲置账号): the server keeps no last login. The probe's book remembers.

use super::view::{Pace, View, ViewError, bounded};
use crate::logins::{ACCOUNTS_MAX, Look};
use crate::metric::gauge;
use shared_model::{Metric, Unit};
use std::time::Duration;
use tokio_postgres::Row;

// Statements that were run say more than sessions, which are seen only when they last until a look. A standby does not know what its
// primary sees: all accounts are in use there.
macro_rules! statement {
    ($calls:literal, $statements:literal) => {
        concat!(
            "SELECT r.rolname::text,
       pg_is_in_recovery() OR EXISTS (SELECT FROM pg_stat_activity a WHERE a.usesysid = r.oid), ",
            $calls,
            "::int8, extract(epoch FROM now())::float8, r.rolname = ANY ($1::text[])
  FROM pg_roles r ",
            $statements,
            " WHERE r.rolcanlogin ORDER BY 5, 1 LIMIT 2001"
        )
    };
}

/// Without the extension pg_stat_statements.
pub(super) const SQL_WITHOUT_STATEMENTS: &str = statement!("NULL", "");

/// The longest idle one.
pub(super) static IDLE: Metric = gauge(
    "wardround_pg_account_idle_seconds",
    Unit::Seconds,
    "Longest time for which an account that can log in, and is not allowed by name, has not been seen: neither a session nor a \
     statement that pg_stat_statements counted. Time in which nobody looked counts only where the latter proves it.",
    "pg_roles, pg_stat_activity, pg_stat_statements.calls",
);

/// Read every 15 seconds.
pub(super) static VIEW: View = View {
    name: "logins",
    sql: statement!(
        "coalesce(c.calls, 0)",
        "LEFT JOIN (SELECT s.userid, sum(s.calls) AS calls FROM public.pg_stat_statements(false) s GROUP BY 1) c ON c.userid = r.oid"
    ),
    metrics: &[&IDLE],
    pace: Pace::Every(Duration::from_secs(15)),
    // Its rows alone say nothing yet: the book makes samples of them.
    emit: |rows, _| bounded(rows, ACCOUNTS_MAX, "accounts").1,
};

/// The server's time and what it says of each account that the node's configuration does not allow. The agent's own account is always
/// there, so that no row is no look.
pub(super) fn looks(rows: &[Row]) -> Result<Option<(f64, Vec<Look>)>, ViewError> {
    let Some(first) = rows.first() else { return Ok(None) };
    let mut looks = Vec::new();
    for row in rows {
        if !row.try_get::<_, bool>(4)? {
            let (account, in_session, count) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            looks.push(Look { account, in_session, count });
        }
    }
    Ok(Some((first.try_get(3)?, looks)))
}

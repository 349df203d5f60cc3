//! Which accounts are in use (clause 3.5 闲置账号): the server keeps no last login. The probe's book remembers.
//!
//! Sessions are counted by user, whatever the machine: an account counts as used when any of its name is.

use super::accounts;
use super::row::{Row, number, text};
use crate::logins::{ACCOUNTS_MAX, Look};
use crate::metric::gauge;
use crate::view::{Pace, View, ViewError, bounded};
use shared_model::{Metric, Unit};
use std::time::Duration;

// The administrator's view says who can log in. A replica does not know what its primary sees: all accounts are in use there. Without
// performance_schema only sessions that last until a look are seen.
macro_rules! statement {
    ($sessions:literal) => {
        concat!(
            "SELECT a.risk, a.user, a.host, @@read_only OR COALESCE(c.sessions, 0) > 0,
       IF(@@performance_schema, COALESCE(c.logins, 0), NULL), UNIX_TIMESTAMP()
  FROM wardround.account_risks a
  LEFT JOIN (SELECT s.user, SUM(s.sessions) AS sessions, SUM(s.logins) AS logins
               FROM (SELECT user, CURRENT_CONNECTIONS AS sessions, TOTAL_CONNECTIONS AS logins FROM performance_schema.accounts
                     ",
            $sessions,
            ") s GROUP BY s.user) c ON c.user = a.user
 WHERE a.risk = 'login' ORDER BY a.user, a.host LIMIT 2001"
        )
    };
}

/// The longest idle one.
pub(super) static IDLE: Metric = gauge(
    "wardround_mysql_account_idle_seconds",
    Unit::Seconds,
    "Longest time for which an account that can log in, and is not allowed by name, has not been seen: neither a session nor a \
     login that performance_schema counted. Time in which nobody looked counts only where the latter proves it.",
    "wardround.account_risks, performance_schema.accounts, PROCESSLIST",
);

/// Read every 15 seconds.
pub(super) static VIEW_MARIADB: View<Row> = View {
    name: "logins",
    sql: statement!("UNION ALL SELECT USER, 1, 0 FROM information_schema.PROCESSLIST"),
    metrics: &[&IDLE],
    pace: Pace::Every(Duration::from_secs(15)),
    // Its rows alone say nothing yet: the book makes samples of them.
    emit: |rows, _| bounded(rows, ACCOUNTS_MAX, "accounts").1,
};
/// Read every 15 seconds.
pub(super) static VIEW_MYSQL: View<Row> = View { sql: statement!(""), ..VIEW_MARIADB };

/// The server's time and what it says of each account that is not allowed. The agent's own account is always there, so that no row is no
/// look but a view of the administrator's that is older than this one.
pub(super) fn looks(
    rows: &[Row],
    allowed: &[String],
) -> Result<Option<(f64, Vec<Look>)>, ViewError> {
    let Some(first) = rows.first() else { return Ok(None) };
    let look = |row: &Row| {
        let account = format!("{}@{}", text(row, 1)?, text(row, 2)?);
        Some(Look {
            account,
            in_session: number(row, 3)? > 0.0,
            count: text(row, 4).and_then(|count| count.parse().ok()),
        })
    };
    let watched = rows.iter().filter(|row| !accounts::is_allowed(row, allowed));
    let all: Option<Vec<Look>> = watched.map(look).collect();
    let now = number(first, 5).ok_or(ViewError::Column)?;
    Ok(Some((now, all.ok_or(ViewError::Column)?)))
}

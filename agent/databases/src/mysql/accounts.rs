//! Accounts that can do more than they should (clause 3.5). The tables of accounts hold hashes, so the agent's account may not read
//! them: a view of the administrator's, `wardround.account_risks`, says who has which risk and no more.

use super::row::{Row, text};
use crate::metric::gauge;
use crate::view::{Pace, View, ViewError, bounded, named_lines};
use agent_probe::Sink;
use shared_model::{Metric, Unit, topic};

/// The most lines of the view.
const LINES_MAX: usize = 2_000;

/// What the view says of an account, as `docs/databases.md` has it.
const RISKS: [&str; 6] =
    ["superuser", "high_risk", "never_expires", "expired", "no_password", "any_host"];

static COUNT: Metric = gauge(
    "wardround_mysql_accounts",
    Unit::None,
    "Accounts that can log in and are not allowed by name, by risk: superuser, high_risk (reads or writes files, grants, makes \
     accounts, shuts down), never_expires, expired, no_password, any_host.",
    "wardround.account_risks",
);

/// The most accounts of a risk that are named.
const NAMED_MAX: usize = 20;

/// Read at each inspection; the probe takes the lines of allowed accounts away.
pub(super) static VIEW: View<Row> = View {
    name: "account_risks",
    sql: "SELECT risk, user, host FROM wardround.account_risks WHERE risk <> 'login' ORDER BY risk, user, host LIMIT 2001",
    metrics: &[&COUNT],
    pace: Pace::Inspection,
    emit,
};

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let (rows, complaint) = bounded(rows, LINES_MAX, "risks of accounts");
    let mut lines = Vec::new();
    for risk in RISKS {
        let of_it = || rows.iter().filter(|row| text(row, 0) == Some(risk));
        sink.put(&COUNT, &[("risk", risk)], of_it().count() as f64);
        let name = |row: &Row| Some(format!("{}@{}", text(row, 1)?, text(row, 2)?));
        let named: Option<Vec<String>> = of_it().take(NAMED_MAX).map(name).collect();
        lines.extend(named_lines(risk, &named.ok_or(ViewError::Column)?));
    }
    sink.show(topic::ACCOUNTS, lines);
    complaint
}

/// Whether a line of the view speaks of an account that is meant to have its rights: by name, or by name and host.
pub(super) fn is_allowed(row: &Row, allowed: &[String]) -> bool {
    let (Some(user), Some(host)) = (text(row, 1), text(row, 2)) else {
        return false;
    };
    allowed.iter().any(|known| {
        known == user || known.rsplit_once('@').is_some_and(|(u, h)| u == user && h == host)
    })
}

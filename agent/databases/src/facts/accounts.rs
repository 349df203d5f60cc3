//! Accounts that can do more than they should (clause 3.5).

use super::named;
use super::row::Row;
use crate::metric::gauge;
use crate::view::{Pace, View, ViewError, bounded, named_lines};
use agent_probe::Sink;
use shared_model::{Metric, Unit, topic};

/// The most risks that are read.
const RISKS_MAX: usize = 2_000;

/// The most accounts of a risk that are named.
const NAMED_MAX: usize = 20;

/// What is looked for.
const RISKS: [&str; 6] =
    ["superuser", "high_risk", "never_expires", "expired", "default_password", "idle"];

static COUNT: Metric = gauge(
    "wardround_db_accounts",
    Unit::None,
    "Accounts that can log in and are not allowed by name, by risk: superuser, high_risk, never_expires, expired, default_password, \
     idle (no login for 90 days).",
    "DBA_USERS, DBA_ROLE_PRIVS, DBA_SYS_PRIVS; sys.server_principals, sys.sql_logins",
);

static METRICS: [&Metric; 1] = [&COUNT];

/// A row for each risk of an account, 2,001 at most: risk, account; one without an account for each risk that is looked for. The probe takes the allowed accounts away. Read at each inspection.
pub(crate) const fn view(name: &'static str, sql: &'static str) -> View<Row> {
    View { name, sql, metrics: &METRICS, pace: Pace::Inspection, emit }
}

/// Whether a row speaks of an account that is meant to have its rights. Both engines compare names without regard to case.
pub(crate) fn is_allowed(row: &Row, allowed: &[String]) -> bool {
    let account = row.text(1).ok().flatten();
    account.is_some_and(|account| allowed.iter().any(|known| known.eq_ignore_ascii_case(account)))
}

fn emit(rows: &[Row], sink: &mut Sink) -> Result<(), ViewError> {
    let (rows, complaint) = bounded(rows, RISKS_MAX, "risks of accounts");
    let mut lines = Vec::new();
    for risk in RISKS {
        let Some(mut names) = named(rows, risk)? else { continue };
        sink.put(&COUNT, &[("risk", risk)], names.len() as f64);
        names.truncate(NAMED_MAX);
        lines.extend(named_lines(risk, &names));
    }
    sink.show(topic::ACCOUNTS, lines);
    complaint
}

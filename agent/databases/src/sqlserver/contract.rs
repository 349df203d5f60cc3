//! The views of SQL Server against rows written from its documents (`agent/databases/contract/sqlserver-2019.tsv`). It proves what is
//! made of such rows and that the statements can be read; it does not prove that a server answers so.

use super::ENGINE;
use crate::facts::contract::{lines, replay, value};
use shared_model::topic;
use sqlparser::dialect::MsSqlDialect;

const SAID: &str = include_str!("../../contract/sqlserver-2019.tsv");

const EXPECTED: [(&str, &[&str], Option<f64>); 23] = [
    ("wardround_db_version_info", &["sqlserver", "15.0.4316.3"], Some(1.0)),
    ("wardround_db_connections_used", &[], Some(412.0)),
    ("wardround_db_connections_limit", &[], Some(32_767.0)),
    ("wardround_db_is_standby", &[], Some(1.0)),
    ("wardround_db_transaction_age_seconds_max", &[], Some(5_400.0)),
    ("wardround_db_blocked_sessions", &[], Some(3.0)),
    ("wardround_db_blocked_wait_seconds_max", &[], Some(12.5)),
    ("wardround_db_database_online", &["his"], Some(1.0)),
    ("wardround_db_database_online", &["lis"], Some(0.0)),
    ("wardround_db_standby_applies", &["his"], Some(1.0)),
    ("wardround_db_standby_lag_seconds", &["his"], Some(3.0)),
    ("wardround_db_standby_applies", &["pacs"], Some(0.0)),
    ("wardround_db_standby_lag_seconds", &["pacs"], None),
    ("wardround_db_deadlocks_total", &[], Some(2.0)),
    ("wardround_db_index_reads_total", &[], Some(900_000.0)),
    ("wardround_db_archiving_enabled", &[], Some(0.0)),
    ("wardround_db_archive_failing", &[], None),
    ("wardround_db_statement_calls_total", &["0x9A3B5C7D00112233"], Some(120.0)),
    ("wardround_db_space_used_ratio", &["log", "his"], Some(0.93)),
    ("wardround_db_accounts", &["superuser"], Some(1.0)),
    ("wardround_db_accounts", &["default_password"], None),
    ("wardround_db_unencrypted_spaces", &[], Some(2.0)),
    ("wardround_db_audits_enabled", &[], Some(0.0)),
];

/// Scenario: every view over rows as the documents describe them, with a chain, a wait for no session, a database that is offline, a
/// secondary without a known lag, a login beyond the list. Guarantees: no complaint, every number as the rows say, what is not known or
/// not looked for is absent, evidence by name.
#[test]
fn views_fit_sql_server_2019() {
    let sink = replay(&ENGINE, &MsSqlDialect {}, SAID, &["SA"]);
    for (name, labels, expected) in EXPECTED {
        assert_eq!(value(&sink, name, labels), expected, "{name} {labels:?}");
    }
    let chain = [
        "-2",
        "  96 his@his APP-09, waits for LCK_M_S",
        "52 his@his APP-03, idle in transaction",
        "  81 his@his APP-07, waits for LCK_M_X",
        "    95 his@his APP-09, waits for LCK_M_S",
    ];
    assert_eq!(lines(&sink, topic::BLOCKING), chain);
    let accounts = [r"superuser: HOSPITAL\intruder", "never_expires: his"];
    assert_eq!(lines(&sink, topic::ACCOUNTS), accounts);
}

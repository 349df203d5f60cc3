//! The views of Oracle against rows written from its documents (`agent/databases/contract/oracle-19.tsv`). It proves what is made of
//! such rows and that the statements can be read; it does not prove that a server answers so.

use super::ENGINE;
use crate::facts::contract::{lines, replay, value};
use shared_model::topic;
use sqlparser::dialect::OracleDialect;

const SAID: &str = include_str!("../../contract/oracle-19.tsv");

const EXPECTED: [(&str, &[&str], Option<f64>); 23] = [
    ("wardround_db_version_info", &["oracle", "19.21.0.0.0"], Some(1.0)),
    ("wardround_db_connections_used", &[], Some(412.0)),
    ("wardround_db_connections_limit", &[], Some(600.0)),
    ("wardround_db_is_standby", &[], Some(1.0)),
    ("wardround_db_idle_transactions", &[], Some(1.0)),
    ("wardround_db_blocked_sessions", &[], Some(2.0)),
    ("wardround_db_blocked_wait_seconds_max", &[], Some(12.5)),
    ("wardround_db_blocked_chain_length_max", &[], Some(3.0)),
    ("wardround_db_database_online", &["LIS"], Some(0.0)),
    ("wardround_db_standby_applies", &["HISDG"], Some(1.0)),
    ("wardround_db_standby_lag_seconds", &["HISDG"], Some(3.0)),
    ("wardround_db_deadlocks_total", &[], Some(2.0)),
    ("wardround_db_physical_reads_total", &[], Some(20_000.0)),
    ("wardround_db_archiving_enabled", &[], Some(1.0)),
    ("wardround_db_archive_failing", &[], Some(1.0)),
    ("wardround_db_statement_seconds_total", &["922737"], Some(0.25)),
    ("wardround_db_space_used_ratio", &["tablespace", "USERS"], Some(0.915)),
    ("wardround_db_accounts", &["superuser"], Some(1.0)),
    ("wardround_db_accounts", &["expired"], Some(0.0)),
    ("wardround_db_accounts", &["idle"], Some(1.0)),
    ("wardround_db_clear_remote_sessions", &[], Some(17.0)),
    ("wardround_db_indexes", &["invalid"], Some(1.0)),
    ("wardround_db_indexes", &["unused"], Some(0.0)),
];

/// Scenario: every view over rows as the documents describe them, with a chain of three, a database that is not open, a failing
/// destination, an account beyond the list, a path with a literal. Guarantees: no complaint, every number as the rows say, evidence by
/// name, a changed text is said and never shown.
#[test]
fn views_fit_oracle_19() {
    let allowed = ["sys", "system"];
    let mut sink = replay(&ENGINE, &OracleDialect {}, SAID, &allowed);
    for (name, labels, expected) in EXPECTED {
        assert_eq!(value(&sink, name, labels), expected, "{name} {labels:?}");
    }
    let chain = [
        "42 HIS@his app-03, idle in transaction",
        "  81 HIS@his app-07, waits for enq: TX - row lock contention",
        "    95 HIS@his app-09, waits for enq: TX - row lock contention",
    ];
    assert_eq!(lines(&sink, topic::BLOCKING), chain);
    let accounts = ["superuser: INTRUDER", "high_risk: HISAPP", "idle: OLD_VENDOR"];
    assert_eq!(lines(&sink, topic::ACCOUNTS), accounts);
    let indexes = ["invalid: HIS.VISIT_DEPT", "redundant: HIS.PATIENT_NAME_2"];
    assert_eq!(lines(&sink, topic::INDEXES), indexes);

    let before = value(&sink, "wardround_db_settings_fingerprint", &[]);
    let row = |name: &str, value: &str| {
        use crate::facts::row::{Cell, Row};
        Row(vec![Cell::Text(name.into()), Cell::Text(value.into())])
    };
    let changed = [
        row("audit_trail", "DB"),
        row("processes", "800"),
        row("sga_target", "8589934592"),
        row("spfile", "/u01/patient-4712/spfilehis.ora"),
    ];
    sink.begin();
    crate::view::emit(&super::parameters::VIEW, &changed, &mut sink, &mut Vec::new());
    assert_ne!(value(&sink, "wardround_db_settings_fingerprint", &[]), before);
    let changes = ["processes: 600 -> 800", "spfile: (text) -> (text)"];
    assert_eq!(lines(&sink, topic::PARAMETERS), changes);
    let all = format!("{:?}", (sink.shown(), sink.samples()));
    assert!(!all.contains("patient"), "{all}");
}

//! The views of MySQL 8 against tables as its manual describes them (`agent/databases/contract/mysql-8.sql`), in a real MariaDB: MySQL
//! is not packaged here. It proves names and types of columns and what is made of them; it does not prove that such a server behaves.

// The server of the tests of the whole probe.
#[path = "../../tests/it/mariadb_server.rs"]
#[allow(dead_code, clippy::expect_used, reason = "this test uses a part of it")]
mod mariadb_server;

use super::probe::MYSQL;
use super::row::Row;
use super::{logins, parameters};
use crate::view::emit;
use agent_probe::Sink;
use mariadb_server::MariaDb;
use mysql_async::prelude::Queryable;
use shared_model::topic;

/// Where the statements of the views find the tables of the manual.
const PLACES: [(&str, &str); 4] = [
    ("performance_schema.", "contract."),
    ("information_schema.INNODB_", "contract.INNODB_"),
    ("SHOW REPLICA STATUS", "SELECT * FROM contract.replica_status"),
    ("SHOW BINARY LOGS", "SELECT * FROM contract.binary_logs"),
];

const ACCOUNT: &str = include_str!("../../../../deploy/sql/mysql-account.sql");

const EXPECTED: [(&str, &[&str], f64); 30] = [
    ("wardround_mysql_unencrypted_spaces", &[], 1.0),
    ("wardround_mysql_indexes", &["redundant"], 1.0),
    ("wardround_mysql_indexes", &["unused"], 1.0),
    ("wardround_mysql_accounts", &["superuser"], 1.0),
    ("wardround_mysql_accounts", &["high_risk"], 2.0),
    ("wardround_mysql_accounts", &["never_expires"], 1.0),
    ("wardround_mysql_accounts", &["expired"], 2.0),
    ("wardround_mysql_accounts", &["no_password"], 1.0),
    ("wardround_mysql_accounts", &["any_host"], 1.0),
    ("wardround_mysql_blocked_sessions", &[], 2.0),
    ("wardround_mysql_blocked_chain_length_max", &[], 3.0),
    ("wardround_mysql_is_replica", &[], 1.0),
    ("mysql_slave_status_slave_io_running", &["10.0.0.1", ""], 1.0),
    ("mysql_slave_status_slave_sql_running", &["10.0.0.1", ""], 1.0),
    ("mysql_slave_status_seconds_behind_master", &["10.0.0.1", ""], 7.0),
    ("wardround_mysql_replica_applied_all", &["10.0.0.1", ""], 1.0),
    ("mysql_slave_status_slave_io_running", &["10.0.0.2", "lis"], 0.0),
    ("mysql_slave_status_slave_sql_running", &["10.0.0.2", "lis"], 0.0),
    ("mysql_slave_status_last_io_errno", &["10.0.0.2", "lis"], 2003.0),
    ("mysql_slave_status_last_sql_errno", &["10.0.0.2", "lis"], 1062.0),
    ("mysql_global_status_innodb_deadlocks", &[], 2.0),
    ("mysql_binlog_files", &[], 3.0),
    ("mysql_binlog_size_bytes", &[], 1_073_741_981.0),
    ("wardround_mysql_binlogs_missing", &[], 2.0),
    ("wardround_mysql_tls_enabled", &[], 1.0),
    ("wardround_mysql_tls_sessions", &[], 1.0),
    ("wardround_mysql_clear_remote_sessions", &[], 1.0),
    ("mysql_global_variables_log_bin", &[], 1.0),
    ("wardround_mysql_audit_enabled", &[], 1.0),
    ("mysql_global_variables_binlog_expire_logs_seconds", &[], 2_592_000.0),
];

fn of<'a>(sink: &'a Sink, topic: &str) -> &'a [Box<str>] {
    &sink.shown().iter().find(|shown| shown.topic == topic).unwrap().lines
}

/// Scenario: every view of MySQL over the tables of its manual, with a chain of three, a replica that works and one that does not, accounts, a
/// hole in the binary log, literals beside. Guarantees: no complaint, every number as the rows say, evidence without a literal or a
/// password; a replica that stands still has no lag.
#[tokio::test]
async fn views_fit_mysql_8() {
    let server = MariaDb::primary("").await;
    let mut admin = server.admin().await;
    admin.query_drop(include_str!("../../contract/mysql-8.sql")).await.unwrap();
    // The statement of the administrator's view, over the tables of the manual.
    let view = ACCOUNT.split(';').find(|statement| statement.contains("VIEW")).unwrap();
    let view = view.replace("mysql.", "contract.").replace("performance_schema.", "contract.");
    admin.query_drop(view).await.unwrap();
    let mut sink = Sink::default();
    sink.begin();
    for view in MYSQL {
        let sql = PLACES.iter().fold(view.sql.to_owned(), |sql, (from, to)| sql.replace(from, to));
        let rows: Vec<Row> =
            admin.query(sql).await.unwrap_or_else(|error| panic!("{}: {error}", view.name));
        let mut complaints = Vec::new();
        emit(view, &rows, &mut sink, &mut complaints);
        assert!(complaints.is_empty(), "{}: {complaints:?}", view.name);
    }
    for (name, labels, value) in EXPECTED {
        let is_it = |s: &&agent_probe::Sample| {
            s.metric().name == name
                && s.labels().iter().map(|(_, v)| &**v).eq(labels.iter().copied())
        };
        let found = sink.samples().iter().find(is_it);
        assert_eq!(found.and_then(agent_probe::Sample::value), Some(value), "{name} {labels:?}");
    }
    let remaining = sink.samples().iter().find(|s| s.metric().name.contains("certificate"));
    let remaining = remaining.and_then(agent_probe::Sample::value).unwrap();
    assert!((7_775_900.0..=7_776_000.0).contains(&remaining), "{remaining}");
    let stuck = |s: &&agent_probe::Sample| {
        s.metric().name.contains("behind") && *s.labels()[0].1 == *"10.0.0.2"
    };
    assert!(!sink.samples().iter().any(|s| stuck(&s)), "a replica that does not apply has no lag");
    let chain = [
        "11 app@his 10.0.3.7, idle in transaction",
        "  12 app@his 10.0.3.8, waits for RECORD X,REC_NOT_GAP of his.visit",
        "    13 app@ localhost, waits for RECORD X,REC_NOT_GAP of his.visit",
    ];
    assert!(of(&sink, topic::BLOCKING).iter().map(|line| &**line).eq(chain), "{:?}", sink.shown());
    let gaps = ["1 left out before binlog.000003", "binlog.000004: not found"];
    assert!(of(&sink, topic::ARCHIVE).iter().map(|line| &**line).eq(gaps), "{:?}", sink.shown());
    let sql = logins::VIEW_MYSQL.sql.replace("performance_schema.", "contract.");
    let rows: Vec<Row> = admin.query(sql).await.unwrap();
    let (_, looks) = logins::looks(&rows, &["root".into()]).unwrap().unwrap();
    let looks: Vec<_> = looks.iter().map(|l| (l.account.as_str(), l.in_session, l.count)).collect();
    let unused = |account| (account, false, Some(0));
    let [backup, clerk, loader] =
        ["backup@10.0.0.9", "clerk@10.0.0.9", "loader@10.0.0.9"].map(unused);
    assert_eq!(looks, [("app@%", true, Some(9)), backup, clerk, loader]);
    let indexes = ["redundant: his.visit.by_day", "unused: his.visit.by_day"];
    assert!(of(&sink, topic::INDEXES).iter().map(|l| &**l).eq(indexes), "{:?}", sink.shown());
    admin.query_drop("UPDATE contract.global_variables SET VARIABLE_VALUE = '9' WHERE VARIABLE_NAME IN ('max_connections', 'report_password')").await.unwrap();
    let sql = parameters::VIEW_MYSQL.sql.replace("performance_schema.", "contract.");
    let rows: Vec<Row> = admin.query(sql).await.unwrap();
    emit(&parameters::VIEW_MYSQL, &rows, &mut sink, &mut Vec::new());
    let changes = ["max_connections: 151 -> 9", "report_password: (text) -> (text)"];
    assert!(of(&sink, topic::PARAMETERS).iter().map(|l| &**l).eq(changes), "{:?}", sink.shown());
    let all = format!("{:?}", (sink.shown(), sink.samples()));
    assert!(!all.contains("4711") && !all.contains("patient"), "{all}");
}

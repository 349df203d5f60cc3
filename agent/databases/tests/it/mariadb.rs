//! The MySQL probe against a real MariaDB, as the account that the documentation makes.

use crate::mariadb_server::MariaDb;
use crate::watch::{ROUNDS_MAX, Watch, print};
use agent_probe::{Outcome, Sample};
use mysql_async::prelude::Queryable;
use shared_model::topic;
use std::time::Duration;

const INSPECT: &str = "inspection_interval = \"1s\"";
const UP: (&str, f64) = ("mysql_up", 1.0);
const DOWN: (&str, f64) = ("mysql_up", 0.0);

/// A first round of a new session, which reads everything at once, until it shows what is asked for.
async fn seen(server: &MariaDb, what: &str, reached: impl Fn(&Watch) -> bool) -> Watch {
    let mut pace = tokio::time::interval(Duration::from_millis(50));
    for _ in 0..600 {
        pace.tick().await;
        let mut watch = Watch::mariadb(server, INSPECT);
        watch.sampled().await;
        if reached(&watch) {
            return watch;
        }
    }
    panic!("{what} was not seen within 30 s");
}

/// Scenario: a healthy primary, read as the least-privilege account. Guarantees: every view is sampled without a complaint, every
/// emitted metric is declared, the account reads no table of the business, and the kept connection is one connection.
#[tokio::test]
async fn healthy_primary() {
    let server = MariaDb::primary("").await;
    let mut watch = Watch::mariadb(&server, INSPECT);
    watch.sampled().await;
    watch.sampled().await;
    watch.expect(&[
        UP,
        ("wardround_mysql_connect_refused{reason=\"unreachable\"}", 0.0),
        ("mysql_global_variables_max_connections", 12.0),
        ("mysql_global_variables_read_only", 0.0),
        ("wardround_mysql_is_replica", 0.0),
        ("wardround_mysql_blocked_sessions", 0.0),
        ("wardround_mysql_blocked_chain_length_max", 0.0),
        ("wardround_mysql_idle_transactions", 0.0),
        ("wardround_mysql_connections_used", 1.0),
        ("wardround_mysql_view_available{view=\"account_risks\"}", 1.0),
        ("wardround_mysql_view_available{view=\"Ssl_cipher\"}", 1.0),
        ("wardround_mysql_view_available{view=\"BINARY LOGS\"}", 1.0),
        ("wardround_mysql_listens_remotely", 0.0),
        ("wardround_mysql_binlogs_missing", 0.0),
        ("mysql_global_variables_log_bin", 1.0),
    ]);
    assert!(watch.value("mysql_global_status_uptime").is_some());
    for sample in watch.sink.samples() {
        let declared = watch.probe.metrics().iter().any(|m| std::ptr::eq(*m, sample.metric()));
        assert!(declared, "{} is not declared", print(sample));
    }
    let mut monitor = server.connect_remotely("throwaway-monitor").await.unwrap();
    for forbidden in
        ["SELECT * FROM his.t", "SELECT * FROM mysql.global_priv", "UPDATE his.t SET v = 1"]
    {
        assert!(monitor.query_drop(forbidden).await.is_err(), "{forbidden}");
    }
}

/// Scenario: the server is killed and started again, then hangs and runs again. Guarantees: each round says down and why without an
/// error; the round after the return says up; no connection is left over.
#[tokio::test]
async fn crash_hang_and_return() {
    let mut server = MariaDb::primary("").await;
    let mut watch = Watch::mariadb(&server, "timeout = \"400ms\"");
    watch.sampled().await;
    server.crash();
    watch.sampled().await;
    watch.expect(&[DOWN, ("wardround_mysql_connect_refused{reason=\"unreachable\"}", 1.0)]);
    assert_eq!(
        watch.value("mysql_global_variables_max_connections"),
        None,
        "nothing old is emitted"
    );
    server.start().await;
    watch.until("its return", |w| w.shows(&[UP])).await;
    server.signal("STOP");
    for _ in 0..8 {
        watch.sampled().await;
        watch.expect(&[DOWN, ("wardround_mysql_connect_refused{reason=\"timed_out\"}", 1.0)]);
    }
    server.signal("CONT");
    watch.until("its answer", |w| w.shows(&[UP])).await;
    watch
        .until("one connection", |w| w.shows(&[UP, ("wardround_mysql_connections_used", 1.0)]))
        .await;
}

/// Scenario: a wrong password, and every connection taken. Guarantees: each refusal is told apart; the session that was open before
/// goes on reading.
#[tokio::test]
async fn refusals_are_told_apart() {
    let server = MariaDb::primary("").await;
    let mut open = Watch::mariadb(&server, "");
    open.sampled().await;
    let mut wrong =
        Watch::mariadb(&server, "user = \"nobody\"".replace("user", "ca_file").as_str());
    drop(wrong.round().await);
    let mut sessions = Vec::new();
    while let Ok(session) = server.connect("root", None).await {
        sessions.push(session);
        assert!(sessions.len() < 20, "max_connections is 12");
    }
    let mut late = Watch::mariadb(&server, "");
    late.sampled().await;
    late.expect(&[DOWN, ("wardround_mysql_connect_refused{reason=\"exhausted\"}", 1.0)]);
    open.sampled().await;
    open.expect(&[UP, ("mysql_global_variables_max_connections", 12.0)]);
    assert!(open.value("wardround_mysql_connections_used").unwrap() >= 12.0);
}

/// Scenario: a chain of four over row locks, its root idle in its transaction, beside ALTER TABLE behind it. Guarantees: three are
/// blocked, the chain has four, the wait grows, the idle transaction and the waiter for the definition are told; all ends with it.
#[tokio::test]
async fn a_chain_of_four_is_seen() {
    let server = MariaDb::primary("").await;
    let mut watch = Watch::mariadb(&server, "");
    let mut sessions = Vec::new();
    for id in 1..=4 {
        let mut session = server.admin().await;
        session.query_drop(format!("BEGIN; UPDATE his.t SET v = 1 WHERE id = {id}")).await.unwrap();
        sessions.push(session);
    }
    let root = sessions.remove(0);
    let mut waiting = Vec::new();
    for (id, mut session) in (1..).zip(sessions) {
        waiting.push(tokio::spawn(async move {
            drop(session.query_drop(format!("UPDATE his.t SET v = 2 WHERE id = {id}")).await);
        }));
    }
    let mut alter = server.admin().await;
    waiting.push(tokio::spawn(async move {
        drop(alter.query_drop("ALTER TABLE his.t ADD COLUMN w INT").await);
    }));
    watch
        .until("the chain", |w| {
            w.shows(&[
                ("wardround_mysql_blocked_sessions", 3.0),
                ("wardround_mysql_blocked_chain_length_max", 4.0),
                ("wardround_mysql_metadata_lock_waiters", 1.0),
            ]) && w.value("wardround_mysql_blocked_wait_seconds_max") >= Some(1.0)
        })
        .await;
    watch
        .until("an idle transaction", |w| w.shows(&[("wardround_mysql_idle_transactions", 1.0)]))
        .await;
    assert!(watch.value("wardround_mysql_transaction_age_seconds_max").unwrap() >= 10.0);
    let said = watch.said(topic::BLOCKING);
    let words: Vec<_> =
        said.iter().map(|line| line.split_once(' ').unwrap_or_default().1).collect();
    let indents = said.iter().map(|line| line.len() - line.trim_start().len());
    assert_eq!(indents.collect::<Vec<_>>(), [0, 2, 4, 6], "{said:?}");
    assert!(words[0].ends_with("root@ localhost, idle in transaction"), "{said:?}");
    assert!(words[3].ends_with("root@ localhost, waits for a row lock"), "{said:?}");
    root.disconnect().await.unwrap();
    for task in waiting {
        task.await.unwrap();
    }
    watch
        .until("its end", |w| {
            w.shows(&[
                ("wardround_mysql_blocked_sessions", 0.0),
                ("wardround_mysql_blocked_chain_length_max", 0.0),
                ("wardround_mysql_metadata_lock_waiters", 0.0),
            ])
        })
        .await;
}

/// Scenario: a replica follows, is stopped, goes on, breaks on a row that it has already, and loses its primary. Guarantees: each is
/// told on the replica; a replica whose primary is gone has applied everything.
#[tokio::test]
async fn a_replica_is_judged_on_the_replica() {
    let mut primary = MariaDb::primary("").await;
    let replica = primary.replica().await;
    let label = "{master_host=\"127.0.0.1\",connection_name=\"\"}";
    let series = |name: &str| format!("{name}{label}");
    let (io, sql) = (
        series("mysql_slave_status_slave_io_running"),
        series("mysql_slave_status_slave_sql_running"),
    );
    let (behind, errno) = (
        series("mysql_slave_status_seconds_behind_master"),
        series("mysql_slave_status_last_sql_errno"),
    );
    let applied = series("wardround_mysql_replica_applied_all");
    let lag = series("wardround_mysql_replica_lag_seconds");
    let mut admin = replica.admin().await;
    let mut watch = None;
    // Its account comes over by replication.
    for _ in 0..ROUNDS_MAX {
        let mut new = Watch::mariadb(&replica, "");
        new.round().await;
        if new.shows(&[UP, (&io, 1.0), (&sql, 1.0), (&behind, 0.0), (&applied, 1.0)]) {
            watch = Some(new);
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut watch = watch.expect("a replica that follows");
    watch.expect(&[("wardround_mysql_is_replica", 1.0), ("mysql_global_variables_read_only", 1.0)]);
    admin.query_drop("STOP SLAVE").await.unwrap();
    watch.until("a stopped replica", |w| w.shows(&[(&io, 0.0), (&sql, 0.0)])).await;
    assert_eq!(watch.value(&behind), None, "how far behind is not known");
    assert_eq!(watch.value(&lag), None, "nor is it usable");
    admin.query_drop("START SLAVE").await.unwrap();
    watch.until("it follows again", |w| w.shows(&[(&io, 1.0), (&sql, 1.0), (&behind, 0.0)])).await;
    admin
        .query_drop("SET sql_log_bin = 0; INSERT INTO his.t (id, v) VALUES (99, 0)")
        .await
        .unwrap();
    primary.admin().await.query_drop("INSERT INTO his.t (id, v) VALUES (99, 1)").await.unwrap();
    watch.until("a broken replica", |w| w.shows(&[(&sql, 0.0), (&errno, 1062.0)])).await;
    admin.query_drop("DELETE FROM his.t WHERE id = 99; START SLAVE").await.unwrap();
    watch.until("it is mended", |w| w.shows(&[(&sql, 1.0), (&errno, 0.0), (&behind, 0.0)])).await;
    primary.crash();
    watch
        .until("its primary is gone", |w| {
            w.shows(&[(&io, 0.0), (&sql, 1.0), (&applied, 1.0), (&lag, 0.0)])
        })
        .await;
}

/// Scenario: accounts with each risk, and ones that are allowed by name or by name and host. Guarantees: each counts once where it
/// belongs, the allowed ones and the agent's own nowhere; a dropped one is gone at the next inspection.
#[tokio::test]
async fn risky_accounts_are_counted() {
    let server = MariaDb::primary("").await;
    let mut admin = server.admin().await;
    admin.query_drop("SET GLOBAL default_password_lifetime = 90").await.unwrap();
    let risk = |name: &str| format!("wardround_mysql_accounts{{risk=\"{name}\"}}");
    let keys = format!("{INSPECT}\nallowed_accounts = [\"root\", \"known@10.0.0.9\"]");
    let mut watch = Watch::mariadb(&server, &keys);
    watch.sampled().await;
    assert_eq!(watch.value(&risk("superuser")), Some(0.0));
    admin
        .query_drop(
            "CREATE USER dba@'10.0.0.9' IDENTIFIED BY 'x'; GRANT SUPER ON *.* TO dba@'10.0.0.9';
             CREATE USER loader@'10.0.0.9' IDENTIFIED BY 'x'; GRANT FILE ON *.* TO loader@'10.0.0.9';
             CREATE USER everywhere@'%' IDENTIFIED BY 'x';
             CREATE USER eternal@'10.0.0.9' IDENTIFIED BY 'x' PASSWORD EXPIRE NEVER;
             CREATE USER gone@'10.0.0.9' IDENTIFIED BY 'x' PASSWORD EXPIRE;
             CREATE USER blank@'10.0.0.9';
             CREATE USER locked@'%' ACCOUNT LOCK;
             CREATE USER known@'10.0.0.9' IDENTIFIED BY 'x'; GRANT SUPER ON *.* TO known@'10.0.0.9';
             CREATE USER known@'10.0.0.8' IDENTIFIED BY 'x'; GRANT SUPER ON *.* TO known@'10.0.0.8'",
        )
        .await
        .unwrap();
    let mut watch = Watch::mariadb(&server, &keys);
    watch.sampled().await;
    for (name, count) in [
        ("superuser", 2.0),
        ("high_risk", 1.0),
        ("any_host", 1.0),
        ("never_expires", 1.0),
        ("expired", 1.0),
        ("no_password", 1.0),
    ] {
        assert_eq!(watch.value(&risk(name)), Some(count), "{name}");
    }
    let said = watch.said(topic::ACCOUNTS);
    assert!(said.contains(&"superuser: dba@10.0.0.9, known@10.0.0.8"), "{said:?}");
    admin.query_drop("DROP USER dba@'10.0.0.9'").await.unwrap();
    watch.until("its end", |w| w.value(&risk("superuser")) == Some(1.0)).await;
}

/// Scenario: a duplicate, a prefix, a unique twin and an unused index; a variable changed and set back; a file of the binary log gone;
/// a deadlock; a slow statement with a literal. Guarantees: each is told by its number and what it is by name, none by a word of a
/// statement.
#[tokio::test]
async fn what_an_inspection_finds() {
    let server = MariaDb::primary("").await;
    let mut admin = server.admin().await;
    let index = |kind: &str| format!("wardround_mysql_indexes{{kind=\"{kind}\"}}");
    let mut first = Watch::mariadb(&server, INSPECT);
    first.sampled().await;
    first.expect(&[
        (&index("redundant"), 0.0),
        (&index("unused"), 0.0),
        ("mysql_global_status_innodb_deadlocks", 0.0),
    ]);
    let fingerprint = |w: &Watch| w.value("wardround_mysql_settings_fingerprint").unwrap();
    let before = fingerprint(&first);
    admin
        .query_drop(
            "CREATE TABLE his.visit (id INT PRIMARY KEY, patient INT, at DATE, note VARCHAR(20),
               UNIQUE one_note (note), KEY by_patient_at (patient, at), KEY by_patient_at_too (patient, at), KEY by_patient (patient),
               KEY by_at (at)) ENGINE = InnoDB;
             INSERT INTO his.visit SELECT seq, seq % 50, '2026-01-01', seq FROM his.seq_1_to_2000;
             SET GLOBAL max_connections = 13; FLUSH BINARY LOGS; FLUSH BINARY LOGS",
        )
        .await
        .unwrap();
    admin.query_drop("SELECT SLEEP(1.3), 'patient-4711' AS \"张三4711\"").await.unwrap();
    std::fs::remove_file(server.data("node-bin.000002")).unwrap();
    let mut other = server.admin().await;
    admin.query_drop("BEGIN; UPDATE his.t SET v = 1 WHERE id = 1").await.unwrap();
    other.query_drop("BEGIN; UPDATE his.t SET v = 1 WHERE id = 2").await.unwrap();
    let waits = tokio::spawn(async move {
        let ended = other.query_drop("UPDATE his.t SET v = 2 WHERE id = 1").await;
        drop(ended);
        other
    });
    drop(admin.query_drop("UPDATE his.t SET v = 2 WHERE id = 2").await);
    admin.query_drop("ROLLBACK").await.unwrap();
    drop(waits.await.unwrap());
    let watch = seen(&server, "the deadlock", |w| {
        w.shows(&[("mysql_global_status_innodb_deadlocks", 1.0)])
    })
    .await;
    watch.expect(&[(&index("redundant"), 2.0), ("wardround_mysql_binlogs_missing", 1.0)]);
    // Those that filling the table did not use.
    assert!(watch.value(&index("unused")).is_some());
    let said = watch.said(topic::INDEXES);
    for line in ["redundant: his.visit.by_patient_at_too", "redundant: his.visit.by_patient"] {
        assert!(said.contains(&line), "{said:?}");
    }
    assert_eq!(watch.said(topic::ARCHIVE), ["node-bin.000002: not found"]);
    let mut next = Watch::mariadb(&server, INSPECT).following(first);
    next.sampled().await;
    assert_eq!(next.said(topic::PARAMETERS), ["max_connections: 12 -> 13"]);
    assert!(fingerprint(&watch).to_bits() != before.to_bits(), "max_connections is another one");
    let slow = |s: &&Sample| {
        s.metric().name.ends_with("statements_seconds_total") && s.value() >= Some(1.0)
    };
    assert_eq!(watch.sink.samples().iter().filter(slow).count(), 1);
    let all: String = watch.sink.samples().iter().map(print).collect();
    assert!(!all.contains("4711") && !all.to_lowercase().contains("sleep"), "{all}");
    admin.query_drop("SET GLOBAL max_connections = 12").await.unwrap();
    seen(&server, "the old fingerprint", |w| fingerprint(w).to_bits() == before.to_bits()).await;
}

/// Scenario: a server that offers TLS, asked with each mode; one that does not, asked to encrypt. Guarantees: what was asked for is
/// what happens, and it is told whether the server offers it.
#[tokio::test]
async fn encryption_is_as_asked_for() {
    let mut server = MariaDb::primary("").await;
    let mut plain = Watch::mariadb(&server, "sslmode = \"require\"");
    plain.sampled().await;
    plain.expect(&[DOWN]);
    let mut preferred = Watch::mariadb(&server, "");
    preferred.sampled().await;
    preferred.expect(&[
        UP,
        ("wardround_mysql_tls_enabled", 0.0),
        ("wardround_mysql_tls_sessions", 0.0),
    ]);
    let own = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    for (name, text) in [("cert.pem", own.cert.pem()), ("key.pem", own.signing_key.serialize_pem())]
    {
        std::fs::write(server.data(name), text).unwrap();
        std::process::Command::new("chmod").arg("644").arg(server.data(name)).status().unwrap();
    }
    let settings = format!(
        "ssl-cert = {}\nssl-key = {}\n",
        server.data("cert.pem").display(),
        server.data("key.pem").display()
    );
    server.restart_with(&settings).await;
    for (mode, sessions) in [("require", 1.0), ("prefer", 1.0), ("disable", 0.0)] {
        let mut watch = Watch::mariadb(&server, &format!("sslmode = \"{mode}\""));
        watch.sampled().await;
        let certificate = watch.value("wardround_mysql_certificate_remaining_seconds");
        assert_eq!(certificate.is_some_and(|s| s > 0.0), mode != "disable", "{mode}");
        watch.expect(&[UP, ("wardround_mysql_tls_enabled", 1.0)]);
        assert!(watch.value("wardround_mysql_tls_sessions").unwrap() >= sessions, "{mode}");
        let outcome = watch.round().await;
        assert!(matches!(outcome, Outcome::Sampled), "{mode}: {outcome:?}");
    }
}

/// Scenario: the account has SUPER, then that is allowed. Guarantees: refused with what to do, and not taken for a database that is
/// down; once allowed it reads.
#[tokio::test]
async fn superusers_are_refused() {
    let server = MariaDb::primary("").await;
    server.admin().await.query_drop("GRANT SUPER ON *.* TO monitor@'127.0.0.1'").await.unwrap();
    let mut watch = Watch::mariadb(&server, "");
    let Outcome::Failed(error) = watch.round().await else { panic!("a superuser was taken") };
    assert!(error.to_string().contains("allow_superuser"), "{error}");
    assert_eq!(watch.value("mysql_up"), None);
    let mut watch = Watch::mariadb(&server, "allow_superuser = true");
    watch.sampled().await;
    watch.expect(&[UP]);
}

const SERVICE_UP: &str = "wardround_core_service_up{service=\"registration\"}";
const SERVICE_VALUE: &str = "wardround_core_service_value{service=\"registration\"}";
const SERVICE_LATENCY: &str = "wardround_core_service_latency_seconds{service=\"registration\"}";

/// Scenario: a business function of MariaDB that answers, answers nothing yet, fails, hangs, and whose server crashes and returns.
/// Guarantees: up only with an answer; unknown values are missing; no literal of the server's words; each state is seen in the next
/// round.
#[tokio::test]
async fn business_question_follows_the_business() {
    let mut server = MariaDb::primary("").await;
    let mut admin = server.admin().await;
    let define = |body: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION his_core.registration_age_seconds() RETURNS DECIMAL(10,1) \
             READS SQL DATA SQL SECURITY DEFINER BEGIN {body} END"
        )
    };
    admin.query_drop("CREATE DATABASE his_core").await.unwrap();
    admin.query_drop(define("RETURN 2.5;")).await.unwrap();
    let grant =
        "GRANT EXECUTE ON FUNCTION his_core.registration_age_seconds TO monitor@'127.0.0.1'";
    admin.query_drop(grant).await.unwrap();
    let question = "select his_core.registration_age_seconds();";
    let mut watch = Watch::mariadb_service(&server, question);
    watch.sampled().await;
    watch.expect(&[(SERVICE_UP, 1.0), (SERVICE_VALUE, 2.5)]);
    assert!((0.0..2.0).contains(&watch.value(SERVICE_LATENCY).unwrap()));

    for (body, value, complaint) in [
        ("RETURN NULL;", None, None),
        (
            "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'patient 110101199003070000'; RETURN 1;",
            None,
            Some("query of core_service registration: error 1644"),
        ),
        // The server's own timeout ends it.
        ("DO SLEEP(60); RETURN 1;", None, Some("query of core_service registration: error 1969")),
        ("RETURN 7;", Some(7.0), None),
    ] {
        // Who replaces a function takes away the rights to it.
        admin.query_drop(define(body)).await.unwrap();
        admin.query_drop(grant).await.unwrap();
        let outcome = watch.round().await;
        let complaints = match &outcome {
            Outcome::Sampled => Vec::new(),
            Outcome::Partial(complaints) => complaints.iter().map(ToString::to_string).collect(),
            other => panic!("{body}: {other:?}"),
        };
        assert!(complaints.iter().map(String::as_str).eq(complaint), "{body}: {complaints:?}");
        watch.expect(&[(SERVICE_UP, if complaint.is_none() { 1.0 } else { 0.0 })]);
        assert_eq!(watch.value(SERVICE_VALUE), value, "{body}");
    }

    server.crash();
    watch.sampled().await;
    watch.expect(&[(SERVICE_UP, 0.0)]);
    server.start().await;
    watch.sampled().await;
    watch.expect(&[(SERVICE_UP, 1.0), (SERVICE_VALUE, 7.0)]);
}

/// Scenario: questions to MariaDB that are not one read-only statement with one number. Guarantees: each is refused with its reason
/// and counts as not up; nothing is written.
#[tokio::test]
async fn only_one_number_is_an_answer() {
    let server = MariaDb::primary("").await;
    let mut admin = server.admin().await;
    admin.query_drop("GRANT SELECT, UPDATE ON his.t TO monitor@'127.0.0.1'").await.unwrap();
    for (query, complaint) in [
        ("select 1, 2", "must yield one column of a numeric type"),
        ("select 'x'", "not a number"),
        ("update his.t set v = 9", "error 1064"),
        ("select 1 union all select 2", "more than one row"),
        ("select v from his.t where id = -1", "no row"),
        ("select nowhere.nothing()", "error 1370"),
    ] {
        let mut watch = Watch::mariadb_service(&server, query);
        let outcome = watch.round().await;
        let Outcome::Partial(complaints) = outcome else { panic!("{query}: {outcome:?}") };
        let expected = format!("query of core_service registration: {complaint}");
        assert_eq!(complaints[0].to_string(), expected, "{query}");
        watch.expect(&[(SERVICE_UP, 0.0)]);
    }
    let written: Option<u64> =
        admin.query_first("SELECT COUNT(*) FROM his.t WHERE v = 9").await.unwrap();
    assert_eq!(written, Some(0));
}

//! The PostgreSQL probes against a real server, as an account with `pg_monitor` and nothing more.

use crate::server::{PASSWORD, Server};
use crate::watch::{ROUNDS_MAX, Watch, print};
use agent_databases::{PostgresInstance, PostgresProbe};
use agent_probe::{Outcome, Sample};
use shared_model::topic;
use shared_runtime::SystemClock;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::error::SqlState;

const UP: (&str, f64) = ("pg_up", 1.0);
const DOWN: (&str, f64) = ("pg_up", 0.0);
const UNREACHABLE: (&str, f64) = ("wardround_pg_connect_refused{reason=\"unreachable\"}", 1.0);

/// Scenario: a healthy primary, read as the least-privilege account. Guarantees: every view is sampled without a
/// complaint, every emitted metric is declared, the account is known not to be a superuser, and the kept connection is
/// one connection.
#[tokio::test]
async fn healthy_primary() {
    let server = Server::primary().await;
    let mut watch = Watch::instance(&server, "");
    watch.sampled().await;
    watch.sampled().await;
    watch.expect(&[
        UP,
        ("wardround_pg_connect_refused{reason=\"unreachable\"}", 0.0),
        ("pg_settings_max_connections", 12.0),
        ("pg_settings_superuser_reserved_connections", 3.0),
        ("wardround_pg_connections_limit", 9.0),
        ("wardround_pg_account_superuser", 0.0),
        ("pg_replication_is_replica", 0.0),
        ("wardround_pg_standbys_streaming", 0.0),
        ("wardround_pg_blocked_sessions", 0.0),
        ("wardround_pg_blocked_chain_length_max", 0.0),
        ("wardround_pg_blocked_wait_seconds_max", 0.0),
        ("wardround_pg_idle_transactions", 0.0),
        ("wardround_pg_long_transactions", 0.0),
        ("wardround_pg_transaction_age_seconds_max", 0.0),
        ("pg_stat_activity_count{datname=\"postgres\",state=\"active\"}", 1.0),
        ("pg_stat_activity_count{datname=\"postgres\",state=\"idle in transaction\"}", 0.0),
    ]);
    assert_eq!(watch.value("pg_replication_lag_seconds"), None, "a primary has no lag");
    assert!(watch.value("pg_database_size_bytes{datname=\"postgres\"}").unwrap() > 1e6);
    assert!(watch.value("wardround_pg_index_blocks_hit_total{datname=\"postgres\"}").is_some());
    assert!(watch.value("pg_postmaster_start_time_seconds").unwrap() > 1.7e9);
    let commits: Vec<_> = watch
        .sink
        .samples()
        .iter()
        .filter(|s| s.metric().name == "pg_stat_database_xact_commit")
        .collect();
    assert_eq!(commits.len(), 1);
    assert_eq!(&*commits[0].labels()[1].1, "postgres");
    for sample in watch.sink.samples() {
        let declared = watch.probe.metrics().iter().any(|m| std::ptr::eq(*m, sample.metric()));
        assert!(declared, "{} is not declared", print(sample));
    }
    let admin = server.admin().await;
    let ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'wardround-agent'";
    assert_eq!(admin.query_one(ours, &[]).await.unwrap().get::<_, i64>(0), 1);
}

/// Scenario: the server crashes and is started again, with a session kept open. Guarantees: the crash is told at once, and
/// the round after it says down and why, without an error; the round after the start says up.
#[tokio::test]
async fn crash_and_return() {
    let server = Server::primary().await;
    let mut watch = Watch::instance(&server, "");
    watch.sampled().await;
    server.crash();
    watch.changed().await;
    watch.sampled().await;
    watch.expect(&[DOWN, UNREACHABLE]);
    assert_eq!(watch.value("pg_settings_max_connections"), None, "nothing old is emitted");
    server.start();
    watch.sampled().await;
    watch.expect(&[UP]);
}

/// Scenario: an administrator ends the agent's session while the server lives. Guarantees: it is told at once, and the one
/// reconnect that follows tells that the server is up: no false "down".
#[tokio::test]
async fn ended_session_is_not_a_crash() {
    let server = Server::primary().await;
    let mut watch = Watch::instance(&server, "");
    watch.sampled().await;
    let admin = server.admin().await;
    let end =
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'monitor'";
    assert!(admin.query_one(end, &[]).await.unwrap().get::<_, bool>(0));
    watch.changed().await;
    watch.sampled().await;
    watch.expect(&[UP]);
}

/// Scenario: the server's processes stop answering with the connection open, as on a hung machine. Guarantees: down after
/// the timeout, for a kept and for a new connection, and up again when it goes on.
#[tokio::test]
async fn hung_server_is_down() {
    let server = Server::primary().await;
    let mut watch = Watch::instance(&server, "timeout = \"400ms\"");
    watch.sampled().await;
    server.signal_all("STOP");
    for _ in 0..2 {
        watch.sampled().await;
        watch.expect(&[DOWN, ("wardround_pg_connect_refused{reason=\"timed_out\"}", 1.0)]);
    }
    server.signal_all("CONT");
    watch.until("recovery", |w| w.shows(&[UP])).await;
}

/// Scenario: ordinary accounts take every connection. Guarantees: a kept session still samples and shows it; a newcomer
/// is told apart as exhausted, not as unreachable.
#[tokio::test]
async fn exhausted_is_told_apart() {
    let server = Server::primary().await;
    server.admin().await.batch_execute("CREATE ROLE app LOGIN").await.unwrap();
    let mut watch = Watch::instance(&server, "");
    watch.sampled().await;
    let mut taken = Vec::new();
    let refusal = loop {
        match server.session("app").await {
            Ok(client) => taken.push(client),
            Err(error) => break error,
        }
    };
    assert_eq!(refusal.code(), Some(&SqlState::TOO_MANY_CONNECTIONS));
    watch.sampled().await;
    watch.expect(&[UP, ("wardround_pg_connections_limit", 9.0)]);
    assert!(watch.value("wardround_pg_connections_used").unwrap() >= 9.0);
    let mut newcomer = Watch::instance(&server, "");
    newcomer.sampled().await;
    newcomer.expect(&[DOWN, ("wardround_pg_connect_refused{reason=\"exhausted\"}", 1.0)]);
    drop(taken);
    newcomer.until("a free connection", |w| w.shows(&[UP])).await;
}

/// Scenario: a wrong password, a database that does not exist, a server without TLS that must have it, a password file
/// that others can read. Guarantees: each is told apart; a fault of the node's own is a failed probe, never a down
/// database; no answer of the server's is passed on in words.
#[tokio::test]
async fn refusals_are_told_apart() {
    let server = Server::primary().await;
    server.file("wrong.password", "no-such-password", 0o600);
    let open = server.file("open.password", PASSWORD, 0o644);
    let wrong = server.keys("").replace("monitor.password", "wrong.password");
    for (keys, reason) in [
        (wrong, "authentication"),
        (server.keys("database = \"nowhere\""), "no_database"),
        (server.keys("sslmode = \"require\""), "tls"),
    ] {
        let settings: PostgresInstance = toml::from_str(&keys).unwrap();
        let mut watch = Watch::over(Box::new(PostgresProbe::new(&settings, Arc::new(SystemClock))));
        watch.sampled().await;
        let refused = format!("wardround_pg_connect_refused{{reason=\"{reason}\"}}");
        watch.expect(&[DOWN, (&refused, 1.0)]);
    }
    let keys = server.keys("").replace("monitor.password", "open.password");
    let settings: PostgresInstance = toml::from_str(&keys).unwrap();
    let mut watch = Watch::over(Box::new(PostgresProbe::new(&settings, Arc::new(SystemClock))));
    let Outcome::Failed(error) = watch.round().await else { panic!("must fail") };
    assert!(error.to_string().contains(&format!("{} has mode 0644", open.display())), "{error}");
    assert_eq!(watch.value("pg_up"), None);
}

/// Scenario: a standby that streams, is paused behind new writes, and loses its primary. Guarantees: role, receiver,
/// pause, replay and lag are seen on the standby, the standby and its distance on the primary.
#[tokio::test]
async fn standby_is_judged_on_the_standby() {
    let primary = Server::primary().await;
    let standby = primary.standby();
    let admin = primary.admin().await;
    let mut below = Watch::instance(&standby, "");
    let mut above = Watch::instance(&primary, "");
    admin.batch_execute("UPDATE t SET v = 1").await.unwrap();
    let usable = [
        UP,
        ("pg_replication_is_replica", 1.0),
        ("wardround_pg_wal_receiver_up", 1.0),
        ("wardround_pg_replay_paused", 0.0),
        ("wardround_pg_replay_finished", 1.0),
        ("pg_replication_lag_seconds", 0.0),
    ];
    below.until("a streaming standby", |w| w.shows(&usable)).await;
    let diff = |w: &Watch| {
        let mut samples = w.sink.samples().iter();
        let sample = samples.find(|s| s.metric().name == "pg_stat_replication_pg_wal_lsn_diff");
        let labels = sample.map(|s| s.labels()[0].1.to_string());
        sample.and_then(Sample::value).zip(labels)
    };
    above.until("its standby", |w| w.shows(&[("wardround_pg_standbys_streaming", 1.0)])).await;
    assert_eq!(diff(&above).unwrap().1, "standby1");

    let replay = standby.admin().await;
    replay.batch_execute("SELECT pg_wal_replay_pause()").await.unwrap();
    admin.batch_execute("UPDATE t SET v = 2").await.unwrap();
    below
        .until("a paused standby with lag", |w| {
            w.shows(&[("wardround_pg_replay_paused", 1.0), ("wardround_pg_replay_finished", 0.0)])
                && w.value("pg_replication_lag_seconds").is_some_and(|lag| lag > 0.0)
        })
        .await;
    above.until("bytes to replay", |w| diff(w).is_some_and(|(bytes, _)| bytes > 0.0)).await;

    replay.batch_execute("SELECT pg_wal_replay_resume()").await.unwrap();
    primary.crash();
    below
        .until("a standby without its primary", |w| {
            w.shows(&[("wardround_pg_wal_receiver_up", 0.0), ("wardround_pg_replay_finished", 1.0)])
        })
        .await;
    assert!(below.value("pg_replication_lag_seconds").unwrap() > 0.0, "unknown is not in time");
}

/// Scenario: the primary crashes when its standby has received whole pages that end within a record. Guarantees: the standby
/// counts as finished although it will never replay its last received byte.
#[tokio::test]
async fn an_unfinished_last_record_is_not_waited_for() {
    let primary = Server::primary().await;
    let standby = primary.standby();
    let mut below = Watch::instance(&standby, "");
    let (writer, reader) = (primary.admin().await, standby.admin().await);
    below.until("a streaming standby", |w| w.shows(&[("wardround_pg_wal_receiver_up", 1.0)])).await;
    // Nobody waits for this record of many pages, so only its whole pages are written and sent.
    let message = "BEGIN; SELECT pg_logical_emit_message(false, 't', repeat('x', 100000))";
    writer.batch_execute(message).await.unwrap();
    let behind = "SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()";
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    let mut rounds = 0..ROUNDS_MAX;
    while !reader.query_one(behind, &[]).await.unwrap().get::<_, bool>(0) {
        assert!(rounds.next().is_some(), "no part of the record arrived");
        pace.tick().await;
    }
    primary.crash();
    below
        .until("a standby that has finished without its primary", |w| {
            w.shows(&[("wardround_pg_wal_receiver_up", 0.0), ("wardround_pg_replay_finished", 1.0)])
        })
        .await;
    assert!(reader.query_one(behind, &[]).await.unwrap().get::<_, bool>(0));
}

/// Scenario: four sessions of which each waits for the one before. Guarantees: three blocked, a chain of four, a growing
/// wait, and nothing once the first commits.
#[tokio::test]
async fn chain_of_four_is_seen() {
    let server = Server::primary().await;
    let mut watch = Watch::instance(&server, "");
    // Session n holds row n and asks for row n - 1.
    let mut sessions = Vec::new();
    for row in 1..=4 {
        let session = server.admin().await;
        session
            .batch_execute(&format!("BEGIN; UPDATE t SET v = 1 WHERE id = {row}"))
            .await
            .unwrap();
        sessions.push(session);
    }
    let first = sessions.remove(0);
    let waits: Vec<_> = (1..)
        .zip(sessions)
        .map(|(row, session)| {
            tokio::spawn(async move {
                let ask = format!("UPDATE t SET v = 2 WHERE id = {row}; COMMIT");
                session.batch_execute(&ask).await
            })
        })
        .collect();
    watch
        .until("the chain", |w| {
            w.shows(&[
                ("wardround_pg_blocked_sessions", 3.0),
                ("wardround_pg_blocked_chain_length_max", 4.0),
            ]) && w.value("wardround_pg_blocked_wait_seconds_max").is_some_and(|s| s > 0.0)
        })
        .await;
    let said = watch.said(topic::BLOCKING);
    let indents = said.iter().map(|line| line.len() - line.trim_start().len());
    assert_eq!(indents.collect::<Vec<_>>(), [0, 2, 4, 6], "{said:?}");
    assert!(said[0].ends_with(" postgres@postgres local, idle in transaction"), "{said:?}");
    for line in &said[1..] {
        assert!(line.contains(" postgres@postgres local, waits for "), "{said:?}");
    }
    first.batch_execute("COMMIT").await.unwrap();
    for wait in waits {
        wait.await.unwrap().unwrap();
    }
    watch.sampled().await;
    watch.expect(&[
        ("wardround_pg_blocked_sessions", 0.0),
        ("wardround_pg_blocked_chain_length_max", 0.0),
    ]);
    assert!(watch.said(topic::BLOCKING).is_empty());
}

/// Scenario: a prepared transaction blocks a session. Guarantees: the chain has two, although the blocker has no process.
#[tokio::test]
async fn prepared_transactions_block() {
    let server = Server::primary().await;
    let mut watch = Watch::instance(&server, "");
    let (admin, blocked) = (server.admin().await, server.admin().await);
    let prepare = "BEGIN; UPDATE t SET v = 1 WHERE id = 1; PREPARE TRANSACTION 'p'";
    admin.batch_execute(prepare).await.unwrap();
    let wait =
        tokio::spawn(async move { blocked.batch_execute("UPDATE t SET v = 2 WHERE id = 1").await });
    watch.until("the wait", |w| w.shows(&[("wardround_pg_blocked_chain_length_max", 2.0)])).await;
    assert_eq!(watch.said(topic::BLOCKING)[0], "a prepared transaction");
    admin.batch_execute("ROLLBACK PREPARED 'p'").await.unwrap();
    wait.await.unwrap().unwrap();
}

/// Scenario: one transaction idles and one runs a statement, both beyond 10 s. Guarantees: neither counts at first; then
/// both are long, one is idle.
#[tokio::test]
async fn idle_and_long_transactions() {
    let server = Server::primary().await;
    let mut watch = Watch::instance(&server, "");
    let (idle, active) = (server.admin().await, server.admin().await);
    idle.batch_execute("BEGIN; UPDATE t SET v = 1 WHERE id = 1").await.unwrap();
    let running = tokio::spawn(async move { active.batch_execute("SELECT pg_sleep(60)").await });
    let idle_sessions =
        "pg_stat_activity_count{datname=\"postgres\",state=\"idle in transaction\"}";
    watch.sampled().await;
    watch.expect(&[
        (idle_sessions, 1.0),
        ("wardround_pg_idle_transactions", 0.0),
        ("wardround_pg_long_transactions", 0.0),
    ]);
    watch
        .until("both beyond 10 s", |w| {
            w.shows(&[
                ("wardround_pg_idle_transactions", 1.0),
                ("wardround_pg_long_transactions", 2.0),
            ])
        })
        .await;
    let age =
        "pg_stat_activity_max_tx_duration{datname=\"postgres\",state=\"idle in transaction\"}";
    assert!(watch.value(age).unwrap() > 10.0);
    assert!(watch.value("wardround_pg_transaction_age_seconds_max").unwrap() > 10.0);
    running.abort();
}

/// Scenario: TLS with a certificate of a known CA, of an unknown one, and the wrong host name; a server that knows nothing
/// later than TLS 1.2. Guarantees: `verify-full` takes only the first, also from the old server; `require` encrypts without
/// asking who the server is.
#[tokio::test]
async fn certificates_are_verified() {
    let server = Server::primary().await;
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = rcgen::CertifiedIssuer::self_signed(ca, ca_key).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec!["127.0.0.1".into()]).unwrap();
    let leaf = leaf.signed_by(&key, &ca).unwrap();
    server.use_tls(&leaf.pem(), &key.serialize_pem());
    let other = rcgen::generate_simple_self_signed(vec!["other".into()]).unwrap();
    let known = server.file("ca.pem", &ca.pem(), 0o644).display().to_string();
    let unknown = server.file("other.pem", &other.cert.pem(), 0o644).display().to_string();
    let verify = |file: &str| format!("sslmode = \"verify-full\"\nca_file = \"{file}\"");
    for (name, extra, up) in [
        ("known CA", verify(&known), true),
        ("unknown CA", verify(&unknown), false),
        ("wrong name", format!("{}\nhost = \"localhost\"", verify(&known)), false),
        ("require", "sslmode = \"require\"".into(), true),
        ("prefer", String::new(), true),
        ("disable", "sslmode = \"disable\"".into(), true),
    ] {
        let mut watch = Watch::instance(&server, &extra);
        watch.sampled().await;
        assert_eq!(watch.value("pg_up"), Some(f64::from(u8::from(up))), "{name}");
        let refused = watch.value("wardround_pg_connect_refused{reason=\"tls\"}");
        assert_eq!(refused, Some(f64::from(u8::from(!up))), "{name}");
    }
    let mut watch = Watch::instance(&server, &verify(&known));
    watch.sampled().await;
    let encrypted = "SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
                      WHERE s.ssl AND a.application_name = 'wardround-agent'";
    let admin = server.admin().await;
    assert_eq!(admin.query_one(encrypted, &[]).await.unwrap().get::<_, i64>(0), 1);

    admin.batch_execute("ALTER SYSTEM SET ssl_max_protocol_version = 'TLSv1.2'").await.unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    // A session has it only after the server, which is the one that negotiates.
    let setting = "SELECT current_setting('ssl_max_protocol_version')";
    while admin.query_one(setting, &[]).await.unwrap().get::<_, String>(0) != "TLSv1.2" {
        tokio::task::yield_now().await;
    }
    let mut watch = Watch::instance(&server, &verify(&known));
    watch.sampled().await;
    assert_eq!(watch.value("pg_up"), Some(1.0), "an old server");
    let old = format!("{encrypted} AND s.version = 'TLSv1.2'");
    assert_eq!(admin.query_one(&old, &[]).await.unwrap().get::<_, i64>(0), 1);
}

const SERVICE_UP: &str = "wardround_core_service_up{service=\"registration\"}";
const SERVICE_VALUE: &str = "wardround_core_service_value{service=\"registration\"}";
const SERVICE_LATENCY: &str = "wardround_core_service_latency_seconds{service=\"registration\"}";

/// Scenario: a business function that answers, answers nothing yet, fails, hangs, and whose database crashes and returns.
/// Guarantees: up only with an answer; unknown values are missing; each state is seen in the next round.
#[tokio::test]
async fn business_question_follows_the_business() {
    let server = Server::primary().await;
    let admin = server.admin().await;
    let define = |body: &str| {
        format!(
            "CREATE SCHEMA IF NOT EXISTS his_core; GRANT USAGE ON SCHEMA his_core TO monitor;
             CREATE OR REPLACE FUNCTION his_core.registration_age_seconds() RETURNS numeric LANGUAGE plpgsql
             SECURITY DEFINER SET search_path = pg_catalog AS $$ BEGIN {body} END $$;"
        )
    };
    admin.batch_execute(&define("RETURN 2.5;")).await.unwrap();
    let mut watch = Watch::service(&server, "select his_core.registration_age_seconds();");
    watch.sampled().await;
    watch.expect(&[(SERVICE_UP, 1.0), (SERVICE_VALUE, 2.5)]);
    assert!((0.0..2.0).contains(&watch.value(SERVICE_LATENCY).unwrap()));

    admin.batch_execute(&define("RETURN NULL;")).await.unwrap();
    watch.sampled().await;
    watch.expect(&[(SERVICE_UP, 1.0)]);
    assert_eq!(watch.value(SERVICE_VALUE), None);

    admin.batch_execute(&define("RAISE 'patient 110101199003070000';")).await.unwrap();
    let outcome = watch.round().await;
    let Outcome::Partial(complaints) = outcome else { panic!("{outcome:?}") };
    assert_eq!(
        complaints[0].to_string(),
        "query of core_service registration: SQLSTATE P0001",
        "no literal of the server's message"
    );
    watch.expect(&[(SERVICE_UP, 0.0)]);
    assert_eq!(watch.value(SERVICE_LATENCY), None);

    admin.batch_execute(&define("PERFORM pg_sleep(60); RETURN 1;")).await.unwrap();
    assert!(matches!(watch.round().await, Outcome::Partial(_)), "the server's own timeout ends it");
    watch.expect(&[(SERVICE_UP, 0.0)]);

    server.crash();
    watch.sampled().await;
    watch.expect(&[(SERVICE_UP, 0.0)]);
    server.start();
    server.admin().await.batch_execute(&define("RETURN 7;")).await.unwrap();
    watch.sampled().await;
    watch.expect(&[(SERVICE_UP, 1.0), (SERVICE_VALUE, 7.0)]);
}

/// Scenario: the business' table and an index stand behind somebody's open ALTER TABLE and DROP INDEX, in whose queue the agent would
/// wait. Guarantees: the session's own limit ends the wait at once and says so; the instance is up and its other views are read;
/// both go on once the queue is gone.
#[tokio::test]
async fn a_lock_queue_is_left_at_once() {
    let server = Server::primary().await;
    let admin = server.admin().await;
    let setup = "GRANT SELECT ON t TO monitor; CREATE TABLE big (id int PRIMARY KEY, padding text);
                 INSERT INTO big SELECT n, n FROM generate_series(1, 60000) n; CREATE INDEX seldom ON big (id, padding)";
    admin.batch_execute(setup).await.unwrap();
    let mut service = Watch::service(&server, "select count(*) from public.t");
    service.sampled().await;
    admin.batch_execute("BEGIN; ALTER TABLE t ADD COLUMN w int; DROP INDEX seldom").await.unwrap();
    let mut instance = Watch::instance(&server, "inspection_interval = \"1s\"");
    for (watch, query) in
        [(&mut service, "query of core_service registration"), (&mut instance, "pg_index")]
    {
        let Outcome::Partial(complaints) = watch.round().await else { panic!("{query} waited") };
        assert_eq!(complaints[0].to_string(), format!("{query}: SQLSTATE 55P03"));
        assert_eq!(complaints.len(), 1, "{complaints:?}");
    }
    service.expect(&[(SERVICE_UP, 0.0)]);
    instance.expect(&[UP, ("wardround_pg_blocked_sessions", 0.0)]);
    admin.batch_execute("ROLLBACK").await.unwrap();
    service.sampled().await;
    instance
        .until("its indexes", |w| {
            w.shows(&[("wardround_pg_indexes{datname=\"postgres\",kind=\"unused\"}", 1.0)])
        })
        .await;
}

/// Scenario: questions that are not one read-only statement with one number. Guarantees: each is refused with its reason
/// and counts as not up; nothing is written.
#[tokio::test]
async fn only_one_number_is_an_answer() {
    let server = Server::primary().await;
    let admin = server.admin().await;
    admin.batch_execute("GRANT SELECT, UPDATE ON t TO monitor").await.unwrap();
    for (query, complaint) in [
        ("select 1, 2", "must yield one column of a numeric type"),
        ("select 'x'::text", "must yield one column of a numeric type"),
        ("update t set v = 9", "must yield one column of a numeric type"),
        ("update t set v = 9 returning v", "SQLSTATE 42601"),
        ("select 1; select 2", "SQLSTATE 42601"),
        ("select v from public.t", "more than one row"),
        ("select v from public.t where id = 0", "no row"),
        ("select nowhere()", "SQLSTATE 42883"),
    ] {
        let mut watch = Watch::service(&server, query);
        let outcome = watch.round().await;
        let Outcome::Partial(complaints) = outcome else { panic!("{query}: {outcome:?}") };
        let expected = format!("query of core_service registration: {complaint}");
        assert_eq!(complaints[0].to_string(), expected, "{query}");
        watch.expect(&[(SERVICE_UP, 0.0)]);
    }
    let written = admin.query_one("SELECT count(*) FROM t WHERE v = 9", &[]).await.unwrap();
    assert_eq!(written.get::<_, i64>(0), 0);
}

/// Scenario: the account is a superuser, then one is allowed. Guarantees: refused with what to do, and not taken for a database that
/// is down; once allowed it reads, and says what it is.
#[tokio::test]
async fn superusers_are_refused() {
    let server = Server::primary().await;
    server.admin().await.batch_execute("ALTER ROLE monitor SUPERUSER").await.unwrap();
    let mut watch = Watch::instance(&server, "");
    let Outcome::Failed(error) = watch.round().await else { panic!("a superuser was taken") };
    assert!(error.to_string().contains("allow_superuser"), "{error}");
    assert_eq!(watch.value("pg_up"), None);
    let mut watch = Watch::instance(&server, "allow_superuser = true");
    watch.sampled().await;
    watch.expect(&[UP, ("wardround_pg_account_superuser", 1.0)]);
}

//! What an inspection finds on a real PostgreSQL: each fault made, seen, and gone again.

use crate::server::{HBA, Server};
use crate::watch::{Watch, print};
use agent_probe::Sample;
use shared_model::topic;

/// Reads everything at each round.
const INSPECT: &str = "inspection_interval = \"1s\"";

/// Connects anew until a first round shows it: a new session reads everything at once, whatever its pace.
async fn seen(server: &Server, what: &str, reached: impl Fn(&Watch) -> bool) -> Watch {
    let mut pace = tokio::time::interval(std::time::Duration::from_millis(50));
    for _ in 0..600 {
        pace.tick().await;
        let mut watch = Watch::instance(server, INSPECT);
        watch.sampled().await;
        if reached(&watch) {
            return watch;
        }
    }
    panic!("{what} was not seen within 30 s");
}

/// Scenario: archiving off; then on with a command that fails; then one that works. Guarantees: off is said; failing, with what
/// waits and for how long; then neither.
#[tokio::test]
async fn archiving_is_watched() {
    let server = Server::primary().await;
    let mut watch = Watch::instance(&server, INSPECT);
    watch.sampled().await;
    watch.expect(&[
        ("wardround_pg_archiving_enabled", 0.0),
        ("wardround_pg_archiving_failing", 0.0),
    ]);
    server.restart_with("archive_mode = on\narchive_command = 'false'\n");
    let admin = server.admin().await;
    admin.batch_execute("CREATE TABLE a (); SELECT pg_switch_wal()").await.unwrap();
    let watch = seen(&server, "a failing archiver", |w| {
        w.shows(&[("wardround_pg_archiving_enabled", 1.0), ("wardround_pg_archiving_failing", 1.0)])
    })
    .await;
    assert!(watch.value("wardround_pg_archive_waiting_segments").unwrap() >= 1.0);
    assert!(watch.value("pg_stat_archiver_failed_count").unwrap() >= 1.0);
    assert_eq!(watch.value("pg_stat_archiver_last_archive_age"), None, "none was archived yet");
    admin.batch_execute("ALTER SYSTEM SET archive_command = 'true'").await.unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    admin.batch_execute("CREATE TABLE b (); SELECT pg_switch_wal()").await.unwrap();
    let watch = seen(&server, "an archiver that works", |w| {
        w.shows(&[
            ("wardround_pg_archiving_failing", 0.0),
            ("wardround_pg_archive_waiting_segments", 0.0),
            ("wardround_pg_archive_oldest_waiting_seconds", 0.0),
        ])
    })
    .await;
    assert!(watch.value("pg_stat_archiver_last_archive_age").unwrap() >= 0.0);
}

/// Scenario: a superuser without an end, one that can become one by membership, one that expired, one that reads all data, a
/// group that cannot log in, and names that the configuration allows. Guarantees: each counts once where it belongs, those that
/// are allowed and the agent's own nowhere; dropped ones are gone at the next inspection.
#[tokio::test]
async fn risky_accounts_are_counted() {
    let server = Server::primary().await;
    let admin = server.admin().await;
    let mut watch = Watch::instance(&server, INSPECT);
    watch.sampled().await;
    let risk = |name: &str| format!("wardround_pg_accounts{{risk=\"{name}\"}}");
    for name in ["superuser", "high_risk", "replication", "never_expires", "expired"] {
        assert_eq!(watch.value(&risk(name)), Some(0.0), "{name}");
    }
    admin
        .batch_execute(
            "CREATE ROLE root_of_all LOGIN SUPERUSER;
             CREATE ROLE dba SUPERUSER NOLOGIN;
             CREATE ROLE stealth LOGIN IN ROLE dba VALID UNTIL '2099-01-01';
             CREATE ROLE old_vendor LOGIN VALID UNTIL '2020-01-01';
             CREATE ROLE reporter LOGIN VALID UNTIL '2099-01-01' IN ROLE pg_read_all_data;
             CREATE ROLE copier LOGIN REPLICATION VALID UNTIL '2099-01-01';
             CREATE ROLE allowed_one LOGIN SUPERUSER",
        )
        .await
        .unwrap();
    let keys = format!("{INSPECT}\nallowed_accounts = [\"postgres\", \"allowed_one\"]");
    let mut watch = Watch::instance(&server, &keys);
    watch.sampled().await;
    for (name, count) in [
        ("superuser", 2.0),
        ("high_risk", 1.0),
        ("replication", 1.0),
        ("never_expires", 1.0),
        ("expired", 1.0),
    ] {
        assert_eq!(watch.value(&risk(name)), Some(count), "{name}");
    }
    let said = watch.said(topic::ACCOUNTS);
    assert!(said.contains(&"superuser: root_of_all, stealth"), "{said:?}");
    admin.batch_execute("DROP ROLE root_of_all, stealth").await.unwrap();
    watch.until("their end", |w| w.value(&risk("superuser")) == Some(0.0)).await;
}

/// Scenario: a duplicate, a prefix, an invalid and a large unused index, beside ones that only look so: behind a constraint, partial,
/// descending, small. Guarantees: each kind is counted exactly, and the statistics' age is known.
#[tokio::test]
async fn useless_indexes_are_counted() {
    let server = Server::primary().await;
    let admin = server.admin().await;
    let kind = |name: &str| format!("wardround_pg_indexes{{datname=\"postgres\",kind=\"{name}\"}}");
    let mut watch = Watch::instance(&server, INSPECT);
    watch.sampled().await;
    for name in ["invalid", "redundant", "unused"] {
        assert_eq!(watch.value(&kind(name)), Some(0.0), "{name}");
    }
    admin
        .batch_execute(
            "CREATE TABLE visit (id int PRIMARY KEY, patient int, at date, note text UNIQUE);
             INSERT INTO visit SELECT n, n % 50, '2026-01-01', n::text FROM generate_series(1, 60000) n;
             CREATE INDEX by_patient_at ON visit (patient, at);
             CREATE INDEX by_patient_at_too ON visit (patient, at);
             CREATE INDEX by_patient ON visit (patient);
             CREATE INDEX by_patient_desc ON visit (patient DESC) WHERE patient > 45;
             CREATE INDEX by_id_when_old ON visit (id) WHERE at < '2020-01-01';
             CREATE INDEX by_at_id ON visit (at, id)",
        )
        .await
        .unwrap();
    let failed = admin
        .batch_execute("CREATE UNIQUE INDEX CONCURRENTLY one_a_patient ON visit (patient)")
        .await;
    assert!(failed.is_err(), "patients come more than once");
    let mut watch = Watch::instance(&server, INSPECT);
    watch.sampled().await;
    assert_eq!(watch.value(&kind("invalid")), Some(1.0));
    assert_eq!(watch.value(&kind("redundant")), Some(2.0));
    // by_at_id alone has a megabyte; equal keys of the others share their entries, and the invalid one is told already.
    assert_eq!(watch.value(&kind("unused")), Some(1.0));
    assert!(
        watch.value("wardround_pg_index_statistics_age_seconds{datname=\"postgres\"}").unwrap()
            >= 0.0
    );
    let said = watch.said(topic::INDEXES);
    assert!(said.contains(&"invalid: postgres.public.one_a_patient"), "{said:?}");
    assert!(said.contains(&"unused: postgres.public.by_at_id"), "{said:?}");
    admin.batch_execute("DROP INDEX one_a_patient").await.unwrap();
    watch.until("its end", |w| w.value(&kind("invalid")) == Some(0.0)).await;
}

/// Scenario: a server without TLS and one with it, a session from this machine; a slot without a reader. Guarantees: TLS is told,
/// a local session in clear is no finding, the slot is inactive and keeps log, ages of transactions are known.
#[tokio::test]
async fn encryption_slots_and_wraparound_are_read() {
    let server = Server::primary().await;
    let admin = server.admin().await;
    admin.batch_execute("SELECT pg_create_physical_replication_slot('gone', true)").await.unwrap();
    let mut watch = Watch::instance(&server, INSPECT);
    watch.sampled().await;
    watch.expect(&[
        ("wardround_pg_tls_enabled", 0.0),
        ("wardround_pg_tls_sessions", 0.0),
        ("wardround_pg_clear_remote_sessions", 0.0),
        ("pg_replication_slot_slot_is_active{slot_name=\"gone\",slot_type=\"physical\"}", 0.0),
        ("wardround_pg_slot_lost{slot_name=\"gone\",slot_type=\"physical\"}", 0.0),
    ]);
    let retained = "wardround_pg_slot_retained_bytes{slot_name=\"gone\",slot_type=\"physical\"}";
    assert!(watch.value(retained).unwrap() >= 0.0);
    for datname in ["postgres", "template1"] {
        let age =
            format!("pg_database_wraparound_age_datfrozenxid_seconds{{datname=\"{datname}\"}}");
        assert!(watch.value(&age).unwrap() > 0.0, "{datname}");
    }
    let own = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    server.use_tls(&own.cert.pem(), &own.signing_key.serialize_pem());
    let mut watch = Watch::instance(&server, &format!("{INSPECT}\nsslmode = \"require\""));
    watch.sampled().await;
    watch.expect(&[("wardround_pg_tls_enabled", 1.0), ("wardround_pg_tls_sessions", 1.0)]);
    let certificate = "wardround_pg_certificate_remaining_seconds";
    assert!(watch.value(certificate).unwrap() > 86_400.0);
    let mut clear = Watch::instance(&server, "sslmode = \"disable\"");
    clear.sampled().await;
    assert_eq!(clear.value(certificate), None);
}

/// Scenario: a parameter is changed and loaded, then set back; another one needs a restart. Guarantees: the fingerprint changes
/// and comes back, what waits for a restart is counted; the agent's own session settings change nothing; the change is said with both
/// values.
#[tokio::test]
async fn changed_parameters_change_the_fingerprint() {
    let server = Server::primary().await;
    let admin = server.admin().await;
    let fingerprint = |w: &Watch| w.value("wardround_pg_settings_fingerprint").unwrap();
    let mut first = Watch::instance(&server, INSPECT);
    first.sampled().await;
    let before = fingerprint(&first);
    let mut slower = Watch::instance(&server, "timeout = \"20s\"");
    slower.sampled().await;
    assert!(fingerprint(&slower).to_bits() == before.to_bits(), "another session, the same server");
    admin.batch_execute("ALTER SYSTEM SET work_mem = '5MB'").await.unwrap();
    admin.batch_execute("ALTER SYSTEM SET max_connections = 13").await.unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let watch =
        seen(&server, "another fingerprint", |w| fingerprint(w).to_bits() != before.to_bits())
            .await;
    watch.expect(&[("wardround_pg_settings_pending_restart", 1.0)]);
    let mut next = Watch::instance(&server, INSPECT).following(first);
    next.sampled().await;
    assert_eq!(next.said(topic::PARAMETERS), ["work_mem: 4096 -> 5120"]);
    admin.batch_execute("ALTER SYSTEM RESET work_mem").await.unwrap();
    admin.batch_execute("ALTER SYSTEM SET max_connections = 12").await.unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    seen(&server, "the old fingerprint", |w| fingerprint(w).to_bits() == before.to_bits()).await;
}

/// Scenario: a server without pg_stat_statements, then one with it that ran a slow statement with a literal. Guarantees: its absence
/// is a reading and no complaint; the slow one is there with its time, under a number, without its text.
#[tokio::test]
async fn statements_are_read_by_fingerprint() {
    let server = Server::primary().await;
    let mut watch = Watch::instance(&server, INSPECT);
    watch.sampled().await;
    watch.expect(&[("wardround_pg_view_available{view=\"pg_stat_statements\"}", 0.0)]);
    server.restart_with("shared_preload_libraries = 'pg_stat_statements'\n");
    let admin = server.admin().await;
    admin.batch_execute("CREATE EXTENSION pg_stat_statements").await.unwrap();
    admin.query("SELECT pg_sleep(1.25), 'patient-4711'", &[]).await.unwrap();
    let mut watch = Watch::instance(&server, INSPECT);
    watch.sampled().await;
    watch.expect(&[("wardround_pg_view_available{view=\"pg_stat_statements\"}", 1.0)]);
    let of = |name: &str| {
        let slow = |s: &&Sample| s.metric().name == name && s.value() >= Some(1.0);
        watch.sink.samples().iter().filter(slow).count()
    };
    assert_eq!(of("pg_stat_statements_seconds_total"), 1);
    assert!(of("pg_stat_statements_calls_total") >= 1);
    let all: String = watch.sink.samples().iter().map(print).collect();
    assert!(!all.contains("4711") && !all.contains("pg_sleep"), "{all}");
}

/// Scenario: a cluster made 40 days ago with log files of every day but two, then with all but the newest five removed. Guarantees:
/// ages and holes are what the files say, without a file collector nothing is said.
#[tokio::test]
async fn log_files_are_judged_by_their_days() {
    let server = Server::primary_made("-40d").await;
    let mut watch = Watch::instance(&server, INSPECT);
    watch.sampled().await;
    watch.expect(&[("wardround_pg_log_collector", 0.0)]);
    for unknown in ["wardround_pg_log_oldest_age_seconds", "wardround_pg_log_missing_days"] {
        assert_eq!(watch.value(unknown), None, "{unknown}");
    }
    server
        .restart_with("logging_collector = on\nlog_directory = 'log'\nlog_filename = 'now.log'\n");
    let day = 86_400.0;
    server.age_log_files((1..=35).filter(|days| *days != 3 && *days != 8));
    let mut watch = Watch::instance(&server, INSPECT);
    watch.sampled().await;
    let about = |w: &Watch, name: &str, days: f64| {
        let value = w.value(name).unwrap() / day;
        assert!((value - days).abs() < 0.1, "{name}: {value} days");
    };
    watch.expect(&[("wardround_pg_log_collector", 1.0), ("wardround_pg_log_missing_days", 2.0)]);
    about(&watch, "wardround_pg_log_oldest_age_seconds", 35.0);
    about(&watch, "wardround_pg_cluster_age_seconds", 40.0);
    assert!(watch.value("wardround_pg_log_newest_age_seconds").unwrap() < 60.0);
    server.remove_log_files(6..=35);
    watch
        .until("what is left", |w| {
            w.value("wardround_pg_log_oldest_age_seconds").unwrap() < 6.0 * day
        })
        .await;
    about(&watch, "wardround_pg_log_oldest_age_seconds", 5.0);
    watch.expect(&[("wardround_pg_log_missing_days", 1.0)]);
}

/// Scenario: rights of everybody, rules of access that trust, audit and sequences, first as they should be and read with the right to
/// pg_hba.conf missing, then made risky. Guarantees: what the account may not read is a reading and no complaint; each risk is counted
/// and named, by name or line; a sequence near its end is seen once it may be read.
#[tokio::test]
async fn grants_access_audit_and_sequences_are_read() {
    const GRANTS: &str = "wardround_pg_public_grants{datname=\"postgres\",kind=";
    let grants = |kind: &str| format!("{GRANTS}\"{kind}\"}}");
    let rules = |risk: &str| format!("wardround_pg_access_rules{{risk=\"{risk}\"}}");
    let hba = "wardround_pg_view_available{view=\"pg_hba_file_rules\"}";
    let used = "wardround_pg_sequence_used_ratio_max{datname=\"postgres\"}";
    let unreadable = "wardround_pg_sequences_unreadable{datname=\"postgres\"}";
    let server = Server::primary().await;
    let admin = server.admin().await;
    admin
        .batch_execute(
            "CREATE SEQUENCE registration MAXVALUE 1000; SELECT setval('registration', 850)",
        )
        .await
        .unwrap();
    let mut watch = Watch::instance(&server, INSPECT);
    watch.sampled().await;
    watch.sampled().await;
    watch.expect(&[
        (hba, 0.0),
        (&grants("schema_create"), 0.0),
        (&grants("table"), 0.0),
        (&grants("definer_function"), 0.0),
        ("wardround_pg_audit_enabled", 0.0),
        ("wardround_pg_connections_logged", 0.0),
        (unreadable, 1.0),
        ("wardround_pg_dead_rows_ratio_max{datname=\"postgres\"}", 0.0),
    ]);
    assert_eq!((watch.value(&rules("trust")), watch.value(used)), (None, None));
    assert_eq!(watch.said(topic::GRANTS), Vec::<&str>::new());

    let risky = "GRANT SELECT ON pg_hba_file_rules TO monitor; GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO monitor;
        GRANT SELECT ON SEQUENCE registration TO monitor; GRANT CREATE ON SCHEMA public TO PUBLIC; GRANT SELECT ON t TO PUBLIC;
        CREATE FUNCTION bare() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
        CREATE FUNCTION tight() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS 'SELECT 1'";
    admin.batch_execute(risky).await.unwrap();
    let more = "host all all 10.0.0.0/8 trust\nhostssl all all 10.0.0.0/8 md5\nhost all all 0.0.0.0/0 scram-sha-256\nnonsense\n";
    server.write("pg_hba.conf", &format!("{HBA}{more}"));
    let watch = seen(&server, "the risks", |w| w.value(used).is_some()).await;
    watch.expect(&[
        (hba, 1.0),
        (&grants("schema_create"), 1.0),
        (&grants("table"), 1.0),
        (&grants("definer_function"), 1.0),
        (&grants("database_create"), 0.0),
        (&rules("trust"), 1.0),
        (&rules("weak"), 1.0),
        (&rules("unencrypted"), 2.0),
        (&rules("any_address"), 1.0),
        // The line of TLS cannot match on a server without it.
        (&rules("invalid"), 2.0),
        (used, 0.85),
        (unreadable, 0.0),
    ]);
    let named = ["schema_create: public", "table: public.t", "definer_function: public.bare"];
    assert_eq!(watch.said(topic::GRANTS), named);
    let named = ["invalid: line 5, 7 of pg_hba.conf", "trust: line 4 of pg_hba.conf"];
    assert_eq!(watch.said(topic::ACCESS_RULES)[..2], named);

    admin.batch_execute("ALTER SYSTEM SET log_connections = on").await.unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let logged = "wardround_pg_connections_logged";
    seen(&server, "logins in the log", |w| w.value(logged) == Some(1.0)).await;
}

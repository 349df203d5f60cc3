//! PostgreSQL.

use super::Ward;
use crate::postgres_server::Server;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A PostgreSQL with an archive, a log and statistics of statements, and who watches it.
struct Postgres {
    server: Server,
    admin: tokio_postgres::Client,
    archive: PathBuf,
    ward: Ward,
}

impl Postgres {
    async fn start() -> Self {
        let server = Server::primary().await;
        let archive = server.folder("archive");
        server.restart_with(&format!(
            "archive_mode = on\narchive_command = 'cp %p {}/%f'\nlogging_collector = on\nlog_directory = 'log'\n\
             log_filename = 'node.log'\nshared_preload_libraries = 'pg_stat_statements'\nshared_buffers = '1MB'\n\
             listen_addresses = '127.0.0.1,192.0.2.1'\n",
            archive.display()
        ));
        // That it would listen for other machines is enough; the address is nobody's (RFC 5737).
        let own = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
        server.use_tls(&own.cert.pem(), &own.signing_key.serialize_pem());
        server.count_since("-40d").await;
        let admin = server.admin().await;
        for text in [
            "CREATE EXTENSION pg_stat_statements",
            "CREATE ROLE app LOGIN PASSWORD 'app'",
            "CREATE TABLE visit (id int PRIMARY KEY, patient int)",
            "INSERT INTO visit SELECT n, n % 9 FROM generate_series(1, 999) n",
            "GRANT ALL ON t TO app",
            "CREATE TABLE big (id int PRIMARY KEY, padding text)",
            "INSERT INTO big SELECT n, n FROM generate_series(1, 300000) n",
            SEGMENT,
            SEGMENT,
            SEGMENT,
        ] {
            admin.batch_execute(text).await.unwrap();
        }
        let extra = format!(
            "inspection_interval = \"1s\"\nlog_directory = \"{}\"\narchive_directory = \"{}\"\n",
            server.log_folder().display(),
            archive.display()
        );
        let text = format!("[[postgres]]\n{}", server.keys(&extra));
        let ward = Ward::start(&text, "wardround_pg_archive_segments > 1");
        Self { server, admin, archive, ward }
    }

    async fn run(&self, text: &str) {
        self.admin.batch_execute(text).await.unwrap();
    }

    async fn accounts_and_indexes(&mut self) {
        self.run("CREATE ROLE intruder LOGIN SUPERUSER PASSWORD 'x'").await;
        self.ward.expect("a new superuser", &["security.superusers"]);
        self.ward.explained("security.superusers", "superuser: intruder");
        self.run("DROP ROLE intruder").await;
        self.ward.mended("a new superuser", &["security.superusers"]);
        let text = "CREATE UNIQUE INDEX CONCURRENTLY once ON visit (patient)";
        assert!(self.admin.batch_execute(text).await.is_err());
        self.ward.expect("an invalid index", &["db.index_invalid"]);
        self.ward.explained("db.index_invalid", "invalid: postgres.public.once");
        self.run("DROP INDEX once").await;
        self.ward.mended("an invalid index", &["db.index_invalid"]);
        self.run("CREATE INDEX a ON visit (patient); CREATE INDEX b ON visit (patient)").await;
        self.ward.expect("a duplicate index", &["db.index_redundant"]);
        self.ward.explained("db.index_redundant", "redundant: postgres.public.b");
        self.run("DROP INDEX b").await;
        self.ward.mended("a duplicate index", &["db.index_redundant"]);
        self.run("CREATE INDEX seldom ON big (id, padding)").await;
        self.ward.expect("an unused index", &["db.index_unused"]);
        self.ward.explained("db.index_unused", "unused: postgres.public.seldom");
        self.run("DROP INDEX seldom").await;
        self.ward.mended("an unused index", &["db.index_unused"]);
    }

    /// Index blocks that the buffers do not hold, then many that they do; TLS switched off and on.
    async fn buffers_and_encryption(&mut self) {
        self.run("ALTER SYSTEM SET ssl = off").await;
        self.run("SELECT pg_reload_conf()").await;
        self.ward.expect("TLS off", &["security.tls_off"]);
        self.run("ALTER SYSTEM SET ssl = on").await;
        self.run("SELECT pg_reload_conf()").await;
        self.ward.mended("TLS off", &["security.tls_off"]);
        let low = ["db.cache_hit", "db.index_hit"];
        self.run(&lookups(50_000, "big", 300_000)).await;
        self.ward.expect("a low hit ratio", &low);
        self.run(&lookups(900_000, "visit", 999)).await;
        self.ward.mended("a low hit ratio", &low);
    }

    async fn archive(&mut self) {
        let mode =
            |mode| std::fs::set_permissions(&self.archive, Permissions::from_mode(mode)).unwrap();
        mode(0o555);
        self.run(SEGMENT).await;
        self.ward.expect("an archive that takes nothing", &["db.archive_failing"]);
        let mode =
            |mode| std::fs::set_permissions(&self.archive, Permissions::from_mode(mode)).unwrap();
        mode(0o755);
        self.run(SEGMENT).await;
        self.ward.mended("an archive that takes nothing", &["db.archive_failing"]);
        let entries = std::fs::read_dir(&self.archive).unwrap();
        let mut segments: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        segments.sort();
        let (hole, aside) = (&segments[1], self.archive.join("aside"));
        std::fs::rename(hole, &aside).unwrap();
        self.ward.expect("a missing segment", &["db.archive_gap"]);
        let name = hole.file_name().unwrap().to_str().unwrap();
        self.ward.explained("db.archive_gap", name);
        std::fs::rename(&aside, hole).unwrap();
        self.ward.mended("a missing segment", &["db.archive_gap"]);
    }

    async fn sessions(&mut self) {
        for _ in 0..12 {
            assert!(self.server.login("app", "wrong").await.is_err());
        }
        self.ward.expect("failed logins", &["security.failed_logins"]);
        self.ward.mended("failed logins", &["security.failed_logins"]);
        // Nine for ordinary accounts: the agent, the administrator here, and seven more.
        let mut sessions = Vec::new();
        while let Ok(session) = self.server.login("app", "app").await {
            sessions.push(session);
        }
        assert!(sessions.len() >= 7, "{}", sessions.len());
        let taken = ["session.connections", "session.connections_high"];
        self.ward.expect("every connection taken", &taken);
        drop(sessions);
        self.ward.mended("every connection taken", &taken);
        let app = self.server.login("app", "app").await.unwrap();
        for _ in 0..14 {
            app.batch_execute("SELECT pg_sleep(1.3)").await.unwrap();
        }
        self.ward.expect("a slow statement", &["db.slow_statement"]);
        self.ward.mended("a slow statement", &["db.slow_statement"]);
        self.chain().await;
        let other = self.server.admin().await;
        self.run("BEGIN; UPDATE t SET v = 1 WHERE id = 7").await;
        other.batch_execute("BEGIN; UPDATE t SET v = 1 WHERE id = 8").await.unwrap();
        let crossing = other.batch_execute("UPDATE t SET v = 1 WHERE id = 7; COMMIT");
        let (one, two) =
            tokio::join!(crossing, self.admin.batch_execute("UPDATE t SET v = 1 WHERE id = 8"));
        assert!(one.is_err() != two.is_err(), "{one:?} {two:?}");
        self.run("ROLLBACK").await;
        other.batch_execute("ROLLBACK").await.unwrap();
        self.ward.expect("a deadlock", &["session.deadlocks"]);
        self.ward.mended("a deadlock", &["session.deadlocks"]);
    }

    /// Four sessions of which each waits for the one before.
    async fn chain(&mut self) {
        let (mut held, mut waiting) = (Vec::new(), Vec::new());
        for id in 1..=4 {
            let session = self.server.login("app", "app").await.unwrap();
            let take = format!("BEGIN; UPDATE t SET v = 1 WHERE id = {id}");
            session.batch_execute(&take).await.unwrap();
            held.push(session);
        }
        let root = held.remove(0);
        for (id, session) in (1..).zip(held) {
            let ask = format!("UPDATE t SET v = 2 WHERE id = {id}; COMMIT");
            waiting.push(tokio::spawn(async move { session.batch_execute(&ask).await }));
        }
        self.ward.expect("a blocking chain of four", &["session.blocked"]);
        self.ward.explained("session.blocked", "      ");
        self.ward.explained("session.blocked", "app@postgres 127.0.0.1, idle in transaction");
        root.batch_execute("COMMIT").await.unwrap();
        for task in waiting {
            task.await.unwrap().unwrap();
        }
        self.ward.mended("a blocking chain of four", &["session.blocked"]);
    }
}

/// So many index scans of keys at random.
fn lookups(count: u32, table: &str, keys: u32) -> String {
    format!(
        "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
         SELECT count(b.id) FROM (SELECT 1 + (random() * {keys})::int AS k FROM generate_series(1, {count}) OFFSET 0) g
           JOIN {table} b ON b.id = g.k"
    )
}

/// Ends a segment of the log that holds something.
const SEGMENT: &str = "CREATE TABLE w (); DROP TABLE w; SELECT pg_switch_wal()";

/// Scenario: PostgreSQL 15 with an archive, a log and pg_stat_statements, watched as the least-privilege account; faults one after the
/// other. Guarantees: each raises exactly its check, incidents carry their clause and level, and each clears once it is mended.
pub(super) fn faults_of_postgresql_raise_their_checks() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut postgres = Postgres::start().await;
        postgres.run("ALTER SYSTEM SET work_mem = '5MB'").await;
        postgres.run("SELECT pg_reload_conf()").await;
        postgres.ward.expect("a changed parameter", &["db.parameter_changed"]);
        postgres.ward.explained("db.parameter_changed", "work_mem: 4096 -> 5120");
        postgres.ward.leave("db.parameter_changed");
        postgres.buffers_and_encryption().await;
        postgres.accounts_and_indexes().await;
        postgres.archive().await;
        postgres.sessions().await;
        postgres.ward.judged(&[
            ("security.superusers", "3.5", 3),
            ("db.index_invalid", "3.3", 3),
            ("db.archive_failing", "3.1", 2),
            ("db.archive_gap", "3.1", 3),
            ("security.failed_logins", "3.5", 3),
            ("session.connections", "3.1", 3),
            ("db.parameter_changed", "3.3", 3),
            ("security.tls_off", "3.5", 3),
            ("db.index_hit", "3.3", 3),
            ("session.blocked", "3.1", 3),
        ]);
        postgres.ward.mended("a changed parameter", &["db.parameter_changed"]);
        tokio::task::block_in_place(|| drop(postgres));
    });
}

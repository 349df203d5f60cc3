//! What leaves a node that watches databases: numbers and names of objects, never a literal of anybody's statement.

use crate::mariadb_server::MariaDb;
use crate::postgres_server::Server;
use mysql_async::prelude::Queryable;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;
use tests::chance::Chance;
use tests::lone::{Collector, join};
use tests::probes::off_but;
use tests::{binaries, wait};

/// Literals of one run; each is another one in each place.
const LITERALS: usize = 24;

/// A running agent, killed by pid at the end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A literal that appears nowhere by accident: a number as of an identity card, a name beside it.
fn literal(chance: &mut Chance, at: usize) -> String {
    const NAMES: [&str; 4] = ["张三", "卫十五", "Mustermann", "O''Neil"];
    let name = NAMES[at % NAMES.len()];
    format!("{name} 11010119{:010}", chance.below(10_000_000_000))
}

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(std::fs::read(path).unwrap()),
        }
    }
}

/// Scenario: random literals in statements that run, wait, block, fail, idle, are prepared, are logged, deadlock, carry comments and
/// aliases, in both engines, while an agent reads them each second and its collector is away. Guarantees: none of them is in the
/// agent's folder, in what the spool says it holds, or in the agent's own log; the readings are there.
#[test]
fn literals_never_leave_the_node() {
    let mut chance = Chance::new("literals");
    let literals: Vec<String> = (0..LITERALS).map(|at| literal(&mut chance, at)).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("agent");
    let mut collector = Collector::start();
    join(&collector.agents, &collector.token("db1", "1h"), &data).unwrap();
    collector.kill();
    let (postgres, mariadb) = runtime.block_on(async {
        let postgres = Server::primary().await;
        postgres.restart_with(
            "logging_collector = on\nlog_directory = 'log'\nlog_filename = 'node.log'\nlog_statement = 'all'\n\
             log_lock_waits = on\nshared_preload_libraries = 'pg_stat_statements'\n",
        );
        let admin = postgres.admin().await;
        admin.batch_execute("CREATE EXTENSION pg_stat_statements").await.unwrap();
        (postgres, MariaDb::primary("").await)
    });
    let extra = format!(
        "inspection_interval = \"1s\"\nlog_directory = \"{}\"\n",
        postgres.log_folder().display()
    );
    let text = format!(
        "data_dir = {data:?}\n[collector]\naddress = \"{}\"\n{}[[postgres]]\n{}[[mysql]]\n{}",
        collector.agents,
        off_but(&[]),
        postgres.keys(&extra),
        mariadb.keys("inspection_interval = \"1s\"\n"),
    );
    std::fs::write(data.join("agent.toml"), text).unwrap();
    let log = std::fs::File::create(data.join("log")).unwrap();
    let mut command = Command::new(binaries::folder().join("wardround-agent"));
    command.arg("--config").arg(data.join("agent.toml")).arg("run").stderr(log);
    let running = Running(command.spawn().unwrap());
    let dump = || {
        let mut command = Command::new(binaries::folder().join("wardround-agent"));
        command.arg("--config").arg(data.join("agent.toml")).args(["spool", "dump"]);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let waiting = runtime.block_on(async {
        let mut waiting = on_postgres(&postgres, &literals[..LITERALS / 2]).await;
        waiting.extend(on_mariadb(&mariadb, &literals[LITERALS / 2..]).await);
        waiting
    });
    let told = wait::until("the blocked sessions in the spool", Duration::from_secs(60), || {
        let told = dump();
        let has = |name: &str| told.lines().any(|l| l.starts_with(name) && !l.ends_with(" 0"));
        (has("wardround_pg_blocked_sessions")
            && has("wardround_mysql_blocked_sessions")
            && has("pg_stat_statements_calls_total")
            && has("mysql_perf_schema_events_statements_total")
            && has("wardround_pg_log_entries_total"))
        .then_some(told)
    });
    for task in waiting {
        task.abort();
    }
    drop(running);
    let mut contents = vec![told.into_bytes(), dump().into_bytes()];
    files(&data, &mut contents);
    for literal in &literals {
        let plain = literal.replace("''", "'");
        for needle in [plain.as_bytes(), plain.rsplit(' ').next().unwrap().as_bytes()] {
            let leaks =
                contents.iter().any(|content| content.windows(needle.len()).any(|w| w == needle));
            assert!(!leaks, "{literal} left the node");
        }
    }
}

/// Statements with a literal each; the sessions that go on are ended by the caller.
async fn on_postgres(server: &Server, literals: &[String]) -> Vec<tokio::task::JoinHandle<()>> {
    let admin = server.admin().await;
    let [a, b, c, d, e, f, g, h, ..] = literals else { panic!("eight literals") };
    for text in [
        format!("SELECT '{a}' AS \"{b}\" /* {c} */"),
        format!("DO $$ BEGIN PERFORM '{d}'; END $$"),
        format!("PREPARE p AS SELECT '{e}'"),
        format!("DECLARE c CURSOR WITH HOLD FOR SELECT '{f}'"),
        format!("COMMENT ON TABLE t IS '{g}'"),
        format!("SET application_name = '{h}'"),
    ] {
        admin.batch_execute(&text).await.unwrap();
    }
    assert!(admin.batch_execute(&format!("SELECT '{a}'::int")).await.is_err());
    let holder = server.admin().await;
    holder.batch_execute(&format!("BEGIN; UPDATE t SET v = length('{b}')")).await.unwrap();
    let texts =
        [format!("UPDATE t SET v = length('{c}') -- {d}"), format!("SELECT pg_sleep(120), '{e}'")];
    let mut waiting = Vec::new();
    for text in texts {
        let session = server.admin().await;
        waiting.push(tokio::spawn(async move { drop(session.batch_execute(&text).await) }));
    }
    waiting.push(tokio::spawn(async move {
        std::future::pending::<()>().await;
        drop((admin, holder));
    }));
    waiting
}

async fn on_mariadb(server: &MariaDb, literals: &[String]) -> Vec<tokio::task::JoinHandle<()>> {
    let mut admin = server.admin().await;
    let [a, b, c, d, e, ..] = literals else { panic!("five literals") };
    for text in [
        format!("SELECT '{a}' AS `{b}` /* {c} */"),
        format!("PREPARE p FROM 'SELECT \"{d}\"'"),
        format!("SET @patient = '{e}'"),
    ] {
        admin.query_drop(text.replace("''", "")).await.unwrap();
    }
    let mut holder = server.admin().await;
    holder
        .query_drop(format!("BEGIN; UPDATE his.t SET v = CHAR_LENGTH('{a}') WHERE id = 1"))
        .await
        .unwrap();
    let texts = [
        format!("UPDATE his.t SET v = CHAR_LENGTH('{b}') WHERE id = 1"),
        format!("SELECT SLEEP(120), '{c}'"),
    ];
    let mut waiting = Vec::new();
    for text in texts {
        let mut session = server.admin().await;
        waiting.push(tokio::spawn(async move { drop(session.query_drop(text).await) }));
    }
    waiting.push(tokio::spawn(async move {
        std::future::pending::<()>().await;
        drop((admin, holder));
    }));
    waiting
}

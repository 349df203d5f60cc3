//! What the agent's commands say of a node: `doctor`, `spool status` and `spool dump`.

use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tests::lone::{Collector, join};
use tests::{binaries, wait};

fn agent(data: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(binaries::folder().join("wardround-agent"));
    command.arg("--config").arg(data.join("agent.toml")).args(args).output().unwrap()
}

/// The verdict of each check, by its name, and the exit status.
fn doctor(data: &Path) -> (Vec<(String, String)>, Option<i32>) {
    let output = agent(data, &["doctor", "--format", "json"]);
    let checks: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let text = |check: &Value, key: &str| check[key].as_str().unwrap().to_owned();
    let checks = checks.as_array().unwrap().iter();
    (checks.map(|c| (text(c, "name"), text(c, "verdict"))).collect(), output.status.code())
}

fn verdict<'a>(checks: &'a [(String, String)], name: &str) -> Option<&'a str> {
    checks.iter().find(|(n, _)| n == name).map(|(_, verdict)| verdict.as_str())
}

/// A running agent, killed by pid at the end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Scenario: a node before it joins, after it has joined, and after its collector is gone; then it runs for some rounds.
/// Guarantees: each fault is named by its own check and decides the exit status; under the running agent the spool tells
/// its numbers and its readings by name, without a collector.
#[test]
fn a_node_is_looked_into() {
    let collector = Collector::start();
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("agent");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("agent.toml"), format!("data_dir = {data:?}\n")).unwrap();
    let (checks, status) = doctor(&data);
    assert_eq!(status, Some(2), "{checks:?}");
    assert_eq!(verdict(&checks, "certificate"), Some("FAIL"));
    assert_eq!(verdict(&checks, "configuration"), Some("OK"));

    join(&collector.agents, &collector.token("db1", "1h"), &data).unwrap();
    let (checks, _) = doctor(&data);
    for name in [
        "certificate",
        "collector name",
        "collector port",
        "collector identity",
        "spool",
        "boot id",
        "probe cpu",
    ] {
        assert_eq!(verdict(&checks, name), Some("OK"), "{name}: {checks:?}");
    }

    drop(collector);
    let (checks, status) = doctor(&data);
    assert_eq!((verdict(&checks, "collector port"), status), (Some("FAIL"), Some(2)));

    let mut command = Command::new(binaries::folder().join("wardround-agent"));
    command.arg("--config").arg(data.join("agent.toml")).arg("run").stderr(Stdio::null());
    let running = Running(command.spawn().unwrap());
    let summary = wait::until("rounds in the spool", Duration::from_secs(60), || {
        let output = agent(&data, &["spool", "status", "--format", "json"]);
        let summary: Value = serde_json::from_slice(&output.stdout).ok()?;
        (summary["batches"].as_u64()? >= 3).then_some(summary)
    });
    assert_eq!((&summary["first_seq"], &summary["events"]), (&1.into(), &1.into()));
    assert_eq!(summary["degraded"], Value::Null);
    let dumped = agent(&data, &["spool", "dump"]);
    let text = String::from_utf8(dumped.stdout).unwrap();
    assert!(text.lines().any(|l| l.starts_with("node_load1{job=\"node\"} ")), "{text}");
    assert!(text.contains("agent_started, version"), "{text}");
    let none = agent(&data, &["spool", "dump", "--since", "9999-01-01T00:00:00Z"]);
    assert!(none.status.success() && none.stdout.is_empty());
    drop(running);

    std::fs::write(data.join("agent.toml"), "nonsense = 1\n").unwrap();
    let (checks, status) = doctor(&data);
    assert_eq!((verdict(&checks, "configuration"), status), (Some("FAIL"), Some(2)));
}

/// Scenario: a PostgreSQL runs on this node, not watched and then watched. Guarantees: it is named with the script that makes the
/// agent's account and the lines to paste; once it is in the configuration it is read and named no more.
#[test]
fn databases_of_the_node_are_found() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(crate::postgres_server::Server::primary());
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("agent");
    std::fs::create_dir(&data).unwrap();
    let name = format!("database PostgreSQL {}", server.port);
    std::fs::write(data.join("agent.toml"), format!("data_dir = {data:?}\n")).unwrap();
    let (checks, _) = doctor(&data);
    assert_eq!(verdict(&checks, &name), Some("WARN"), "{checks:?}");
    let text = String::from_utf8(agent(&data, &["doctor"]).stdout).unwrap();
    let block = format!(
        "      | [[postgres]]\n      | host = \"127.0.0.1\"\n      | port = {}\n",
        server.port
    );
    assert!(
        text.contains("      | GRANT pg_monitor TO wardround;\n") && text.contains(&block),
        "{text}"
    );
    let text = format!("data_dir = {data:?}\n[[postgres]]\n{}", server.keys(""));
    std::fs::write(data.join("agent.toml"), text).unwrap();
    let (checks, _) = doctor(&data);
    assert_eq!(verdict(&checks, &name), None, "{checks:?}");
    assert_eq!(
        verdict(&checks, &format!("postgres 127.0.0.1:{}", server.port)),
        Some("OK"),
        "{checks:?}"
    );
}

/// Scenario: an Oracle on a node without the vendor's client library, and a SQL Server that nobody listens for. Guarantees: both are
/// said to be read by contract; the library is named as what is missing, and no database is called down for it; the closed port is a
/// database that is down, with its reason.
#[test]
fn engines_by_contract_are_named_so() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("agent");
    std::fs::create_dir(&data).unwrap();
    let text = format!(
        "data_dir = {data:?}\n[[oracle]]\nservice = \"his\"\n[[sqlserver]]\nport = 1\nsslmode = \"disable\"\n"
    );
    std::fs::write(data.join("agent.toml"), text).unwrap();
    let (checks, _) = doctor(&data);
    for name in ["database Oracle 127.0.0.1:1521/his", "database SQL Server 127.0.0.1:1"] {
        assert_eq!(verdict(&checks, name), Some("WARN"), "{checks:?}");
    }
    let output = agent(&data, &["probe", "oracle", "sqlserver"]);
    let (said, errors) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(errors.contains("Instant Client") && output.status.code() == Some(1), "{errors}");
    assert!(!said.contains("1521") && said.contains("wardround_db_up"), "{said}");
    let refused = said.lines().find(|line| line.contains("reason=\"unreachable\"")).unwrap();
    assert!(refused.ends_with(" 1"), "{said}");
}

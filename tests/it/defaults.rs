//! Both daemons with an empty configuration, on their own default paths and ports: in a mount and a network namespace of the
//! test, so that the machine's are left alone.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;
use tests::{binaries, wait};

const WITHIN: Duration = Duration::from_secs(30);

/// A daemon; dropping it kills it by pid.
struct Daemon(Child);

impl Daemon {
    fn pid(&self) -> String {
        self.0.id().to_string()
    }

    /// SIGTERM, and a good end.
    fn stop(mut self) {
        assert!(Command::new("kill").args(["-TERM", &self.pid()]).status().unwrap().success());
        let ended = wait::until("a daemon to stop", WITHIN, || self.0.try_wait().unwrap());
        assert!(ended.success(), "{ended}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A collector with nothing under `/var/lib` and a loopback of its own.
fn collector(empty: &Path, log: &Path) -> Daemon {
    let script =
        r#"mount -t tmpfs none /var/lib && ip link set lo up && exec "$0" --config "$1" serve"#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--net", "--", "sh", "-c", script]);
    command.arg(program("wardround-collector")).arg(empty).stderr(File::create(log).unwrap());
    Daemon(command.spawn().unwrap())
}

fn program(name: &str) -> PathBuf {
    binaries::folder().join(name)
}

/// A program where the collector is, with the empty configuration.
fn inside(collector: &Daemon, name: &str, empty: &Path) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--target", &collector.pid(), "--mount", "--net", "--"]);
    command.arg(program(name)).arg("--config").arg(empty);
    command
}

fn done(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Scenario: an empty file for both daemons, a token, a join, nothing else. Guarantees: the node's readings arrive, and both
/// end well.
#[test]
fn an_empty_configuration_serves() {
    let dir = tempfile::tempdir().unwrap();
    let (empty, log) = (dir.path().join("empty.toml"), dir.path().join("log"));
    File::create(&empty).unwrap();
    let collector = collector(&empty, &log);
    let root = PathBuf::from(format!("/proc/{}/root", collector.pid()));
    wait::until("the collector to listen", WITHIN, || {
        root.join("var/lib/wardround-collector/listening").exists().then_some(())
    });
    let command = |name: &str, args: &[&str]| {
        let mut command = inside(&collector, name, &empty);
        command.args(args);
        command
    };
    let token = done(command("wardround-collector", &["token", "create", "--node", "db1"]));
    let join = ["join", "--collector", "127.0.0.1:7443", "--token", token.trim()];
    done(command("wardround-agent", &join));
    let mut run = command("wardround-agent", &["run"]);
    let agent =
        Daemon(run.stderr(File::create(dir.path().join("agent.log")).unwrap()).spawn().unwrap());
    wait::until("the node to be fresh", WITHIN, || {
        let nodes = done(command("wardround-collector", &["node", "list", "--format", "json"]));
        let nodes: serde_json::Value = serde_json::from_str(&nodes).unwrap();
        (nodes[0]["state"] == "fresh").then_some(())
    });
    agent.stop();
    collector.stop();
}

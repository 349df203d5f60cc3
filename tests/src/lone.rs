//! A collector alone, without databases: for what concerns joining and configuration only.

use crate::{binaries, wait};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::Duration;

/// A running collector on ports of its own; dropping it kills it by pid.
pub struct Collector {
    dir: tempfile::TempDir,
    child: Child,
    /// `host:port` of the agents' port.
    pub agents: String,
}

impl Collector {
    /// Starts one with an otherwise empty configuration.
    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let config = dir.path().join("collector.toml");
        let text = format!(
            "data_dir = {data:?}\n[agents]\nlisten = \"127.0.0.1:0\"\n[api]\nlisten = \"127.0.0.1:0\"\n"
        );
        std::fs::write(&config, text).unwrap();
        let log = File::create(dir.path().join("log")).unwrap();
        let mut command = Command::new(binaries::folder().join("wardround-collector"));
        let child = command.arg("--config").arg(&config).arg("serve").stderr(log).spawn().unwrap();
        let listening = data.join("listening");
        let agents = wait::until("the collector to listen", Duration::from_secs(30), || {
            let text = std::fs::read_to_string(&listening).ok()?;
            Some(text.lines().find_map(|l| l.strip_prefix("agents="))?.to_owned())
        });
        Self { dir, child, agents }
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    /// Its command line.
    pub fn command(&self, args: &[&str]) -> Output {
        let mut command = Command::new(binaries::folder().join("wardround-collector"));
        command
            .arg("--config")
            .arg(self.dir.path().join("collector.toml"))
            .args(args)
            .output()
            .unwrap()
    }

    /// A join token for a node.
    pub fn token(&self, node: &str, valid: &str) -> String {
        let output = self.command(&["token", "create", "--node", node, "--valid", valid]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs `wardround-agent join` into a data folder; what it said when it was refused.
pub fn join(agents: &str, token: &str, data: &Path) -> Result<(), String> {
    std::fs::create_dir_all(data).unwrap();
    let config = data.join("agent.toml");
    std::fs::write(&config, format!("data_dir = {data:?}\n")).unwrap();
    let mut command = Command::new(binaries::folder().join("wardround-agent"));
    command.arg("--config").arg(&config).args(["join", "--collector", agents, "--token", token]);
    let output = command.output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8(output.stderr).unwrap())
}

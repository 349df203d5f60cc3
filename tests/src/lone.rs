//! A collector alone, without databases: for what concerns joining and configuration only.

use crate::load::api::Api;
use crate::probes::off_but;
use crate::{binaries, wait};
use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::Duration;

/// A test does not wait for agents that take their time.
const RECONNECT: &str = "reconnect_window = \"500ms\"";

/// A running collector on ports of its own; dropping it kills it by pid.
pub struct Collector {
    dir: tempfile::TempDir,
    data: PathBuf,
    child: Child,
    /// `host:port` of the agents' port.
    pub agents: String,
    /// Address of the HTTPS port.
    pub api: SocketAddr,
}

impl Collector {
    /// Starts one with an otherwise empty configuration.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// Starts one; `more` is the rest of its configuration.
    pub fn start_with(more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        Self::start_in(dir, data, "", more)
    }

    /// Starts one with these keys of `[agents]` besides.
    pub fn start_with_agents(keys: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        Self::start_in(dir, data, keys, "")
    }

    /// Starts one over a data folder that is there already.
    pub fn over(data: PathBuf, more: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), data, "", more)
    }

    fn start_in(dir: tempfile::TempDir, data: PathBuf, agents_keys: &str, more: &str) -> Self {
        let write = |agents: &str, api: &str| {
            let text = format!(
                "data_dir = {data:?}\n[agents]\nlisten = \"{agents}\"\n{RECONNECT}\n{agents_keys}\n[api]\nlisten = \"{api}\"\n{more}"
            );
            std::fs::write(dir.path().join("collector.toml"), text).unwrap();
        };
        write("127.0.0.1:0", "127.0.0.1:0");
        drop(std::fs::remove_file(data.join("listening")));
        let mut child = spawn(dir.path());
        let (agents, api) = listening(&data, &mut child);
        // A restart takes the same ports, as an installed collector does.
        write(&agents, &api);
        let api = api.parse().unwrap();
        Self { dir, data, child, agents, api }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops it by SIGTERM and waits for its orderly end.
    pub fn stop(&mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let ended = wait::until("the collector to stop", Duration::from_secs(30), || {
            self.child.try_wait().unwrap()
        });
        assert!(ended.success(), "{ended}: {}", self.log());
    }

    /// Starts it again after [`Self::kill`] or [`Self::stop`], on the same ports.
    pub fn restart(&mut self) {
        std::fs::remove_file(self.data.join("listening")).unwrap();
        self.child = spawn(self.dir.path());
        listening(&self.data, &mut self.child);
    }

    /// Runs its command line; what it printed, or a failure with what it said.
    pub fn done(&self, args: &[&str]) -> String {
        let output = self.command(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Makes an account; its password.
    pub fn account(&self, name: &str, role: &str) -> String {
        let output = self.command(&["user", "add", name, "--role", role]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Logs an account in.
    pub fn session(
        &self,
        name: &str,
        password: &str,
    ) -> impl Future<Output = anyhow::Result<Api>> + Send + use<> {
        let (api, ca) = (self.api, self.data.join("ca.crt"));
        let (name, password) = (name.to_owned(), password.to_owned());
        async move { Api::login(api, &std::fs::read(ca)?, &name, &password).await }
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.data.clone()
    }

    /// Where it logs.
    pub fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
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

fn spawn(dir: &Path) -> Child {
    let log = OpenOptions::new().create(true).append(true).open(dir.join("log")).unwrap();
    let mut command = Command::new(binaries::folder().join("wardround-collector"));
    command.arg("--config").arg(dir.join("collector.toml")).arg("serve").stderr(log);
    command.spawn().unwrap()
}

/// Both ports, once the collector listens.
fn listening(data: &Path, child: &mut Child) -> (String, String) {
    wait::until("the collector to listen", Duration::from_secs(30), || {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "the collector ended: {ended:?}");
        let text = std::fs::read_to_string(data.join("listening")).ok()?;
        let port = |name| Some(text.lines().find_map(|l| l.strip_prefix(name))?.to_owned());
        Some((port("agents=")?, port("api=")?))
    })
}

/// Runs `wardround-agent join` into a data folder; what it said when it was refused.
pub fn join(agents: &str, token: &str, data: &Path) -> Result<(), String> {
    std::fs::create_dir_all(data).unwrap();
    let config = data.join("agent.toml");
    let off = off_but(&["cpu", "meminfo", "loadavg", "time", "uname", "infiniband"]);
    std::fs::write(&config, format!("data_dir = {data:?}\n{off}")).unwrap();
    let mut command = Command::new(binaries::folder().join("wardround-agent"));
    command.arg("--config").arg(&config).args(["join", "--collector", agents, "--token", token]);
    let output = command.output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8(output.stderr).unwrap())
}

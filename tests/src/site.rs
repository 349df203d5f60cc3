//! A hospital in small: a collector that can be killed and started again on the same ports, and agents that read an InfiniBand
//! tree of their own, in a network namespace or under a clock of their own where a test asks for it.

use crate::load::api::Api;
use crate::{binaries, wait};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// What the API says of an incident, as far as these tests judge it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Incident {
    pub id: String,
    pub cause: String,
    pub state: String,
    pub condition: String,
    pub late: bool,
    pub reopened: u32,
    pub subject: BTreeMap<String, String>,
    pub links: Vec<serde_json::Value>,
    pub clocks: BTreeMap<String, serde_json::Value>,
}

/// What it says of a finding.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Finding {
    pub rule: String,
    pub condition: String,
    pub subject: BTreeMap<String, String>,
    pub value: Option<f64>,
}

/// A running site; dropping it kills its processes by pid.
pub struct Site {
    dir: tempfile::TempDir,
    env: Vec<(String, String)>,
    collector: Child,
    agents: Vec<Child>,
    password: String,
    agents_port: String,
    api_port: String,
    runtime: tokio::runtime::Runtime,
    api: RefCell<Option<Api>>,
}

impl Site {
    /// Starts a collector that listens for agents on `host`. `more` is the rest of its configuration, `env` the environment
    /// of every daemon.
    pub fn start(host: &str, more: &str, env: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        configure(dir.path(), &format!("{host}:0"), "127.0.0.1:0", more);
        let env: Vec<_> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let collector = collector(dir.path(), &env);
        let (agents_port, api_port) = listening(dir.path());
        configure(dir.path(), &agents_port, &api_port, more);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut site = Self {
            dir,
            env,
            collector,
            agents: Vec::new(),
            password: String::new(),
            agents_port,
            api_port,
            runtime,
            api: RefCell::new(None),
        };
        site.password = site.command(&["user", "add", "test", "--role", "viewer"]);
        site
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// `host:port` of the agents' port.
    pub fn agents_port(&self) -> &str {
        &self.agents_port
    }

    /// The collector's certificate authority.
    pub fn collector_data(&self) -> PathBuf {
        self.dir.path().join("collector")
    }

    /// Runs the collector's command line; what it printed.
    pub fn command(&self, args: &[&str]) -> String {
        let output = Command::new(binaries::folder().join("wardround-collector"))
            .arg("--config")
            .arg(self.dir.path().join("collector.toml"))
            .args(args)
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Kills the collector with SIGKILL.
    pub fn kill_collector(&mut self) {
        self.collector.kill().unwrap();
        self.collector.wait().unwrap();
        std::fs::remove_file(self.dir.path().join("collector/listening")).unwrap();
    }

    /// Starts it again.
    pub fn start_collector(&mut self) {
        self.collector = collector(self.dir.path(), &self.env);
        listening(self.dir.path());
    }

    /// Joins an agent and runs it behind `prefix`, a command that runs another.
    pub fn agent(&mut self, name: &str, prefix: &[&str]) {
        let (data, config) =
            (self.dir.path().join(name), self.dir.path().join(format!("{name}.toml")));
        let root = self.dir.path().join(format!("{name}-root"));
        write_tree(&root);
        set_port(&root, true);
        // Only the InfiniBand and the time are read: what a test of sessions and clocks needs.
        let off = crate::probes::off_but(&["infiniband", "time"]);
        let text = format!(
            "data_dir = {data:?}\n[collector]\naddress = \"{}\"\n[probe.infiniband]\nroot = {root:?}\n{off}",
            self.agents_port
        );
        std::fs::write(&config, text).unwrap();
        let token = self.command(&["token", "create", "--node", name]);
        let config = config.to_str().unwrap();
        let join =
            ["--config", config, "join", "--collector", &self.agents_port, "--token", &token];
        let output = self.behind(prefix, "wardround-agent").args(join).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let log = File::create(self.dir.path().join(format!("{name}.log"))).unwrap();
        let mut run = self.behind(prefix, "wardround-agent");
        self.agents.push(run.args(["--config", config, "run"]).stderr(log).spawn().unwrap());
    }

    /// Takes an agent's InfiniBand port down or up.
    pub fn set_port(&self, name: &str, up: bool) {
        set_port(&self.dir.path().join(format!("{name}-root")), up);
    }

    fn behind(&self, prefix: &[&str], binary: &str) -> Command {
        let binary = binaries::folder().join(binary);
        let mut command = match prefix {
            [] => Command::new(binary),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(binary);
                command
            }
        };
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        command
    }

    /// GETs JSON as a viewer; logs in anew when the collector does not know the session any more.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.runtime.block_on(async {
            if let Some(mut api) = self.api.take()
                && let Ok(answer) = api.get(path).await
            {
                self.api.replace(Some(api));
                return Ok(answer);
            }
            let ca = std::fs::read(self.dir.path().join("collector/ca.crt"))?;
            let login = Api::login(self.api_port.parse()?, &ca, "test", &self.password);
            let mut api = login.await?;
            let answer = api.get(path).await;
            self.api.replace(Some(api));
            answer
        })
    }

    /// All incidents of a cause.
    pub fn incidents(&self, cause: &str) -> Vec<Incident> {
        #[derive(Deserialize)]
        struct Page {
            incidents: Vec<Incident>,
        }
        let mut page: Page = self.get("/api/v1/incidents?limit=200").unwrap();
        for incident in &mut page.incidents {
            // What is left of a limit changes with each question.
            incident.clocks.retain(|name, _| !name.ends_with("_remaining_seconds"));
        }
        page.incidents.into_iter().filter(|i| i.cause == cause).collect()
    }

    /// All findings of a rule.
    pub fn findings(&self, rule: &str) -> Vec<Finding> {
        #[derive(Deserialize)]
        struct List {
            findings: Vec<Finding>,
        }
        let list: List = self.get("/api/v1/findings").unwrap();
        list.findings.into_iter().filter(|f| f.rule == rule).collect()
    }

    /// Waits for the one incident of a cause on a host that is as asked.
    pub fn incident(&self, cause: &str, host: &str, is: impl Fn(&Incident) -> bool) -> Incident {
        let what = format!("an incident of {cause} on {host}");
        wait::until(&what, PATIENCE, || {
            let mut all = self.incidents(cause);
            all.retain(|i| i.subject.get("host").is_some_and(|h| h == host));
            all.into_iter().find(|i| is(i))
        })
    }

    /// A file of the site.
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(format!("{name}.log"))).unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for child in self.agents.iter_mut().chain([&mut self.collector]) {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn configure(dir: &Path, agents: &str, api: &str, more: &str) {
    let data = dir.join("collector");
    let text = format!(
        "data_dir = {data:?}\n[agents]\nlisten = \"{agents}\"\n[api]\nlisten = \"{api}\"\n{more}"
    );
    std::fs::write(dir.join("collector.toml"), text).unwrap();
}

fn collector(dir: &Path, env: &[(String, String)]) -> Child {
    let log = OpenOptions::new().create(true).append(true).open(dir.join("collector.log")).unwrap();
    let mut command = Command::new(binaries::folder().join("wardround-collector"));
    command.arg("--config").arg(dir.join("collector.toml")).arg("serve").stderr(log);
    command.envs(env.iter().map(|(k, v)| (k, v))).spawn().unwrap()
}

fn listening(dir: &Path) -> (String, String) {
    let file = dir.join("collector/listening");
    wait::until("the collector to listen", PATIENCE, || {
        let text = std::fs::read_to_string(&file).ok()?;
        let port = |name: &str| text.lines().find_map(|l| l.strip_prefix(name)).map(str::to_owned);
        Some((port("agents=")?, port("api=")?))
    })
}

const DEVICE: &str = "sys/class/infiniband/mlx5_0";
const COUNTERS: [&str; 4] =
    ["symbol_error", "link_error_recovery", "link_downed", "port_rcv_errors"];

/// One InfiniBand port, after the kernel's ABI document (Documentation/ABI/stable/sysfs-class-infiniband).
fn write_tree(root: &Path) {
    let counters = root.join(DEVICE).join("ports/1/counters");
    std::fs::create_dir_all(&counters).unwrap();
    for name in COUNTERS {
        std::fs::write(counters.join(name), "0\n").unwrap();
    }
}

/// Written in place and padded, since the agent keeps the files open and must never see half a value.
fn set_port(root: &Path, up: bool) {
    let (state, physical) = if up { ("4: ACTIVE", "5: LinkUp") } else { ("1: DOWN", "2: Polling") };
    let values = [
        ("state", state),
        ("phys_state", physical),
        ("rate", "100 Gb/sec (4X EDR)"),
        ("link_layer", "InfiniBand"),
    ];
    for (name, value) in values {
        let path = root.join(DEVICE).join("ports/1").join(name);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).unwrap();
        file.write_all_at(format!("{value:\n<32}").as_bytes(), 0).unwrap();
    }
}

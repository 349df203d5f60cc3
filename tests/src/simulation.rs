//! A simulated InfiniBand fabric: `ibsim` with a subnet manager, and the sysfs tree of one of its servers.
//!
//! Everything runs in a folder and under a socket name of its own, so that several fabrics stand side by side; clients reach
//! the simulator through the library that is preloaded into them, and each has a limit of time, because one whose
//! simulator is gone waits for ever.

use crate::{binaries, wait};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Takes the calls on device files over to the simulator. The path is Debian's on x86-64.
const PRELOAD: &str = "/usr/lib/x86_64-linux-gnu/umad2sim/libumad2sim.so";

/// Seconds that a client may take.
const CLIENT_LIMIT: &str = "10";

/// Every file of the tree is padded to this length, so that a change is one write and a reader never sees half of it.
const PADDED: usize = 32;

/// A running simulator; dropping it kills it and its subnet manager by pid.
pub struct Simulation {
    folder: tempfile::TempDir,
    socket: String,
    console: File,
    simulator: Child,
    manager: Option<Child>,
}

impl Simulation {
    /// Starts the fabric of a file in the form of `ibnetdiscover`.
    pub fn start(net: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("net"), net).unwrap();
        let made = Command::new("mkfifo").arg(path("console")).status().unwrap();
        assert!(made.success(), "mkfifo");
        // Open both ways, so that neither end waits for the other.
        let console = OpenOptions::new().read(true).write(true).open(path("console")).unwrap();
        let socket = format!("wardround-{}", std::process::id());
        let log = File::create(path("log")).unwrap();
        let mut command = Command::new("ibsim");
        command.args(["-s", "net"]).current_dir(folder.path()).env("IBSIM_SOCKNAME", &socket);
        command.stdin(console.try_clone().unwrap()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut simulator = command.spawn().unwrap();
        wait::until("the simulator", Duration::from_secs(10), || {
            assert!(simulator.try_wait().unwrap().is_none(), "the simulator ended");
            let log = std::fs::read_to_string(path("log")).unwrap();
            log.contains("Network simulator ready").then_some(())
        });
        Self { folder, socket, console, simulator, manager: None }
    }

    /// What a client's process needs in its environment to sit at the first port of `node`.
    pub fn environment(&self, node: &str) -> Vec<(String, String)> {
        [("LD_PRELOAD", PRELOAD), ("IBSIM_SOCKNAME", &self.socket), ("SIM_HOST", node)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    /// A command line at the simulator's console.
    pub fn say(&mut self, line: &str) {
        writeln!(self.console, "{line}").unwrap();
    }

    /// Runs a client at `node`; what it printed.
    pub fn client(&self, node: &str, arguments: &[&str]) -> String {
        run(self.environment(node), self.folder.path(), arguments)
    }

    /// Starts a subnet manager at `node`.
    pub fn start_manager(&mut self, node: &str) {
        let folder = self.folder.path().join("manager");
        std::fs::create_dir_all(&folder).unwrap();
        let mut command = Command::new("opensm");
        command.arg("-f").arg(folder.join("log")).current_dir(&folder);
        command
            .envs(self.environment(node))
            .env("OSM_TMP_DIR", &folder)
            .env("OSM_CACHE_DIR", &folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.manager = Some(command.spawn().unwrap());
    }

    /// Ends the subnet manager.
    pub fn stop_manager(&mut self) {
        if let Some(mut manager) = self.manager.take() {
            drop(manager.kill());
            drop(manager.wait());
        }
    }

    /// One round of the agent's own reader at `node`, as it prints it; nothing when it took longer than a client may.
    pub fn read_fabric(&self, node: &str) -> String {
        read_fabric(self.environment(node), self.folder.path())
    }

    /// Keeps a sysfs tree of the server `host` up to date below `root`, as `watcher`, another node, reads the fabric.
    pub fn mirror(&self, watcher: &str, host: &str, root: PathBuf) -> Mirror {
        let (environment, folder) = (self.environment(watcher), self.folder.path().to_owned());
        let begin = format!("node=\"{host}\"");
        let round = move || {
            let text = read_fabric(environment.clone(), &folder);
            for line in text.lines().filter(|line| line.contains(&begin)) {
                mirror(line, &root);
            }
        };
        round();
        Mirror::start(round)
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        self.stop_manager();
        drop(self.simulator.kill());
        drop(self.simulator.wait());
    }
}

fn read_fabric(environment: Vec<(String, String)>, folder: &Path) -> String {
    std::fs::write(folder.join("reader.toml"), "[probe.fabric]\n").unwrap();
    let agent = binaries::folder().join("wardround-agent").display().to_string();
    run(environment, folder, &[&agent, "--config", "reader.toml", "probe", "fabric"])
}

fn run(environment: Vec<(String, String)>, folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("timeout");
    command.arg(CLIENT_LIMIT).args(arguments).current_dir(folder).stdin(Stdio::null());
    let output = command.envs(environment).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A tree that is being kept up to date; dropping it ends that.
pub struct Mirror {
    is_over: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Mirror {
    fn start(round: impl Fn() + Send + 'static) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let work = move || {
            while !over.load(Ordering::Relaxed) {
                round();
                std::thread::sleep(Duration::from_millis(200));
            }
        };
        Self { is_over, thread: Some(std::thread::spawn(work)) }
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Files of a port below `ports/<n>` by the metric that the fabric's reader prints for it, with what the kernel writes.
fn file_of(metric: &str, value: f64) -> Option<(String, String)> {
    const COUNTERS: &[(&str, &str)] = &[
        ("symbol_errors", "symbol_error"),
        ("link_error_recovery", "link_error_recovery"),
        ("link_downed", "link_downed"),
        ("receive_errors", "port_rcv_errors"),
        ("transmit_discards", "port_xmit_discards"),
    ];
    const STATES: &[&str] = &["NOP", "DOWN", "INIT", "ARMED", "ACTIVE"];
    const PHYSICAL: &[&str] = &["?", "Sleep", "Polling", "Disabled", "Training", "LinkUp"];
    let named = |names: &[&str]| {
        let at = format!("{value}").parse::<usize>().unwrap();
        format!("{value}: {}", names.get(at).unwrap_or(&"?"))
    };
    let file = |name: &str, text: String| Some((name.to_owned(), text));
    match metric.strip_prefix("wardround_fabric_port_")? {
        "state_id" => file("state", named(STATES)),
        "physical_state_id" => file("phys_state", named(PHYSICAL)),
        "rate_bytes_per_second" => file("rate", format!("{} Gb/sec", value / 125e6)),
        other => {
            let counter = other.strip_suffix("_total")?;
            let (_, name) = COUNTERS.iter().find(|(known, _)| *known == counter)?;
            file(&format!("counters/{name}"), format!("{value}"))
        }
    }
}

/// Writes what one printed line says into the tree.
fn mirror(line: &str, root: &Path) {
    let Some((metric, rest)) = line.split_once('{') else { return };
    let Some((labels, value)) = rest.split_once("} ") else { return };
    let pairs = labels.split("\",").filter_map(|pair| pair.split_once("=\""));
    let labels: BTreeMap<&str, &str> = pairs.map(|(n, v)| (n, v.trim_end_matches('"'))).collect();
    let (Some(device), Some(port)) = (labels.get("device"), labels.get("port")) else { return };
    let Some((file, text)) = file_of(metric, value.parse().unwrap()) else { return };
    let path = root.join("sys/class/infiniband").join(device).join("ports").join(port).join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path).unwrap();
    file.write_all_at(format!("{text:\n<PADDED$}").as_bytes(), 0).unwrap();
}

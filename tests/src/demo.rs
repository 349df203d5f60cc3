//! The demonstration under test: the same scripts that `make demo` runs, in a folder and on ports of its own.

use crate::{binaries, wait};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running demonstration; dropping it takes it down.
pub struct Demo {
    dir: PathBuf,
    scale: u32,
    up: Child,
}

/// What the API says of an incident, as far as the tests judge it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Incident {
    pub id: String,
    pub cause: String,
    pub level: u8,
    pub clause: String,
    pub state: String,
    pub condition: String,
    pub reopened: u32,
    pub subject: BTreeMap<String, String>,
    pub links: Vec<Link>,
    pub clocks: Clocks,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Link {
    pub rule: String,
    pub subject: BTreeMap<String, String>,
}

impl Link {
    /// Whether it is a finding of this rule whose subject has all these labels.
    pub fn is(&self, rule: &str, labels: &[(&str, String)]) -> bool {
        let has = |(label, value): &(&str, String)| self.subject.get(*label) == Some(value);
        self.rule == rule && labels.iter().all(has)
    }
}

/// What the demonstration says of itself in its state file, as far as the tests need it.
#[derive(Deserialize)]
pub struct State {
    pub ports: Ports,
    /// Device of the small disk, such as `/dev/loop0`.
    #[serde(rename = "loop")]
    pub disk: PathBuf,
}

#[derive(Deserialize)]
pub struct Ports {
    pub primary: u16,
    pub standby: u16,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Clocks {
    pub detected: String,
    pub response_due: String,
    pub resolution_due: String,
}

impl Demo {
    /// Brings it up; fails with its log when that takes more than a minute and a half.
    pub fn up(scale: u32) -> Self {
        // PostgreSQL's own user must be able to enter.
        let dir =
            tempfile::Builder::new().prefix("wardround-test-").tempdir_in("/tmp").unwrap().keep();
        let up = keeper(&dir, scale);
        let mut demo = Self { dir, scale, up };
        demo.wait_until_up();
        demo
    }

    /// Brings another one up in the folder of the one whose keeper was killed.
    pub fn up_again(&mut self) {
        self.up = keeper(&self.dir, self.scale);
        self.wait_until_up();
    }

    fn wait_until_up(&mut self) {
        let log = self.dir.with_extension("log");
        wait::until("the demonstration to be up", Duration::from_secs(90), || {
            let said = std::fs::read_to_string(&log).unwrap();
            let ended = self.up.try_wait().unwrap();
            assert!(ended.is_none(), "the demonstration ended: {said}");
            said.contains("Ctrl-C ends all of it").then_some(())
        });
    }

    /// Ends the command that keeps it as `kill -9` does: what that started goes on alone.
    pub fn kill_keeper(&mut self) {
        self.up.kill().unwrap();
        self.up.wait().unwrap();
    }

    /// The folder of the demonstration.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn state(&self) -> State {
        let text = std::fs::read_to_string(self.dir.join("state.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The process that is remembered under this name; none while it does not run.
    pub fn pid(&self, name: &str) -> Option<u32> {
        let text = std::fs::read_to_string(self.dir.join("pids").join(name)).ok()?;
        let known: serde_json::Value = serde_json::from_str(&text).unwrap();
        known["pid"].as_u64().map(|pid| u32::try_from(pid).unwrap())
    }

    /// Runs one verb of the script to its end; its output, or a failure with it.
    pub fn run(&self, args: &[&str]) -> String {
        let output = script(&self.dir, self.scale).args(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}\n{errors}\n{}", self.incidents_text());
        said
    }

    /// Runs one verb that must fail; what it says about that.
    pub fn refusal(&self, args: &[&str]) -> String {
        let output = script(&self.dir, self.scale).args(args).output().unwrap();
        assert!(!output.status.success(), "{args:?} succeeded");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Starts one verb and leaves it running.
    pub fn start(&self, args: &[&str]) -> Child {
        script(&self.dir, self.scale).args(args).stdout(Stdio::null()).spawn().unwrap()
    }

    /// All incidents.
    pub fn incidents(&self) -> Vec<Incident> {
        serde_json::from_str(&self.run(&["status"])).unwrap()
    }

    fn incidents_text(&self) -> String {
        let output = script(&self.dir, self.scale).arg("status").output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs the collector's command line against this demonstration.
    pub fn collector(&self, args: &[&str]) -> String {
        let output = Command::new(binaries::folder().join("wardround-collector"))
            .arg("--config")
            .arg(self.dir.join("collector.toml"))
            .args(args)
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Takes it down as Ctrl-C does; fails unless it ends well and leaves no process, file or mount behind.
    pub fn down(mut self) {
        self.interrupt();
        let status = self.up.wait().unwrap();
        let said = std::fs::read_to_string(self.dir.with_extension("log")).unwrap();
        assert!(status.success(), "{status}: {said}");
        self.expect_nothing_left();
    }

    /// Fails if any process, file, mount or loop device of it is there.
    pub fn expect_nothing_left(&self) {
        let dir = self.dir.to_str().unwrap().to_owned();
        assert!(!self.dir.exists(), "{dir} is still there");
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains(&dir), "still mounted: {mounts}");
        let loops: Vec<String> = loop_files().filter(|file| file.contains(&dir)).collect();
        assert!(loops.is_empty(), "still attached: {loops:?}");
        let left: Vec<String> = command_lines().filter(|line| line.contains(&dir)).collect();
        assert!(left.is_empty(), "still running: {left:?}");
    }

    fn interrupt(&self) {
        let pid = self.up.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    }
}

fn script(dir: &Path, scale: u32) -> Command {
    let mut command = Command::new("node");
    command
        .arg(binaries::repository().join("deploy/demo/demo.mjs"))
        .env("WARDROUND_DEMO_DIR", dir)
        .env("WARDROUND_BIN_DIR", binaries::folder())
        .env("WARDROUND_TIME_SCALE", scale.to_string())
        .env("WARDROUND_DEMO_PORTS", "free")
        .stdin(Stdio::null());
    command
}

/// The command that brings it up and stays; what it says goes to a log beside the folder.
fn keeper(dir: &Path, scale: u32) -> Child {
    let out = File::create(dir.with_extension("log")).unwrap();
    let mut command = script(dir, scale);
    command.arg("up").stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap()
}

/// The file behind every loop device that has one.
fn loop_files() -> impl Iterator<Item = String> {
    let devices = std::fs::read_dir("/sys/block").unwrap().filter_map(Result::ok);
    devices
        .filter_map(|device| std::fs::read_to_string(device.path().join("loop/backing_file")).ok())
}

/// The command line of every process.
fn command_lines() -> impl Iterator<Item = String> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    entries.filter_map(|entry| {
        let bytes = std::fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&bytes).replace('\0', " "))
    })
}

impl Drop for Demo {
    fn drop(&mut self) {
        if matches!(self.up.try_wait(), Ok(None)) {
            self.interrupt();
            drop(self.up.wait());
        }
        if self.dir.exists() {
            // Its keeper was killed, or could not end all of it.
            drop(script(&self.dir, self.scale).arg("down").output());
        }
        drop(std::fs::remove_file(self.dir.with_extension("log")));
    }
}

//! A Ceph cluster of one machine on loopback: three monitors, a manager and three OSDs that keep their data in memory, out of
//! Debian's packages. It is whole some six seconds after its start, and everything of it ends with it.

use crate::wait;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const MONS: [&str; 3] = ["a", "b", "c"];
const OSDS: usize = 3;
/// Of each OSD. A pool of two copies on three of them holds some 90 MiB.
const OSD_BYTES: u64 = 64 << 20;
/// What makes a monitor's clock run as the file `clock` says.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
const PATIENCE: Duration = Duration::from_secs(60);

/// A running cluster; dropping it kills its daemons by pid.
pub struct Ceph {
    dir: PathBuf,
    metrics: SocketAddr,
    daemons: BTreeMap<String, Child>,
}

impl Ceph {
    /// Starts one in a folder of its own below `dir` and waits until it is whole.
    pub fn start(dir: &Path) -> Self {
        let dir = dir.join("ceph");
        for folder in ["run", "log", "mon", "mgr/x"] {
            std::fs::create_dir_all(dir.join(folder)).unwrap();
        }
        // Held together, so that they are four different ones.
        let free = [0; 4].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let [metrics, addresses @ ..] = free.map(|listener| listener.local_addr().unwrap());
        let mut ceph = Self { dir, metrics, daemons: BTreeMap::new() };
        let fsid = std::fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap();
        let fsid = fsid.trim();
        std::fs::write(ceph.conf(), config(&ceph.dir, fsid, &addresses)).unwrap();
        ceph.start_mons(fsid, &addresses);
        // An option of a module is not known before the manager has loaded it.
        let port = ceph.metrics.port().to_string();
        for (key, value) in
            [("server_addr", "127.0.0.1"), ("server_port", &port), ("scrape_interval", "1")]
        {
            let key = format!("mgr/prometheus/{key}");
            ceph.ceph(&["config", "set", "--force", "mgr", &key, value]);
        }
        ceph.ceph(&["mgr", "module", "enable", "prometheus", "--force"]);
        ceph.run("mgr.x", &[]);
        for osd in 0..OSDS {
            ceph.make_osd(osd);
            ceph.run(&format!("osd.{osd}"), &[]);
        }
        let whole = || ceph.status().contains(&format!("\"num_up_osds\":{OSDS}")).then_some(());
        wait::until("all OSDs to be up", PATIENCE, whole);
        wait::until("the manager's metrics", PATIENCE, || {
            ceph.metrics().contains("ceph_health_status").then_some(())
        });
        ceph
    }

    fn start_mons(&mut self, fsid: &str, addresses: &[SocketAddr]) {
        let map = self.dir.join("monmap");
        let mut make = self.command("monmaptool");
        make.args(["--create", "--clobber", "--fsid", fsid]);
        for (name, address) in MONS.iter().zip(addresses) {
            make.args(["--addv", name, &format!("[v2:{address}]")]);
        }
        done(make.arg(&map));
        std::fs::write(self.clock(), "+0\n").unwrap();
        for name in MONS {
            std::fs::create_dir_all(self.dir.join("mon").join(name)).unwrap();
            let mut mkfs = self.command("ceph-mon");
            mkfs.args(["--mkfs", "-i", name, "--keyring", "/dev/null", "--monmap"]);
            done(mkfs.arg(&map));
            self.start_mon(name);
        }
    }

    /// Starts a monitor. The clock of the third one can be set with [`Self::skew`].
    pub fn start_mon(&mut self, name: &str) {
        let clock = self.clock();
        let faked = [
            ("LD_PRELOAD", FAKETIME),
            ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        self.run(&format!("mon.{name}"), if name == "c" { &faked } else { &[] });
    }

    /// Sets the clock of the third monitor off by so many seconds.
    pub fn skew(&self, seconds: f64) {
        // Written beside and moved: the monitor reads it whenever it asks for the time.
        let new = self.dir.join("clock.new");
        std::fs::write(&new, format!("{seconds:+}\n")).unwrap();
        std::fs::rename(new, self.clock()).unwrap();
    }

    fn clock(&self) -> PathBuf {
        self.dir.join("clock")
    }

    fn conf(&self) -> PathBuf {
        self.dir.join("ceph.conf")
    }

    /// `[[ceph]]` of an agent that watches it.
    pub fn agent_config(&self) -> String {
        let (metrics, run, conf) = (self.metrics, self.dir.join("run"), self.conf());
        format!(
            "[[ceph]]\nendpoints = [\"http://{metrics}/metrics\"]\nasok_dir = {run:?}\nconf = {conf:?}\ninterval = \"1s\"\nsocket_interval = \"1s\"\n"
        )
    }

    /// URL of the manager's metrics.
    pub fn metrics_url(&self) -> String {
        format!("http://{}/metrics", self.metrics)
    }

    /// What the manager tells now; empty when it does not answer.
    pub fn metrics(&self) -> String {
        let output = Command::new("curl").args(["-s", "-m", "5", &self.metrics_url()]).output();
        String::from_utf8_lossy(&output.unwrap().stdout).into_owned()
    }

    /// `ceph status` as JSON; empty when there is no quorum.
    pub fn status(&self) -> String {
        let mut status = self.command("timeout");
        let output = status.args(["5", "ceph", "status", "--format", "json"]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs `ceph`.
    pub fn ceph(&self, args: &[&str]) {
        done(self.command("timeout").args(["30", "ceph"]).args(args));
    }

    /// Makes the pool `his` of two copies.
    pub fn make_pool(&self) {
        self.ceph(&["osd", "pool", "create", "his", "16", "16"]);
        self.ceph(&["osd", "pool", "application", "enable", "his", "rbd"]);
    }

    /// Removes the pool `his` with all that is in it.
    pub fn remove_pool(&self) {
        self.ceph(&["osd", "pool", "rm", "his", "his", "--yes-i-really-really-mean-it"]);
    }

    /// Writes so many objects of `bytes` into the pool `his`.
    pub fn write(&self, objects: u32, bytes: u32) {
        let written = self.writer(objects, bytes).wait().unwrap();
        assert!(written.success(), "{written}");
    }

    /// Begins to do so; what a full cluster does not take waits for a minute at most.
    pub fn writer(&self, objects: u32, bytes: u32) -> Child {
        let (objects, bytes) = (objects.to_string(), bytes.to_string());
        let mut write = self.command("timeout");
        write.args(["-s", "KILL", "60", "rados", "-p", "his", "bench", "60", "write"]);
        write.args(["-b", &bytes, "-t", "16", "--max-objects", &objects, "--no-cleanup"]);
        write.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// `kill -9` of a daemon, `osd.2`.
    pub fn kill(&mut self, name: &str) {
        let mut daemon = self.daemons.remove(name).unwrap();
        daemon.kill().unwrap();
        daemon.wait().unwrap();
    }

    /// Stops a daemon in the middle of whatever it does, as a dead disk does.
    pub fn hang(&self, name: &str) {
        self.signal(name, Signal::STOP);
    }

    /// Lets it go on.
    pub fn go_on(&self, name: &str) {
        self.signal(name, Signal::CONT);
    }

    fn signal(&self, name: &str, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.daemons[name].id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Starts a killed OSD again with nothing in its store, as after a change of its disk.
    pub fn start_empty_osd(&mut self, osd: usize) {
        std::fs::remove_dir_all(self.dir.join(format!("osd.{osd}"))).unwrap();
        let uuid = std::fs::read_to_string(self.dir.join(format!("osd.{osd}.uuid"))).unwrap();
        self.make_store(osd, &uuid);
        self.run(&format!("osd.{osd}"), &[]);
    }

    fn make_osd(&self, osd: usize) {
        let uuid = std::fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap();
        let uuid = uuid.trim();
        std::fs::write(self.dir.join(format!("osd.{osd}.uuid")), uuid).unwrap();
        self.ceph(&["osd", "new", uuid, &osd.to_string()]);
        self.make_store(osd, uuid);
    }

    fn make_store(&self, osd: usize, uuid: &str) {
        std::fs::create_dir_all(self.dir.join(format!("osd.{osd}"))).unwrap();
        let mut mkfs = self.command("ceph-osd");
        done(mkfs.args(["-i", &osd.to_string(), "--mkfs", "--osd-uuid", uuid]));
    }

    fn run(&mut self, name: &str, env: &[(&str, &str)]) {
        let (kind, id) = name.split_once('.').unwrap();
        let log = File::create(self.dir.join("log").join(format!("{name}.out"))).unwrap();
        let mut daemon = self.command(&format!("ceph-{kind}"));
        daemon.args(["-i", id, "-f"]).envs(env.iter().copied());
        daemon.stdout(Stdio::null()).stderr(log);
        self.daemons.insert(name.to_owned(), daemon.spawn().unwrap());
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("CEPH_CONF", self.conf());
        command
    }
}

impl Drop for Ceph {
    fn drop(&mut self) {
        for daemon in self.daemons.values_mut() {
            drop(daemon.kill());
            drop(daemon.wait());
        }
    }
}

fn done(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Ceph's own configuration: no keys, one address family, everything at the pace of a test.
fn config(dir: &Path, fsid: &str, mons: &[SocketAddr]) -> String {
    let dir = dir.display();
    let hosts: Vec<String> = mons.iter().map(|address| format!("[v2:{address}]")).collect();
    let hosts = hosts.join(",");
    format!(
        "[global]
fsid = {fsid}
mon host = {hosts}
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
ms bind ipv6 = false
ms bind msgr1 = false
auth cluster required = none
auth service required = none
auth client required = none
auth supported = none
run dir = {dir}/run
admin socket = {dir}/run/$cluster-$name.asok
pid file = {dir}/run/$name.pid
log file = {dir}/log/$name.log
mon cluster log file = {dir}/log/cluster.log
mon allow pool delete = true
mon data avail warn = 1
mon data avail crit = 1
mon warn on insecure global id reclaim allowed = false
mon timecheck interval = 4
mon timecheck skew interval = 2
mon lease = 2
mon election timeout = 2
osd pool default size = 2
osd pool default min size = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = {OSD_BYTES}
osd memory target = 939524096
osd heartbeat interval = 1
osd heartbeat grace = 5
osd op complaint time = 2
osd recovery sleep = 0.1
osd max backfills = 1
mgr stats period = 1
mgr tick period = 1
[client]
admin socket =
[mon]
mon data = {dir}/mon/$id
[mgr]
mgr data = {dir}/mgr/$id
[osd]
osd data = {dir}/osd.$id
"
    )
}

//! The daemon as a process: it reads, spools without a collector, stops on a signal and goes on numbering.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the failure")]

use agent_uplink::spool::{SpoolItem, dump, read_catalog};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use rustix::process::{Pid, Signal, kill_process};
use shared_model::{Batch, Catalog, Clock, NodeIdentity, Timestamp};
use shared_runtime::SystemClock;
use shared_runtime::tls::{Authority, NodeCredentials, NodeKey};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Looks at the spool after which it counts as not growing: at 50 ms each, a minute.
const LOOKS_MAX: u32 = 1_200;

/// What operators are promised: a signal ends the daemon within this time.
const STOP: Duration = Duration::from_secs(2);

/// Puts the files of a joined node into a folder, and a configuration with `collector` as its address.
fn joined(dir: &Path, collector: &str, probes: &str) {
    let now = SystemClock.wall();
    let ca = dir.join("ca");
    std::fs::create_dir(&ca).unwrap();
    let authority = Authority::open(&ca, now).unwrap();
    let key = NodeKey::generate().unwrap();
    let identity = NodeIdentity::new("provider", "hospital", "appliance", "db1").unwrap();
    let issued = authority
        .issue_node(&key.request_der().unwrap(), &identity, now, Duration::from_secs(14 * 86_400))
        .unwrap();
    let credentials = NodeCredentials {
        key_pem: key.pem(),
        certificate_pem: issued.certificate_pem,
        ca_pem: authority.certificate_pem().into(),
    };
    credentials.store(dir).unwrap();
    let dir_text = dir.display();
    let config = format!(
        "data_dir = \"{dir_text}\"\n[collector]\naddress = \"{collector}\"\n[probe.uname]\nenabled = false\n{probes}\n\
         [[postgres]]\nport = 9\n"
    );
    std::fs::write(dir.join("agent.toml"), config).unwrap();
}

/// A running daemon that does not outlive its test.
struct Daemon(Child);

impl Daemon {
    fn start(dir: &Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_wardround-agent"))
            .args(["run", "--config"])
            .arg(dir.join("agent.toml"))
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Sends a signal; yields the exit status.
    fn stop(mut self, signal: Signal) -> Option<i32> {
        let before = SystemClock.boot();
        kill_process(Pid::from_child(&self.0), signal).unwrap();
        let status = self.0.wait().unwrap();
        let took = SystemClock.boot().since(before);
        assert!(took < STOP, "{took:?}");
        status.code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Already ended when the test went well.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Every batch in the spool.
fn batches(dir: &Path) -> Vec<(u64, Batch)> {
    let Ok(items) = dump(dir) else { return Vec::new() };
    let batch = |item| match item {
        Ok(SpoolItem::Batch(seq, batch)) => Some((seq.0, batch.unwrap())),
        _ => None,
    };
    items.filter_map(batch).collect()
}

/// Waits until `seen` is true.
fn wait_for(what: &str, mut seen: impl FnMut() -> bool) {
    for _ in 0..LOOKS_MAX {
        // Between two looks the daemon's own tick has to pass; there is nothing to be told by.
        std::thread::park_timeout(Duration::from_millis(50));
        if seen() {
            return;
        }
    }
    panic!("waited in vain for {what}");
}

/// Waits until the spool holds `count` batches of the fast lane.
fn wait_for_rounds(dir: &Path, count: usize) {
    wait_for("rounds in the spool", || {
        read_catalog(dir).is_ok_and(|catalog| {
            batches(dir).iter().filter(|(_, b)| has(&catalog, b, "node_load1")).count() >= count
        })
    });
}

fn has(catalog: &Catalog, batch: &Batch, name: &str) -> bool {
    values(catalog, batch).keys().any(|series| series.contains(name))
}

/// Values by `job/instance name{labels}`, and the row's time.
fn values(catalog: &Catalog, batch: &Batch) -> BTreeMap<String, (f64, Timestamp)> {
    let mut values = BTreeMap::new();
    for block in &batch.blocks {
        let Some(set) = catalog.sets.iter().find(|s| s.id == block.set) else { continue };
        for (reference, value) in set.references.iter().zip(&block.values) {
            let def = &catalog.series[*reference as usize - 1];
            let labels: Vec<_> = def.labels.iter().map(|(n, v)| format!("{n}={v}")).collect();
            let (job, instance, labels) = (&set.job, &set.instance, labels.join(","));
            if let Some(value) = value {
                let series = format!("{job}/{instance} {}{{{labels}}}", def.name);
                values.insert(series, (*value, block.times[0]));
            }
        }
    }
    values
}

/// Scenario: a joined node whose collector cannot be reached and whose database does not run is started, stopped by
/// SIGTERM, started again and stopped by SIGINT. Guarantees: rounds are spooled a second apart on whole seconds, a down
/// database is told, a switched-off probe is not read, both signals end with status 0 in time, and the second run goes on with
/// the same numbers and definitions.
#[test]
fn rounds_are_spooled_across_restarts() {
    let dir = tempfile::tempdir().unwrap();
    joined(dir.path(), "127.0.0.1:9", "");
    let daemon = Daemon::start(dir.path());
    wait_for_rounds(dir.path(), 3);
    assert_eq!(daemon.stop(Signal::TERM), Some(0));

    let catalog = read_catalog(dir.path()).unwrap();
    let first = batches(dir.path());
    let rounds: Vec<_> = first.iter().map(|(_, b)| values(&catalog, b)).collect();
    let times: Vec<Timestamp> =
        rounds.iter().filter_map(|v| Some(v.get("node/ node_load1{}")?.1)).collect();
    assert!(times.len() >= 3);
    for time in &times {
        assert!(time.as_millis().rem_euclid(1_000) < 500, "{time} is not near a whole second");
    }
    let find = |series: &str| rounds.iter().find_map(|v| Some(v.get(series)?.0));
    assert_eq!(find("postgres/127.0.0.1:9 pg_up{}"), Some(0.0));
    assert_eq!(find("wardround/ wardround_probe_success{probe=cpu}"), Some(1.0));
    let postgres = "wardround/ wardround_probe_success{probe=postgres,target=127.0.0.1:9}";
    assert_eq!(find(postgres), Some(1.0), "a down database is an observation");
    assert_eq!(find("wardround/ wardround_probe_success{probe=uname}"), None);
    assert!(find("wardround/ process_resident_memory_bytes{}").unwrap() > 1e6);
    assert_eq!(find("wardround/ wardround_batches_lost_total{}"), Some(0.0));

    let daemon = Daemon::start(dir.path());
    wait_for_rounds(dir.path(), times.len() + 2);
    assert_eq!(daemon.stop(Signal::INT), Some(0));
    let again = read_catalog(dir.path()).unwrap();
    let all = batches(dir.path());
    let numbers: Vec<u64> = all.iter().map(|(seq, _)| *seq).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    assert_eq!(again.series[..catalog.series.len()], catalog.series[..]);
    assert_eq!(&all[..first.len()], &first[..]);
}

/// Scenario: the collector accepts the connection and says nothing, and a probe hangs in the kernel. Guarantees: the probe
/// that hangs is told as failed each second, and a signal ends the daemon in time, in order.
#[test]
fn a_silent_collector_and_a_stuck_probe_do_not_hold_up_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let device = dir.path().join("fabric/sys/class/infiniband/mlx5_0");
    std::fs::create_dir_all(&device).unwrap();
    // Opening it waits for a writer, as a file of a dead device would wait for its driver.
    mknodat(CWD, device.join("board_id"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = collector.local_addr().unwrap().to_string();
    let fabric = dir.path().join("fabric");
    joined(dir.path(), &address, &format!("[probe.infiniband]\nroot = \"{}\"", fabric.display()));
    let daemon = Daemon::start(dir.path());
    let (_connection, _from) = collector.accept().unwrap();
    let stuck = "wardround/ wardround_probe_success{probe=infiniband}";
    wait_for("three reports of the stuck probe", || {
        read_catalog(dir.path()).is_ok_and(|catalog| {
            let told = |(_, batch): &(u64, Batch)| Some(values(&catalog, batch).get(stuck)?.0);
            batches(dir.path()).iter().filter_map(told).filter(|v| *v < 0.5).count() >= 3
        })
    });
    assert_eq!(daemon.stop(Signal::TERM), Some(0));
}

/// Scenario: the disk hangs while the spool is written, so that its lock is never given back. Guarantees: a signal ends the
/// daemon in time all the same, with status 1.
#[test]
fn a_hanging_disk_does_not_hold_up_the_end() {
    let dir = tempfile::tempdir().unwrap();
    joined(dir.path(), "127.0.0.1:9", "");
    // The new catalog is written here: into a pipe that is full.
    std::fs::create_dir(dir.path().join("spool")).unwrap();
    let path = dir.path().join("spool/catalog.new");
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR | Mode::XUSR, 0).unwrap();
    let flags = OFlags::RDWR | OFlags::NONBLOCK;
    let mut pipe = std::fs::File::from(open(&path, flags, Mode::empty()).unwrap());
    while pipe.write(&[0; 4_096]).is_ok() {}
    let daemon = Daemon::start(dir.path());
    wait_for("the catalog's file to be opened", || {
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777 == 0o600
    });
    assert_eq!(daemon.stop(Signal::INT), Some(1));
}

/// Scenario: a node that has not joined. Guarantees: status 1 and what to do.
#[test]
fn a_node_must_join_first() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("agent.toml");
    std::fs::write(&config, format!("data_dir = \"{}\"", dir.path().display())).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_wardround-agent"))
        .args(["run", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("wardround-agent join"));
}

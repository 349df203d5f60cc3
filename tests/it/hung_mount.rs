//! A mounted file system that does not answer, as of a file server that is gone, in a mount namespace of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tests::bedside::Rest;
use tests::lone::{Collector, join};
use tests::probes::off_but;
use tests::{binaries, wait};

/// The mount with an agent beside it; both end with the value.
struct Ward {
    mount: Child,
    agent: u32,
}

impl Ward {
    fn start(collector: &Collector, dir: &Path) -> Self {
        let (data, point) = (dir.join("agent"), dir.join("mnt"));
        std::fs::create_dir(&point).unwrap();
        join(&collector.agents, &collector.token("db1", "1h"), &data).unwrap();
        let probes = ["cpu", "meminfo", "loadavg", "diskstats", "filesystem", "netclass", "mdadm"];
        let every: String =
            probes.iter().map(|name| format!("[probe.{name}]\ninterval = \"1s\"\n")).collect();
        let text = format!(
            "data_dir = {data:?}\n[collector]\naddress = \"{}\"\n{every}{}",
            collector.agents,
            off_but(&probes)
        );
        let config = data.join("agent.toml");
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("unshare");
        // An agent reads the mounts of process 1, which is another one there.
        command.args(["-m", "-p", "-f", "--mount-proc", "--propagation", "private"]);
        command.arg(env!("CARGO_BIN_EXE_hung-mount"));
        command.arg(&point).arg(binaries::folder().join("wardround-agent"));
        command.arg("--config").arg(config).arg("run");
        let log = std::fs::File::create(dir.join("log")).unwrap();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut mount = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(mount.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = std::fs::read_to_string(dir.join("log")).unwrap();
        assert!(line.ends_with('\n'), "no agent: {line}{said}");
        let agent = child_of(child_of(mount.id()));
        Self { mount, agent }
    }

    /// From now on the file system answers.
    fn let_answer(&mut self) {
        self.mount.stdin.as_mut().unwrap().write_all(b"answer\n").unwrap();
    }

    /// Takes the mount away as an engineer does who gave it up; who waits for it goes on waiting.
    fn unmount(&self, point: &Path) {
        let mut command = Command::new("nsenter");
        command.args(["-m", "-p", "-t", &self.agent.to_string(), "umount", "-l"]).arg(point);
        assert!(command.status().unwrap().success());
    }

    /// How long the agent takes to end.
    fn stop(&self) {
        let pid = self.agent.to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        wait::until("the agent to end", Duration::from_secs(5), || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
            (state.is_empty() || state.starts_with('Z')).then_some(())
        });
    }
}

impl Drop for Ward {
    fn drop(&mut self) {
        drop(self.mount.stdin.take());
        drop(self.mount.wait());
    }
}

/// The only child of a process.
fn child_of(pid: u32) -> u32 {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.trim().parse().unwrap_or_else(|_| panic!("children of {pid}: {children}"))
}

fn value(rest: &mut Rest, query: &str) -> Option<f64> {
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let page = rest.get(&format!("/prometheus/api/v1/query?query={encoded}"));
    page["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

/// Scenario: a file system never answers, then does; then another one hangs, is unmounted, and the agent is told to end while one
/// of its threads still waits for it. Guarantees: it is told and becomes one incident, which an unmounting ends too; every other probe reads each second, and so do the other file systems; one thread waits and
/// no more; readings come back by themselves; SIGTERM ends the agent within five seconds.
#[test]
fn a_hung_mount_delays_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let collector = Collector::start_with("[contract]\ntime_scale = 10\n");
    let mut rest = Rest::sign_in(&collector, "zhang", "engineer");
    let mut ward = Ward::start(&collector, dir.path());
    let incident = |rest: &mut Rest| {
        let page = rest.get("/api/v1/incidents?cause=storage.mount_unanswered");
        page["incidents"].as_array().unwrap().first().cloned()
    };
    let opened = wait::until("its incident", Duration::from_secs(60), || incident(&mut rest));
    assert!(opened["subject"]["mountpoint"].as_str().unwrap().ends_with("/mnt"), "{opened}");

    // Ten more rounds while it hangs; the first one may have cost its own patience.
    let rounds = "count_over_time(node_filesystem_size_bytes{mountpoint=\"/\"}[30s])";
    wait::until("rounds of the others", Duration::from_secs(30), || {
        value(&mut rest, rounds).filter(|rounds| *rounds >= 10.0)
    });
    let others = "probe!=\"filesystem\"";
    let lag = format!("max(max_over_time(wardround_probe_lag_seconds{{{others}}}[10s]))");
    let missed = format!("max(increase(wardround_probe_overruns_total{{{others}}}[10s]))");
    let failed = format!("min(wardround_probe_success{{{others}}})");
    assert!(value(&mut rest, &lag).unwrap() < 0.5, "{lag}: {:?}", value(&mut rest, &lag));
    assert_eq!(value(&mut rest, &missed), Some(0.0), "{missed}");
    assert_eq!(value(&mut rest, &failed), Some(1.0), "{failed}");
    let own = "increase(wardround_probe_overruns_total{probe=\"filesystem\"}[5s])";
    assert_eq!(value(&mut rest, own), Some(0.0), "{own}");
    let threads = std::fs::read_dir(format!("/proc/{}/task", ward.agent)).unwrap();
    let asking = threads.filter(|thread| {
        let comm = thread.as_ref().unwrap().path().join("comm");
        std::fs::read_to_string(comm).unwrap_or_default().trim() == "statvfs"
    });
    assert_eq!(asking.count(), 1);

    ward.let_answer();
    wait::until("its incident to be clear", Duration::from_secs(30), || {
        (incident(&mut rest)?["condition"] == "clear").then_some(())
    });
    assert_eq!(
        value(&mut rest, "node_filesystem_avail_bytes{fstype=\"fuse.hung\"}"),
        Some(500.0 * 4_096.0)
    );
    drop(ward);

    let again = tempfile::tempdir().unwrap();
    let ward = Ward::start(&collector, again.path());
    let of_the_other = |rest: &mut Rest| {
        let page = rest.get("/api/v1/incidents?cause=storage.mount_unanswered");
        let all = page["incidents"].as_array().unwrap();
        let other = again.path().join("mnt");
        all.iter().find(|i| i["subject"]["mountpoint"] == *other.to_str().unwrap()).cloned()
    };
    wait::until("its incident, too", Duration::from_secs(60), || of_the_other(&mut rest));
    ward.unmount(&again.path().join("mnt"));
    wait::until("its incident to be clear, too", Duration::from_secs(30), || {
        (of_the_other(&mut rest)?["condition"] == "clear").then_some(())
    });
    ward.stop();
}

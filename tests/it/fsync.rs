//! A failed fsync ends the collector: it is never repeated, and nobody is told anything that may not be on disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tests::{binaries, wait};

/// Calls looked at; a start makes some twenty and then one each second.
const CALLS_MAX: u32 = 120;
/// Rooms whose files are made from the ledger, and made again.
const REBUILT: [&str; 2] = ["closed", "checkpoints"];

fn shim(dir: &Path) -> PathBuf {
    let source = binaries::repository().join("tests/it/fail_sync.c");
    let library = dir.join("fail_sync.so");
    let mut cc = Command::new("cc");
    let built = cc.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl").output();
    let built = built.unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    library
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Starts a collector whose `at`-th sync fails. Yields which log it was in, its exit status, and what it said.
fn run(dir: &Path, shim: &Path, at: u32) -> (String, Option<i32>, String) {
    let data = dir.join(format!("data{at}"));
    let config = dir.join(format!("{at}.toml"));
    let text = format!(
        "data_dir = {data:?}\n[agents]\nlisten = \"127.0.0.1:0\"\n[api]\nlisten = \"127.0.0.1:0\"\n"
    );
    std::fs::write(&config, text).unwrap();
    let log = dir.join(format!("log{at}"));
    let mut command = Command::new(binaries::folder().join("wardround-collector"));
    command.arg("--config").arg(&config).arg("serve").stdout(Stdio::null());
    command.env("LD_PRELOAD", shim).env("FAIL_SYNC_AT", at.to_string());
    command.stderr(std::fs::File::create(&log).unwrap());
    let mut running = Running(command.spawn().unwrap());
    let status = wait::until("the collector to end", Duration::from_secs(60), || {
        let ended = running.0.try_wait().unwrap();
        let said = std::fs::read_to_string(&log).unwrap();
        let is_of = |l: &str| REBUILT.iter().any(|room| l.contains(&format!("/{room}")));
        let rebuilt = |l: &str| l.starts_with("sync failed: ") && is_of(l);
        if said.lines().any(rebuilt) { Some(None) } else { ended.map(Some) }
    });
    let said = std::fs::read_to_string(&log).unwrap();
    let path = said.lines().find_map(|l| l.strip_prefix("sync failed: ")).unwrap_or_default();
    let below = Path::new(path).strip_prefix(&data).unwrap_or(Path::new(path));
    let room = below.iter().next().unwrap_or_default().to_string_lossy().into_owned();
    (room, status.and_then(|s| s.code()), said)
}

/// Scenario: the n-th fsync or fdatasync of a starting and then running collector fails with EIO, for every n (in the short
/// run every third) until the journal's sync of a running engine has failed twice.
/// Guarantees: each time the process ends with a status that is not 0 and words that name the sync; no file is synced
/// again after its failure; journal, ledger and settings are among those that failed.
#[test]
fn a_failed_fsync_ends_the_collector() {
    let dir = tempfile::tempdir().unwrap();
    let shim = shim(dir.path());
    let stride = if std::env::var("WARDROUND_TESTS").as_deref() == Ok("long") { 1 } else { 3 };
    let mut rooms: BTreeMap<String, u32> = BTreeMap::new();
    let mut running = 0;
    for at in (1..CALLS_MAX).step_by(stride) {
        let (room, status, said) = run(dir.path(), &shim, at);
        // What can be rebuilt from the ledger need not end the collector.
        if REBUILT.contains(&room.as_str()) {
            continue;
        }
        assert!(status.is_some_and(|code| code != 0), "call {at} in {room}: {status:?}\n{said}");
        // The data folder itself is synced by every room that makes a file in it.
        let again = !room.is_empty() && said.contains("synced again");
        assert!(!again, "call {at} in {room}:\n{said}");
        assert!(said.contains("sync") || said.contains("write"), "call {at} in {room}:\n{said}");
        let is_running = dir.path().join(format!("data{at}/listening")).exists();
        *rooms.entry(room.clone()).or_default() += 1;
        if is_running && room == "journal" {
            assert!(said.contains("sync the journal: stopping"), "call {at}:\n{said}");
            running += 1;
            if running == 2 {
                break;
            }
        }
    }
    println!("{rooms:?}");
    assert_eq!(running, 2, "{rooms:?}");
    for room in ["journal", "ledger", "settings"] {
        assert!(rooms.contains_key(room) || stride > 1, "{room}: {rooms:?}");
    }
}

//! The wall clock is set under running daemons. The machine's own is never touched: a shim shifts what they read.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tests::site::Site;
use tests::wait;

const PORT: &str = "ib.no_active_port";
const HOUR_S: i64 = 3_600;
const TEN_YEARS_S: i64 = 24 * 3_652 * HOUR_S;

/// Adds the seconds in a file to `CLOCK_REALTIME` of every program that loads it.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *shift;

__attribute__((constructor)) static void open_shift(void) {
    int fd = open(getenv("TEST_CLOCK"), O_RDONLY);
    void *page = fd < 0 ? MAP_FAILED : mmap(0, 8, PROT_READ, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) abort();
    shift = page;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && clock == CLOCK_REALTIME && shift) now->tv_sec += *shift;
    return failed;
}
"#;

/// The clock of the daemons under test.
struct TestClock {
    dir: tempfile::TempDir,
    file: File,
}

impl TestClock {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (source, library) = (dir.path().join("clock.c"), dir.path().join("clock.so"));
        std::fs::write(&source, SHIM).unwrap();
        let mut cc = Command::new("cc");
        let status = cc.args(["-O2", "-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
        assert!(status.unwrap().success());
        let clock = Self { file: File::create(dir.path().join("shift")).unwrap(), dir };
        clock.set(0);
        clock
    }

    fn set(&self, shift_s: i64) {
        self.file.write_all_at(&shift_s.to_ne_bytes(), 0).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// How many batches the journal of the collector holds.
fn batches(site: &Site) -> u64 {
    let books = tests::books::read(&site.collector_data().join("journal"));
    books.batches.values().map(|seqs| seqs.len() as u64).sum()
}

/// Waits until another few rounds were taken.
fn sampling_goes_on(site: &Site) {
    let before = batches(site);
    wait::until("more rounds", Duration::from_secs(90), || {
        (batches(site) > before + 3).then_some(())
    });
}

fn certificate(site: &Site, node: &str) -> Vec<u8> {
    let dir = site.dir().join(node);
    let mut files: Vec<PathBuf> = walk(&dir);
    files.retain(|f| f.extension().is_some_and(|e| e == "crt" || e == "pem" || e == "key"));
    files.sort();
    assert!(!files.is_empty(), "no certificate in {}", dir.display());
    files.iter().flat_map(|f| std::fs::read(f).unwrap()).collect()
}

fn walk(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Scenario: an incident is open; the wall clock of the collector and the agent is set an hour forward, an hour back and ten years
/// forward, and each time back to what it was. Guarantees: the incident keeps its due times and misses none; each step is a
/// finding and a stored sample; sampling goes on, over the ten years from the spool at the latest when they are
/// over; the incident ends when the port is up; and the node keeps its key and its certificate.
#[test]
fn the_clock_may_be_set() {
    let clock = TestClock::new();
    let (library, shift) = (clock.path("clock.so"), clock.path("shift"));
    let env = [("LD_PRELOAD", library.to_str().unwrap()), ("TEST_CLOCK", shift.to_str().unwrap())];
    let mut site = Site::start("127.0.0.1", "", &env);
    site.agent("db1", &[]);
    site.set_port("db1", false);
    let before = site.incident(PORT, "db1", |i| i.condition == "breached");
    let kept = certificate(&site, "db1");
    for (steps, shift_s) in (1..).zip([HOUR_S, 0, -HOUR_S, 0, TEN_YEARS_S, 0]) {
        clock.set(shift_s);
        wait::until("the step to be noticed", Duration::from_secs(30), || {
            let said = |log: &str, words: &str| site.log(log).matches(words).count() >= steps;
            (said("collector", "the collector's clock was set")
                && said("db1", "the wall clock was set"))
            .then_some(())
        });
        wait::until("the finding of the step", Duration::from_secs(30), || {
            let found = site.findings("time.clock_step");
            found
                .iter()
                .any(|f| f.subject["host"] == "collector" && f.condition == "breached")
                .then_some(())
        });
        if shift_s != TEN_YEARS_S {
            sampling_goes_on(&site);
        }
        let now = site.incident(PORT, "db1", |_| true);
        assert_eq!((&now.id, &now.state, &now.clocks), (&before.id, &before.state, &before.clocks));
        println!("clock set to {shift_s} s: {:?}", now.clocks["response_due"]);
    }
    assert_eq!(certificate(&site, "db1"), kept);
    for line in site.log("db1").lines().filter(|l| l.contains("WARN") || l.contains("session")) {
        println!("agent: {line}");
    }
    site.set_port("db1", true);
    let ended = site.incident(PORT, "db1", |i| i.condition == "clear");
    assert_eq!(ended.clocks, before.clocks);
    let query =
        "/prometheus/api/v1/query?query=max_over_time(wardround_clock_step_seconds%5B1h%5D)";
    let answer: serde_json::Value = site.get(query).unwrap();
    let series = answer["data"]["result"].as_array().unwrap().clone();
    let of_collector = series.iter().find(|s| s["metric"]["host"] == "collector").unwrap();
    let largest: f64 = of_collector["value"][1].as_str().unwrap().parse().unwrap();
    assert!(largest > 1e8, "{series:?}");
    assert_eq!(site.incidents("time.clock_skew"), []);
    assert_eq!(site.incidents("monitoring.node_silent"), []);
    tests::books::read(&site.collector_data().join("journal")).expect_each_once();
}

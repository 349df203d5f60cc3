//! The probe `processes` over several rounds.

use crate::round::{clock, round, value};
use agent_probe::{HostRoot, Sink};
use agent_probes::Context;
use shared_model::SimClock;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

const LONGEST: &str = "wardround_processes_uninterruptible_seconds_max";

/// Scenario: a process hangs in state D over several rounds, another takes its id, it wakes up. Guarantees: the time is
/// counted from the first sight, starts anew for another process, and is 0 without a hanging one.
#[test]
fn hanging_processes_are_timed() {
    let tree = tempfile::tempdir().expect("a folder");
    let folder = tree.path().join("proc/7");
    fs::create_dir_all(&folder).expect("a folder");
    let clock = clock();
    let context = Context::new(HostRoot::at(tree.path()), Arc::<SimClock>::clone(&clock));
    let mut probe = agent_probes::by_name(&context, "processes").expect("a probe");
    let mut sink = Sink::default();
    for (state, start, expected) in [
        ('S', 100, 0.0),
        ('D', 100, 0.0),
        ('D', 100, 5.0),
        ('D', 100, 10.0),
        ('D', 200, 0.0),
        ('D', 200, 5.0),
        ('R', 200, 0.0),
        ('D', 200, 0.0),
    ] {
        let line =
            format!("7 (a ) D (b)) {state} 1 7 7 0 -1 64 0 0 0 0 1 2 0 0 20 0 3 0 {start} 0 0\n");
        fs::write(folder.join("stat"), line).expect("a file");
        let (_, samples) = round(&mut *probe, &mut sink);
        assert_eq!(value(&samples, LONGEST), Some(expected), "{state} {start}");
        assert_eq!(
            value(&samples, &format!("node_processes_state{{state=\"{state}\"}}")),
            Some(1.0)
        );
        assert_eq!(value(&samples, "node_processes_threads"), Some(3.0));
        clock.advance(Duration::from_secs(5));
    }
}

/// Scenario: two processes of the database and one of another program; one ends and is followed by a new one; then all are
/// gone. Guarantees: only the database's count, its CPU time never falls, descriptors are held against the limit of their
/// own process, and what is gone is 0.
#[test]
fn processes_of_the_database_are_taken_together() {
    let tree = tempfile::tempdir().expect("a folder");
    let put = |pid: u32, name: &str, ticks: u32, pages: u32, start: u32| {
        let folder = tree.path().join(format!("proc/{pid}"));
        fs::create_dir_all(folder.join("fd")).expect("a folder");
        let line = format!(
            "{pid} ({name}) S 1 7 7 0 -1 64 0 0 0 0 {ticks} 5 0 0 20 0 3 0 {start} 4096 {pages} 0\n"
        );
        fs::write(folder.join("stat"), line).expect("a file");
        let limits = "Limit Soft Hard Units\nMax open files            4       8       files\n";
        fs::write(folder.join("limits"), limits).expect("a file");
        fs::write(folder.join("cgroup"), "0::/system.slice/db.service\n").expect("a file");
    };
    put(7, "postgres", 95, 10, 100);
    put(8, "postgres", 195, 20, 200);
    put(9, "postgresqld", 5, 1, 100);
    for fd in 0..3 {
        fs::write(tree.path().join(format!("proc/8/fd/{fd}")), "").expect("a file");
    }
    let cgroup = tree.path().join("sys/fs/cgroup/system.slice/db.service");
    fs::create_dir_all(&cgroup).expect("a folder");
    for (name, text) in [
        ("memory.current", "1000\n"),
        ("memory.stat", "anon 500\ninactive_file 300\n"),
        ("memory.max", "2000\n"),
    ] {
        fs::write(cgroup.join(name), text).expect("a file");
    }
    let mut probe = crate::round::probe(tree.path(), "processes");
    let mut sink = Sink::default();
    let of = |samples: &crate::round::Samples, what: &str| {
        value(samples, &format!("wardround_process_group_{what}{{group=\"postgres\"}}"))
    };
    let (_, samples) = round(&mut *probe, &mut sink);
    let page = rustix::param::page_size() as f64;
    for (what, expected) in [
        ("processes", 2.0),
        ("resident_bytes", 30.0 * page),
        ("cpu_seconds_total", 3.0),
        ("open_fds", 3.0),
        ("fds_ratio_max", 0.75),
        ("memory_bytes", 700.0),
        ("memory_limit_bytes", 2000.0),
    ] {
        assert_eq!(of(&samples, what), Some(expected), "{what}");
    }
    assert!(!samples.keys().any(|labels| labels.get("group") == Some("oracle")));
    fs::remove_dir_all(tree.path().join("proc/8")).expect("a folder");
    put(10, "postgres", 45, 5, 300);
    put(7, "postgres", 145, 10, 100);
    let (_, samples) = round(&mut *probe, &mut sink);
    assert_eq!(of(&samples, "cpu_seconds_total"), Some(4.0));
    for pid in [7, 10] {
        fs::remove_dir_all(tree.path().join(format!("proc/{pid}"))).expect("a folder");
    }
    let (_, samples) = round(&mut *probe, &mut sink);
    assert_eq!(of(&samples, "processes"), Some(0.0));
    assert_eq!(of(&samples, "cpu_seconds_total"), Some(4.0));
    assert_eq!(of(&samples, "resident_bytes"), None);
}

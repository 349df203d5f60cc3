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

//! The probes on the host that runs the tests.

use crate::round::{clock, round};
use agent_probe::{HostRoot, Outcome, Sink};
use agent_probes::Context;

/// Scenario: two rounds of every probe on the live host. Guarantees: none fails, counters do not fall, and file systems
/// are consistent in themselves.
#[test]
fn live_host_is_sampled() {
    let mut context = Context::new(HostRoot::live(), clock());
    context.filesystem_exclude = vec!["/boot".to_owned()];
    for mut probe in agent_probes::all(&context) {
        let name = probe.spec().name;
        let mut sink = Sink::default();
        let (outcome, first) = round(&mut *probe, &mut sink);
        assert!(!matches!(outcome, Outcome::Failed(_)), "{name}: {outcome:?}");
        let (_, second) = round(&mut *probe, &mut sink);
        for (labels, value) in first.iter().filter(|(labels, _)| labels.name().ends_with("_total"))
        {
            assert!(second.get(labels).is_none_or(|later| later >= value), "{labels} fell");
        }
        if name == "filesystem" {
            for (labels, avail) in
                first.iter().filter(|(l, _)| l.name() == "node_filesystem_avail_bytes")
            {
                let free = first.get(&labels.with("__name__", "node_filesystem_free_bytes"));
                let size = first.get(&labels.with("__name__", "node_filesystem_size_bytes"));
                assert!(Some(avail) <= free && free <= size, "{labels}");
                assert!(labels.get("mountpoint").is_some_and(|point| !point.starts_with("/boot")));
            }
        }
        if ["uname", "inventory", "cpu", "meminfo"].contains(&name) {
            assert!(!first.is_empty(), "{name}");
        }
    }
}

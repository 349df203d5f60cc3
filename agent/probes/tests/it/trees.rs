//! The project's own trees against their goldens.

use crate::round::{first_round, fixture, print};
use agent_probe::Outcome;
use agent_probes::NAMES;
use std::fs;

fn all_probes_on(tree: &str) -> String {
    let mut printed = String::new();
    for name in NAMES {
        let (outcome, samples) = first_round(&fixture(tree), name);
        assert!(matches!(outcome, Outcome::Sampled | Outcome::Absent(_)), "{name}: {outcome:?}");
        printed += &print(&samples);
    }
    printed
}

/// Scenario: every probe on the captured and on the written tree. Guarantees: exactly the golden's series and values.
#[test]
fn trees_give_their_goldens() {
    for tree in ["captured", "infiniband", "parts"] {
        let expected = fs::read_to_string(fixture(&format!("{tree}.prom"))).unwrap_or_default();
        let found = all_probes_on(tree);
        let differing =
            expected.lines().zip(found.lines()).find(|(expected, found)| expected != found);
        assert!(expected == found, "{tree}: first difference {differing:?}\n{found}");
    }
}

/// Scenario: the list of probes. Guarantees: names are unique and are those in the specs, every metric has a help, a
/// source, and the prefix of the peer or ours, and no metric belongs to two probes.
#[test]
fn probes_describe_themselves() {
    let context = agent_probes::Context::new(
        agent_probe::HostRoot::at(fixture("captured")),
        crate::round::clock(),
    );
    let mut seen = std::collections::BTreeSet::new();
    for (probe, name) in agent_probes::all(&context).iter().zip(NAMES) {
        let spec = probe.spec();
        assert_eq!((spec.name, spec.job), (*name, "node"));
        assert!(spec.default_timeout <= spec.default_interval, "{name}");
        assert!(seen.insert(*name), "{name} twice");
        for metric in probe.metrics() {
            assert!(seen.insert(metric.name), "{} twice", metric.name);
            assert!(
                metric.name.starts_with("node_") || metric.name.starts_with("wardround_"),
                "{}",
                metric.name
            );
            assert!(metric.help.ends_with('.') && !metric.source.is_empty(), "{}", metric.name);
        }
    }
    assert!(agent_probes::by_name(&context, "no_such_probe").is_none());
}

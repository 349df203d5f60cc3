//! Parts of the machine: exchanged ones are noticed, and disks are asked seldom.

use crate::round::{Samples, clock, copy, first_round, round, value};
use agent_probe::{HostRoot, Outcome, Sink};
use agent_probes::Context;
use shared_model::SimClock;
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

fn fingerprints(samples: &Samples) -> BTreeMap<String, u64> {
    let of = |(labels, value): (&shared_model::Labels, &f64)| {
        (labels.name() == "wardround_parts_fingerprint")
            .then(|| (labels.get("part").unwrap_or_default().to_owned(), value.to_bits()))
    };
    samples.iter().filter_map(of).collect()
}

/// Scenario: nothing changes, then one thing of each kind. Guarantees: the same fingerprints, then another one for exactly
/// the kind that changed.
#[test]
fn an_exchanged_part_changes_its_kind_only() {
    let tree = copy("parts");
    let before = fingerprints(&first_round(tree.path(), "parts").1);
    assert_eq!(before, fingerprints(&first_round(tree.path(), "parts").1));
    for (file, content, kind) in [
        ("sys/class/dmi/id/product_serial", "SN0002\n", "serial"),
        ("sys/class/dmi/id/bios_version", "2.2.0\n", "firmware"),
        ("sys/class/nvme/nvme0/firmware_rev", "7.2.23\n", "firmware"),
        ("sys/block/sdaa/size", "4096\n", "disk"),
        ("proc/cpuinfo", "processor\t: 0\nmodel name\t: Example CPU 2.0GHz\n", "processor"),
    ] {
        let tree = copy("parts");
        fs::write(tree.path().join(file), content).expect("a file");
        let after = fingerprints(&first_round(tree.path(), "parts").1);
        let changed: Vec<_> = after.iter().filter(|(k, v)| before.get(*k) != Some(*v)).collect();
        assert_eq!(changed.len(), 1, "{file}: {changed:?}");
        assert!(changed.iter().all(|(changed, _)| *changed == kind), "{file}: {changed:?}");
    }
}

/// Scenario: a disk's report changes after a minute, then cannot be had any more. Guarantees: the disk is asked again after
/// five minutes only, the old answer is given with its age until then, a refusal is told, and after 15 minutes nothing old is
/// said.
#[test]
fn disks_are_asked_seldom() {
    let tree = copy("parts");
    let clock: Arc<SimClock> = clock();
    let context = Context::new(HostRoot::at(tree.path()), Arc::<SimClock>::clone(&clock));
    let mut probe = agent_probes::by_name(&context, "smart").expect("a probe");
    let mut sink = Sink::default();
    let report = tree.path().join("programs/smartctl-dev-sdb");
    let text = fs::read_to_string(&report).expect("a file");
    let refused = r#"{"smartctl":{"exit_status":2,"messages":[{"string":"open failed"}]}}"#;
    let hotter = text.replace("\"current\": 31", "\"current\": 45");
    let mut last = 0;
    for (minute, content, temperature, age, is_refused) in [
        (0, &text, Some(31.0), Some(0.0), false),
        (1, &hotter, Some(31.0), Some(60.0), false),
        (4, &hotter, Some(31.0), Some(240.0), false),
        (5, &hotter, Some(45.0), Some(0.0), false),
        (10, &refused.to_owned(), Some(45.0), Some(300.0), true),
        (11, &refused.to_owned(), Some(45.0), Some(360.0), false),
        (20, &refused.to_owned(), None, None, true),
    ] {
        clock.advance(Duration::from_secs((minute - last) * 60));
        last = minute;
        fs::write(&report, content).expect("a file");
        let (outcome, samples) = round(&mut *probe, &mut sink);
        assert_eq!(matches!(outcome, Outcome::Partial(_)), is_refused, "{minute}: {outcome:?}");
        let of = |name: &str| value(&samples, &format!("wardround_smart_{name}{{device=\"sdb\"}}"));
        assert_eq!(of("temperature_celsius"), temperature, "{minute}");
        assert_eq!(of("report_age_seconds"), age, "{minute}");
    }
}

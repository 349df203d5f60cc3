//! The probe `infiniband` on variants of the written tree.

use crate::round::{Samples, clock, copy, first_round, fixture, probe, round, value};
use agent_probe::{HostRoot, Outcome, Sink};
use agent_probes::Context;
use std::fs;
use std::path::{Path, PathBuf};

const PORT: &str = "sys/class/infiniband/mlx5_0/ports/1";

/// A round on the written tree with some files changed.
fn round_with(changes: &[(&str, &str)]) -> (Outcome, Samples) {
    let tree = copy("infiniband");
    for (file, content) in changes {
        fs::write(tree.path().join(PORT).join(file), content).expect("a file");
    }
    first_round(tree.path(), "infiniband")
}

fn of_port(samples: &Samples, metric: &str) -> Option<f64> {
    value(samples, &format!("{metric}{{device=\"mlx5_0\",port=\"1\"}}"))
}

fn saturated(samples: &Samples, counter: &str) -> Option<f64> {
    let series = format!(
        "wardround_infiniband_counter_saturated{{counter=\"{counter}\",device=\"mlx5_0\",port=\"1\"}}"
    );
    value(samples, &series)
}

/// Scenario: a port is down, waits for a subnet manager, or came up with one lane. Guarantees: state, physical state and
/// rate say so.
#[test]
fn link_faults_show() {
    for (state, physical, rate, expected) in [
        ("4: ACTIVE\n", "5: LinkUp\n", "100 Gb/sec (4X EDR)\n", (4.0, 5.0, 12.5e9)),
        ("1: DOWN\n", "3: Disabled\n", "10 Gb/sec (4X SDR)\n", (1.0, 3.0, 1.25e9)),
        ("2: INIT\n", "5: LinkUp\n", "100 Gb/sec (4X EDR)\n", (2.0, 5.0, 12.5e9)),
        ("4: ACTIVE\n", "5: LinkUp\n", "25 Gb/sec (1X EDR)\n", (4.0, 5.0, 3.125e9)),
    ] {
        let (outcome, samples) =
            round_with(&[("state", state), ("phys_state", physical), ("rate", rate)]);
        assert!(matches!(outcome, Outcome::Sampled), "{outcome:?}");
        let found = (
            of_port(&samples, "node_infiniband_state_id"),
            of_port(&samples, "node_infiniband_physical_state_id"),
            of_port(&samples, "node_infiniband_rate_bytes_per_second"),
        );
        assert_eq!(found, (Some(expected.0), Some(expected.1), Some(expected.2)), "{state}");
    }
}

/// Scenario: counters of each width just below, at and above all-ones, and unreadable. Guarantees: saturated at all-ones
/// only, and nothing said without a number.
#[test]
fn saturation_is_exact() {
    for (counter, highest) in [
        ("local_link_integrity_errors", 15_u64),
        ("link_downed", 255),
        ("symbol_error", 65_535),
        ("port_xmit_wait", 4_294_967_295),
    ] {
        let file = format!("counters/{counter}");
        for (content, expected) in [
            ((highest - 1).to_string(), Some(0.0)),
            (highest.to_string(), Some(1.0)),
            ((highest + 1).to_string(), Some(0.0)),
            ("N/A (no PMA)".to_owned(), None),
            ("65535 errors".to_owned(), None),
        ] {
            let (_, samples) = round_with(&[(&file, &content)]);
            assert_eq!(saturated(&samples, counter), expected, "{counter} = {content}");
        }
    }
    let (_, samples) = round_with(&[]);
    assert_eq!(saturated(&samples, "port_xmit_data"), None);
}

/// Scenario: single files are missing or hold something else. Guarantees: only that reading is lost; a missing counter
/// or text is no complaint, a missing state or garbage is.
#[test]
fn one_bad_file_costs_one_reading() {
    let whole = first_round(&fixture("infiniband"), "infiniband").1.len();
    for (file, lost, complains) in [
        ("../../fw_ver", 1, false),
        ("../../board_id", 1, false),
        ("counters/port_rcv_data", 1, false),
        ("counters/symbol_error", 2, false),
        ("hw_counters/lifespan", 1, false),
        ("lid", 1, false),
        ("sm_lid", 1, false),
        ("link_layer", 1, false),
        ("state", 1, true),
        ("rate", 1, true),
    ] {
        let tree = copy("infiniband");
        let path = tree.path().join(PORT).join(file);
        fs::remove_file(&path).expect("a file");
        let (outcome, samples) = first_round(tree.path(), "infiniband");
        // A missing text changes the labels of the info series and takes none away.
        let expected = if file.starts_with("..") { whole } else { whole - lost };
        assert_eq!(samples.len(), expected, "without {file}");
        assert_eq!(
            matches!(outcome, Outcome::Partial(_)),
            complains,
            "without {file}: {outcome:?}"
        );
        if !file.starts_with("..") {
            fs::write(&path, b"\xff\x00 nonsense").expect("a file");
            let (outcome, samples) = first_round(tree.path(), "infiniband");
            assert_eq!(samples.len(), whole - lost, "garbage in {file}");
            assert!(
                matches!(&outcome, Outcome::Partial(errors) if errors.len() == 1),
                "{file}: {outcome:?}"
            );
        }
    }
}

/// Scenario: an adapter without the folders of counters, a class folder without adapters. Guarantees: the port is still
/// sampled; no adapter is absent, not failed.
#[test]
fn missing_folders_are_no_failure() {
    let tree = copy("infiniband");
    for folder in ["counters", "hw_counters"] {
        fs::remove_dir_all(tree.path().join(PORT).join(folder)).expect("a folder");
    }
    let (outcome, samples) = first_round(tree.path(), "infiniband");
    assert!(matches!(outcome, Outcome::Sampled), "{outcome:?}");
    assert_eq!(samples.len(), 10);
    fs::remove_dir_all(tree.path().join("sys/class/infiniband/mlx5_0")).expect("a folder");
    let (outcome, samples) = first_round(tree.path(), "infiniband");
    assert!(matches!(outcome, Outcome::Absent(_)), "{outcome:?}");
    assert!(samples.is_empty());
}

fn copy_port(tree: &Path, number: &str) -> PathBuf {
    let port = tree.join("sys/class/infiniband/mlx5_0/ports").join(number);
    fs::create_dir(&port).expect("a folder");
    for file in ["state", "phys_state", "rate"] {
        fs::copy(tree.join(PORT).join(file), port.join(file)).expect("a copy");
    }
    port
}

/// Scenario: a second port appears while the probe runs and goes away again. Guarantees: it is seen within ten rounds
/// and forgotten within ten rounds, the first port never misses a round.
#[test]
fn ports_come_and_go() {
    let tree = copy("infiniband");
    let mut probe = probe(tree.path(), "infiniband");
    let mut sink = Sink::default();
    let second = "node_infiniband_state_id{device=\"mlx5_0\",port=\"2\"}";
    let mut rounds_until = |seen: bool| {
        (1..=20).find(|_| {
            let (_, samples) = round(&mut *probe, &mut sink);
            assert_eq!(of_port(&samples, "node_infiniband_state_id"), Some(4.0));
            value(&samples, second).is_some() == seen
        })
    };
    assert_eq!(rounds_until(false), Some(1));
    let port = copy_port(tree.path(), "2");
    assert!(rounds_until(true).is_some_and(|rounds| rounds <= 10));
    fs::remove_dir_all(port).expect("a folder");
    assert!(rounds_until(false).is_some_and(|rounds| rounds <= 10));
}

/// Scenario: the InfiniBand tree is somewhere else than the rest. Guarantees: it is read from there, the rest is not.
#[test]
fn infiniband_can_have_its_own_root() {
    let mut context = Context::new(HostRoot::at(fixture("captured")), clock());
    context.infiniband_root = Some(HostRoot::at(fixture("infiniband")));
    for (name, expected) in [("infiniband", "node_infiniband_info"), ("loadavg", "node_load1")] {
        let mut probe = agent_probes::by_name(&context, name).expect("a probe");
        let (outcome, samples) = round(&mut *probe, &mut Sink::default());
        assert!(matches!(outcome, Outcome::Sampled), "{outcome:?}");
        assert!(samples.keys().any(|labels| labels.name() == expected), "{name}");
    }
}

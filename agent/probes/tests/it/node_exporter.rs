//! The probes on node_exporter's own fixture tree against node_exporter's own expected output.
//!
//! The tree is third-party data and stays outside the project: without it this test says so and checks nothing.

use crate::round::{Samples, first_round, probe};
use shared_model::{Labels, NAME};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Probe, prefixes of the peer's families that belong to it, prefixes among those that do not.
const FAMILIES: &[(&str, &[&str], &[&str])] = &[
    ("cpu", &["node_cpu_"], &["node_cpu_scaling", "node_cpu_vulnerabilities"]),
    (
        "stat",
        &[
            "node_boot_",
            "node_context_",
            "node_forks_",
            "node_intr_",
            "node_procs_",
            "node_softirqs_total",
        ],
        &[],
    ),
    ("meminfo", &["node_memory_"], &["node_memory_numa_"]),
    ("loadavg", &["node_load"], &[]),
    ("pressure", &["node_pressure_"], &[]),
    ("diskstats", &["node_disk_"], &[]),
    ("infiniband", &["node_infiniband_"], &[]),
    ("filefd", &["node_filefd_"], &[]),
    ("processes", &["node_processes_"], &[]),
    ("time", &["node_time_"], &[]),
    ("mdadm", &["node_md_"], &[]),
    ("nvme", &["node_nvme_"], &[]),
    ("dmmultipath", &["node_dmmultipath_"], &[]),
    ("fibrechannel", &["node_fibrechannel_"], &[]),
    ("dmi", &["node_dmi_"], &[]),
    // The tree has no /proc/net/dev: the peer asked the kernel of the machine that made the output.
    (
        "netdev",
        &["node_network_receive_", "node_network_transmit_"],
        &["node_network_transmit_queue_length"],
    ),
];

/// Ours that the peer's output leaves out on purpose because it changes with every run.
const VOLATILE: &[&str] = &["node_time_seconds"];

/// Scenario: every probe that node_exporter has too, on its tree. Guarantees: for each series that we take the same
/// labels and the same value to the last bit, and no series that it does not have.
#[test]
fn values_agree_with_node_exporter() {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/fixtures/node_exporter.tar.zst");
    if !archive.exists() {
        println!("skipped: no {}", archive.display());
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let unpack = Command::new("tar")
        .args(["-I", "zstd", "-xf"])
        .arg(&archive)
        .arg("-C")
        .arg(folder.path())
        .status();
    assert!(unpack.is_ok_and(|status| status.success()), "unpack {}", archive.display());
    let tree = folder.path().join("node_exporter");
    let expected = read_exposition(
        &fs::read_to_string(tree.join("e2e-output.txt")).expect("the peer's output"),
    );
    println!("{:12} {:>7} {:>9} {:>9}", "probe", "agreed", "different", "not taken");
    let mut differences = Vec::new();
    let mut taken_in_all = 0;
    for (name, prefixes, others) in FAMILIES {
        let (_, ours) = first_round(&tree, name);
        let declared: Vec<_> =
            probe(&tree, name).metrics().iter().map(|metric| metric.name).collect();
        let starts = |labels: &Labels, with: &[&str]| {
            with.iter().any(|prefix| labels.name().starts_with(prefix))
        };
        let family = expected
            .iter()
            .filter(|(labels, _)| starts(labels, prefixes) && !starts(labels, others));
        let is_taken = |labels: &Labels| declared.contains(&labels.name()) && *name != "netdev";
        let (taken, not_taken): (Vec<_>, Vec<_>) = family.partition(|(labels, _)| is_taken(labels));
        let before = differences.len();
        for (labels, value) in &taken {
            let found = ours.get(labels);
            if found.map(|found| found.to_bits()) != Some(value.to_bits()) {
                differences.push(format!("{labels}: theirs {value}, ours {found:?}"));
            }
        }
        for labels in ours.keys().filter(|labels| labels.name().starts_with("node_")) {
            if !VOLATILE.contains(&labels.name()) && !expected.contains_key(labels) {
                differences.push(format!("{labels}: ours only"));
            }
        }
        let different = differences.len() - before;
        println!(
            "{name:12} {:>7} {different:>9} {:>9}",
            taken.len() - different.min(taken.len()),
            not_taken.len()
        );
        taken_in_all += taken.len();
    }
    assert!(taken_in_all > 400, "only {taken_in_all} series compared");
    assert!(differences.is_empty(), "{differences:#?}");
}

/// Reads the text exposition format as far as the peer's output uses it.
fn read_exposition(text: &str) -> Samples {
    let samples = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    samples.map(|line| read_sample(line).expect("a sample")).collect()
}

fn read_sample(line: &str) -> Option<(Labels, f64)> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, mut rest) = series.split_once('{').unwrap_or((series, "}"));
    let mut labels = vec![(NAME.to_owned(), name.to_owned())];
    while let Some((label, behind)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut chars = behind.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at + 1,
                (_, '\\') => match chars.next()?.1 {
                    'n' => value.push('\n'),
                    c => value.push(c),
                },
                (_, c) => value.push(c),
            }
        };
        labels.push((label.to_owned(), value));
        rest = behind.get(end..)?.trim_start_matches(',');
    }
    Some((Labels::from_pairs(labels), value.parse().ok()?))
}

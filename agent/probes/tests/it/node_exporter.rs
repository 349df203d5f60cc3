//! The probes on node_exporter's own fixture tree against node_exporter's own expected output.
//!
//! The tree is third-party data and stays outside the project: without it this test says so and checks nothing.

use crate::reference;
use crate::round::{Samples, first_round};
use shared_model::{Labels, NAME};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A family of the peer's series: its name, whether the maintenance standard's appliance needs it, the probes that take
/// it, prefixes of its metrics, and prefixes among those that belong to another family. One line here adds one.
type Family =
    (&'static str, Need, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

#[derive(Clone, Copy, PartialEq)]
enum Need {
    /// At least 95 % of the peer's samples must be ours too.
    Full,
    /// Taken as far as it serves.
    Part,
}
use Need::{Full, Part};

const FAMILIES: &[Family] = &[
    ("cpu", Full, &["cpu", "cpu_info", "cpufreq"], &["node_cpu_"], &[]),
    ("memory", Full, &["meminfo", "meminfo_numa"], &["node_memory_"], &[]),
    ("load", Full, &["loadavg"], &["node_load"], &[]),
    ("pressure", Full, &["pressure"], &["node_pressure_"], &[]),
    ("vmstat", Full, &["vmstat"], &["node_vmstat_"], &[]),
    ("processes", Full, &["processes"], &["node_processes_"], &[]),
    ("filefd", Full, &["filefd"], &["node_filefd_"], &[]),
    ("disk", Full, &["diskstats"], &["node_disk_"], &[]),
    ("infiniband", Full, &["infiniband"], &["node_infiniband_"], &[]),
    (
        "network",
        Full,
        &["netclass"],
        &["node_network_"],
        &["node_network_receive_", "node_network_transmit_"],
    ),
    ("network queue", Full, &["netclass"], &["node_network_transmit_queue_length"], &[]),
    ("bonding", Full, &["bonding"], &["node_bonding_"], &[]),
    ("netstat", Full, &["netstat"], &["node_netstat_"], &[]),
    ("sockstat", Full, &["sockstat"], &["node_sockstat_"], &[]),
    ("edac", Full, &["edac"], &["node_edac_"], &[]),
    ("hwmon", Full, &["hwmon"], &["node_hwmon_"], &[]),
    ("thermal_zone", Full, &["thermal_zone"], &["node_thermal_", "node_cooling_"], &[]),
    ("watchdog", Full, &["watchdog"], &["node_watchdog_"], &[]),
    ("pcidevice", Full, &["pcidevice"], &["node_pcidevice_"], &[]),
    ("kernel_hung", Full, &["kernel_hung"], &["node_kernel_hung_"], &[]),
    ("conntrack", Full, &["conntrack"], &["node_nf_conntrack_"], &[]),
    ("arp", Full, &["arp"], &["node_arp_"], &[]),
    ("schedstat", Full, &["schedstat"], &["node_schedstat_"], &[]),
    ("softnet", Part, &["softnet"], &["node_softnet_"], &[]),
    (
        "stat",
        Full,
        &["stat"],
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
    ("time", Full, &["time"], &["node_time_"], &["node_time_zone_"]),
    ("md", Full, &["mdadm"], &["node_md_"], &[]),
    ("nvme", Full, &["nvme"], &["node_nvme_"], &[]),
    ("dmmultipath", Full, &["dmmultipath"], &["node_dmmultipath_"], &[]),
    ("fibrechannel", Full, &["fibrechannel"], &["node_fibrechannel_"], &[]),
    ("dmi", Full, &["dmi"], &["node_dmi_"], &[]),
    // The tree has no /proc/net/dev: the peer asked the kernel of the machine that made the output for `lo`.
    (
        "netdev",
        Part,
        &["netdev"],
        &["node_network_receive_", "node_network_transmit_"],
        &["node_network_transmit_queue_length"],
    ),
];

/// Series (as they are printed, up to a place) in which we differ on purpose, whichever side has them, and why.
const DIFFERENT: &[(&str, &str)] = &[
    ("node_time_seconds", "the time of the run itself"),
    (
        "node_softnet_backlog_len",
        "the tree's kernel has no such column: the peer says 0, we leave out what is not known",
    ),
    (
        "node_arp_entries{device=\"nope\"",
        "the peer's run was told to leave this device out; we leave out none",
    ),
    ("DEVICE=dmz", "the peer's run was told to leave this device out; we leave out none"),
    ("DEVICE=int", "the peer's run was told to leave this device out; we leave out none"),
    (
        "node_hwmon_chip_names{chip=\"platform_bogus_0\"",
        "the peer's run was told to leave this chip out; we leave out none",
    ),
    (
        "node_hwmon_chip_names{chip=\"bogus\"",
        "the peer's run was told to leave this chip out; we leave out none",
    ),
    (
        "node_network_receive_",
        "readings of the machine on which the peer ran: the tree has no /proc/net/dev",
    ),
    (
        "node_network_transmit_",
        "readings of the machine on which the peer ran: the tree has no /proc/net/dev",
    ),
];

/// The peer's families that no probe takes, and why.
const NOT_TAKEN: &[(&str, &str)] = &[
    ("node_bcache_", "no appliance of the standard has it"),
    ("node_bcachefs_", "no appliance of the standard has it"),
    ("node_btrfs_", "no appliance of the standard has it"),
    ("node_buddyinfo_", "fragmentation of free memory: no clause asks for it"),
    ("node_cgroups_", "number of control groups: no clause asks for it"),
    ("node_drbd_", "no appliance of the standard has it"),
    ("node_entropy_", "constant since Linux 5.18"),
    ("node_exporter_", "about node_exporter itself"),
    (
        "node_interrupts_",
        "a series for each interrupt and CPU, thousands on a large node; the sums are in stat",
    ),
    ("node_ipvs_", "no appliance of the standard has it"),
    ("node_ksmd_", "no appliance of the standard has it"),
    ("node_lnstat_", "counters for each CPU; conntrack has their sums"),
    ("node_mountstats_", "NFS clients: no appliance of the standard has them"),
    ("node_nfs", "NFS: no appliance of the standard has it"),
    ("node_os_", "the probe inventory takes it, with names of its own"),
    ("node_power_", "batteries of portable computers"),
    ("node_qdisc_", "needs netlink; no clause asks for it"),
    ("node_rapl_", "readable by root only since Linux 5.10"),
    ("node_scrape_", "about node_exporter itself"),
    ("node_slabinfo_", "readable by root only; the sums are in meminfo"),
    ("node_softirqs_functions_", "a series for each kind and CPU; the sums are in stat"),
    ("node_sysctl_", "settings chosen by flags of node_exporter"),
    ("node_tape_", "no appliance of the standard has it"),
    ("node_textfile_", "files that others write are no source of the agent"),
    ("node_time_zone_", "the collector has its own time zone"),
    ("node_udp_", "queue lengths of sockets: no clause asks for it"),
    ("node_wifi_", "no appliance of the standard has it"),
    ("node_xfrm_", "no appliance of the standard has it"),
    ("node_xfs_", "internals of a file system: no clause asks for it"),
    ("node_zfs_", "no appliance of the standard has it"),
    ("node_zoneinfo_", "internals of memory zones: no clause asks for it"),
];

/// What was found in one family.
#[derive(Default)]
struct Found {
    samples: usize,
    agreed: usize,
    /// By reason.
    different: BTreeMap<&'static str, usize>,
    undeclared: Vec<String>,
}

/// Scenario: every probe that node_exporter has too, on its tree. Guarantees: of each family that an appliance needs at
/// least 95 % of its samples are ours with the same labels and the same value to the last bit; every other difference,
/// and every series that only we have, is declared with a reason; the reference page says so.
#[test]
fn values_agree_with_node_exporter() {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/fixtures/node_exporter.tar.zst");
    if !archive.exists() {
        println!("skipped: no {}", archive.display());
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let tree = unpack(&archive, folder.path());
    let expected = read_exposition(
        &fs::read_to_string(tree.join("e2e-output.txt")).expect("the peer's output"),
    );
    let mut page = String::from(PAGE_HEAD);
    let mut taken = BTreeSet::new();
    let mut reasons: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut failures = Vec::new();
    for family @ (name, need, probes, ..) in FAMILIES {
        let theirs: Samples = expected
            .iter()
            .filter(|(labels, _)| is_of(family, labels))
            .map(|(labels, value)| (labels.clone(), *value))
            .collect();
        taken.extend(theirs.keys().cloned());
        let found = compare(family, &theirs, &tree);
        let different: usize = found.different.values().sum();
        let share = found.agreed as f64 / found.samples.max(1) as f64;
        page += &format!(
            "| {name} | {} | {} | {} | {different} | {:.1} % |\n",
            probes.join(", "),
            found.samples,
            found.agreed,
            share * 100.0
        );
        for reason in found.different.keys() {
            reasons.entry(reason).or_default().insert(name);
        }
        if *need == Full && share < 0.95 {
            failures.push(format!("{name}: only {} of {} samples", found.agreed, found.samples));
        }
        failures.extend(found.undeclared);
    }
    write_reasons(&mut page, &reasons);
    failures.extend(write_not_taken(&mut page, &expected, &taken));
    println!("{page}");
    assert!(failures.is_empty(), "{failures:#?}");
    reference::check("node_exporter.md", &page);
}

const PAGE_HEAD: &str = "# 与 node_exporter 的对照 / Compared with node_exporter

<!-- Made by the tests of `agent/probes`: WARDROUND_UPDATE=1 cargo test -p agent-probes node_exporter -->

在 node_exporter 自己的测试数据上逐条比较：名称、标签与数值（到最后一位）都相同才算一致。

Both read node_exporter's own fixture tree. A sample agrees when its name, its labels and its value, to the last bit, are
the same. Different on purpose counts the series that only we have besides the peer's that we do not.

| 类别 family | 探针 probes | 样本 samples | 一致 agreed | 有意不同 different on purpose | 比例 share |
|---|---|---:|---:|---:|---:|
";

fn unpack(archive: &Path, into: &Path) -> PathBuf {
    let unpack =
        Command::new("tar").args(["-I", "zstd", "-xf"]).arg(archive).arg("-C").arg(into).status();
    assert!(unpack.is_ok_and(|status| status.success()), "unpack {}", archive.display());
    into.join("node_exporter")
}

fn is_of((_, _, _, prefixes, others): &Family, labels: &Labels) -> bool {
    let starts = |with: &[&str]| with.iter().any(|prefix| labels.name().starts_with(prefix));
    starts(prefixes) && !starts(others)
}

fn compare(family: &Family, theirs: &Samples, tree: &Path) -> Found {
    let mut found = Found { samples: theirs.len(), ..Found::default() };
    let mut ours = Samples::new();
    for probe in family.2 {
        ours.extend(first_round(tree, probe).1);
    }
    ours.retain(|labels, _| is_of(family, labels));
    for labels in theirs.keys().chain(ours.keys()).collect::<BTreeSet<_>>() {
        let (their, our) = (theirs.get(labels), ours.get(labels));
        if their.is_some() && their.map(|value| value.to_bits()) == our.map(|value| value.to_bits())
        {
            found.agreed += 1;
        } else if let Some(reason) = reason(labels) {
            *found.different.entry(reason).or_default() += 1;
        } else {
            found.undeclared.push(format!("{labels}: theirs {their:?}, ours {our:?}"));
        }
    }
    found
}

/// Why the series differs; `DEVICE=` stands for every metric of a network device.
fn reason(labels: &Labels) -> Option<&'static str> {
    let printed = labels.to_string();
    let matches = |pattern: &str| match pattern.strip_prefix("DEVICE=") {
        Some(device) => {
            labels.name().starts_with("node_network_") && labels.get("device") == Some(device)
        }
        None => printed.starts_with(pattern),
    };
    DIFFERENT.iter().find(|(pattern, _)| matches(pattern)).map(|(_, reason)| *reason)
}

fn write_reasons(page: &mut String, reasons: &BTreeMap<&str, BTreeSet<&str>>) {
    page.push_str(
        "\n## 有意不同 / Different on purpose\n\n| 原因 reason | 类别 families |\n|---|---|\n",
    );
    for (reason, families) in reasons {
        let families: Vec<_> = families.iter().copied().collect();
        *page += &format!("| {reason} | {} |\n", families.join(", "));
    }
}

/// Lists the families of the peer that no probe takes; what is in no list is a failure.
fn write_not_taken(page: &mut String, expected: &Samples, taken: &BTreeSet<Labels>) -> Vec<String> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut unknown = BTreeSet::new();
    let rest = expected.keys().filter(|labels| labels.name().starts_with("node_"));
    for labels in rest.filter(|labels| !taken.contains(*labels)) {
        match NOT_TAKEN.iter().find(|(prefix, _)| labels.name().starts_with(prefix)) {
            Some(row) => *counts.entry(*row).or_default() += 1,
            None => {
                unknown.insert(format!("{} is in no family and in no list", labels.name()));
            }
        }
    }
    page.push_str(
        "\n## 未采集 / Not taken\n\n| 前缀 prefix | 样本 samples | 原因 reason |\n|---|---:|---|\n",
    );
    for ((prefix, reason), count) in counts {
        *page += &format!("| `{prefix}` | {count} | {reason} |\n");
    }
    unknown.into_iter().collect()
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

//! The probes on what is missing, cut, damaged or random.

use crate::round::{copy, first_round, fixture, probe, round};
use agent_probe::{Outcome, Sink};
use agent_probes::NAMES;
use proptest::prelude::*;
use std::fs;
use std::path::Path;

/// Probes and the files that they parse.
pub(crate) const FILES: &[(&str, &str, &str)] = &[
    ("cpu", "captured", "proc/stat"),
    ("stat", "captured", "proc/stat"),
    ("meminfo", "captured", "proc/meminfo"),
    ("loadavg", "captured", "proc/loadavg"),
    ("pressure", "captured", "proc/pressure/io"),
    ("diskstats", "captured", "proc/diskstats"),
    ("diskstats", "captured", "sys/block/vda/queue/rotational"),
    ("diskstats", "captured", "udev/data/b254:0"),
    ("netdev", "captured", "proc/net/dev"),
    ("filefd", "captured", "proc/sys/fs/file-nr"),
    ("time", "captured", "sys/devices/system/clocksource/clocksource0/current_clocksource"),
    ("uname", "captured", "proc/sys/kernel/ostype"),
    ("processes", "captured", "proc/1/stat"),
    ("processes", "captured", "proc/sys/kernel/pid_max"),
    ("infiniband", "infiniband", "sys/class/infiniband/mlx5_0/fw_ver"),
    ("infiniband", "infiniband", "sys/class/infiniband/mlx5_0/node_guid"),
    ("infiniband", "infiniband", "sys/class/infiniband/mlx5_0/device/hwmon/hwmon3/temp1_input"),
    ("infiniband", "infiniband", "sys/class/infiniband/mlx5_0/ports/1/lid"),
    ("infiniband", "infiniband", "sys/class/infiniband/mlx5_0/ports/1/state"),
    ("infiniband", "infiniband", "sys/class/infiniband/mlx5_0/ports/1/rate"),
    ("infiniband", "infiniband", "sys/class/infiniband/mlx5_0/ports/1/counters/symbol_error"),
    ("vmstat", "server", "proc/vmstat"),
    ("netstat", "server", "proc/net/netstat"),
    ("netstat", "server", "proc/net/snmp"),
    ("netstat", "server", "proc/net/snmp6"),
    ("sockstat", "server", "proc/net/sockstat"),
    ("sockstat", "server", "proc/net/sockstat6"),
    ("softnet", "server", "proc/net/softnet_stat"),
    ("schedstat", "server", "proc/schedstat"),
    ("arp", "server", "proc/net/arp"),
    ("conntrack", "server", "proc/sys/net/netfilter/nf_conntrack_count"),
    ("conntrack", "server", "proc/net/stat/nf_conntrack"),
    ("kernel_hung", "server", "proc/sys/kernel/hung_task_detect_count"),
    ("cpu_info", "server", "proc/cpuinfo"),
    ("cpu_info", "server", "sys/devices/system/cpu/isolated"),
    ("cpu_info", "server", "sys/devices/system/cpu/vulnerabilities/spectre_v2"),
    ("cpu_info", "server", "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count"),
    ("cpufreq", "server", "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq"),
    ("cpufreq", "server", "sys/devices/system/cpu/cpu0/cpufreq/scaling_available_governors"),
    ("meminfo_numa", "server", "sys/devices/system/node/node1/meminfo"),
    ("meminfo_numa", "server", "sys/devices/system/node/node0/numastat"),
    ("netclass", "server", "sys/class/net/ens2f0/speed"),
    ("netclass", "server", "sys/class/net/ens2f1/flags"),
    ("netclass", "server", "sys/class/net/bond0/operstate"),
    ("bonding", "server", "sys/class/net/bonding_masters"),
    ("bonding", "server", "sys/class/net/bond0/bonding/slaves"),
    ("bonding", "server", "sys/class/net/ens2f1/bonding_slave/mii_status"),
    ("edac", "server", "sys/devices/system/edac/mc/mc0/csrow0/ch0_ce_count"),
    ("edac", "server", "sys/devices/system/edac/mc/mc0/csrow0/ch1_dimm_label"),
    ("hwmon", "server", "sys/class/hwmon/hwmon1/temp2_input"),
    ("hwmon", "server", "sys/class/hwmon/hwmon1/name"),
    ("hwmon", "server", "sys/class/hwmon/hwmon1/freq1_label"),
    ("thermal_zone", "server", "sys/class/thermal/thermal_zone0/temp"),
    ("thermal_zone", "server", "sys/class/thermal/thermal_zone0/trip_point_1_type"),
    ("watchdog", "server", "sys/class/watchdog/watchdog0/timeleft"),
    ("pcidevice", "server", "sys/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.0/current_link_speed"),
    ("pcidevice", "server", "sys/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.0/class"),
    ("mdadm", "parts", "proc/mdstat"),
    ("mdadm", "parts", "sys/block/md0/md/degraded"),
    ("nvme", "parts", "sys/class/nvme/nvme0/nvme0n1/size"),
    ("nvme", "parts", "dev/nvme0.health"),
    ("ipmi", "parts", "programs/ipmitool-sdr-elist"),
    ("ipmi", "parts", "programs/ipmitool-chassis"),
    ("ipmi", "parts", "programs/ipmitool-sel-info"),
    ("ipmi", "parts", "programs/ipmitool-sel-list"),
    ("dmmultipath", "parts", "sys/block/dm-0/size"),
    ("dmmultipath", "parts", "sys/block/sdaa/device/state"),
    ("fibrechannel", "parts", "sys/class/fc_host/host4/port_state"),
    ("fibrechannel", "parts", "sys/class/fc_host/host4/statistics/rx_words"),
    ("dmi", "parts", "sys/class/dmi/id/product_name"),
    ("kmsg", "parts", "dev/kmsg"),
    ("systemd", "parts", "programs/systemctl-list-units"),
    ("systemd", "parts", "programs/systemctl-show"),
    ("smart", "parts", "programs/smartctl-scan"),
    ("smart", "parts", "programs/smartctl-dev-sda"),
    ("parts", "parts", "proc/cpuinfo"),
];

/// Scenario: a tree with nothing in it, and one with the folders only. Guarantees: every probe is absent and says why;
/// `time` alone has a source that is no file.
#[test]
fn an_empty_tree_is_absent() {
    let tree = tempfile::tempdir().expect("a folder");
    for folder in [
        "",
        "proc/net",
        "proc/sys/net/netfilter",
        "sys/class/infiniband",
        "sys/class/hwmon",
        "sys/class/net",
        "sys/class/thermal",
        "sys/class/watchdog",
        "sys/bus/pci/devices",
        "sys/devices/system/cpu",
        "sys/devices/system/edac/mc",
        "sys/devices/system/node",
    ] {
        fs::create_dir_all(tree.path().join(folder)).expect("a folder");
        for name in NAMES.iter().filter(|name| **name != "time") {
            let (outcome, samples) = first_round(tree.path(), name);
            assert!(
                matches!(&outcome, Outcome::Absent(why) if !why.is_empty()),
                "{name}: {outcome:?}"
            );
            assert!(samples.is_empty(), "{name}");
        }
    }
}

/// Scenario: the one file of a probe holds something else, or nothing. Guarantees: the probe fails, names the file, and
/// puts in nothing.
#[test]
fn garbage_fails() {
    for (name, tree, file) in FILES.iter().filter(|(_, tree, file)| {
        [
            "/stat",
            "/vmstat",
            "/schedstat",
            "meminfo",
            "loadavg",
            "diskstats",
            "dev",
            "file-nr",
            "softnet_stat",
            "arp",
            "_detect_count",
        ]
        .iter()
        .any(|end| file.starts_with("proc/") && !file.starts_with("proc/1/") && file.ends_with(end))
            && *tree != "parts"
    }) {
        for content in
            [&b"\xff\xfe\0 nonsense ][\n\n\n:\nmore nonsense\nand more"[..], b"", b"\n\n\n"]
        {
            let tree = copy(tree);
            fs::write(tree.path().join(file), content).expect("a file");
            let (outcome, samples) = first_round(tree.path(), name);
            let Outcome::Failed(error) = outcome else { panic!("{name}: {outcome:?}") };
            assert!(error.to_string().contains(file), "{error}");
            assert!(samples.is_empty(), "{name}: {samples:?}");
        }
    }
}

/// Probe, file, what stands in it, what is put there instead, the line to be named, the samples lost.
const DAMAGES: &[(&str, &str, &str, &str, usize, usize)] = &[
    ("cpu", "proc/stat", "cpu1 ", "cpu1 x", 3, 10),
    ("stat", "proc/stat", "btime ", "btime x", 6, 1),
    ("meminfo", "proc/meminfo", "Buffers:   ", "Buffers: x", 4, 1),
    ("netdev", "proc/net/dev", "eth0:", "eth0: x ", 6, 16),
    ("diskstats", "proc/diskstats", " vda ", " vda x ", 9, 19),
    ("pressure", "proc/pressure/io", "full ", "fool ", 0, 1),
    ("vmstat", "proc/vmstat", "pswpin ", "pswpin x", 6, 1),
    ("netstat", "proc/net/netstat", "\nTcpExt: ", "\nTcpExt: x", 2, 1),
    ("netstat", "proc/net/snmp6", "Ip6OutOctets  ", "Ip6OutOctets x", 3, 1),
    ("sockstat", "proc/net/sockstat", "RAW: inuse 2", "RAW: inuse x", 5, 1),
    ("softnet", "proc/net/softnet_stat", "00001006 ", "0000100g ", 2, 7),
    ("schedstat", "proc/schedstat", "cpu1 0", "cpu1 x", 5, 3),
    ("arp", "proc/net/arp", "     *        ens2f0", "", 4, 1),
    ("conntrack", "proc/net/stat/nf_conntrack", "0000004f", "0000004x", 3, 8),
    ("meminfo_numa", "sys/devices/system/node/node0/numastat", "numa_miss ", "numa_miss x", 2, 1),
    (
        "meminfo_numa",
        "sys/devices/system/node/node1/meminfo",
        "HugePages_Total: ",
        "HugePages_Total: x",
        7,
        1,
    ),
    ("netclass", "sys/class/net/ens2f0/speed", "25000", "fast", 1, 1),
    (
        "bonding",
        "sys/class/net/bond0/lower_ens2f1/bonding_slave/link_failure_count",
        "5",
        "x",
        1,
        1,
    ),
    ("edac", "sys/devices/system/edac/mc/mc0/csrow0/ch0_ce_count", "28", "x", 1, 1),
    ("hwmon", "sys/class/hwmon/hwmon1/fan1_input", "5400", "x", 1, 1),
    ("thermal_zone", "sys/class/thermal/thermal_zone0/temp", "61500", "x", 1, 1),
    ("watchdog", "sys/class/watchdog/watchdog0/timeleft", "29", "x", 1, 1),
    ("cpufreq", "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "2600001", "x", 1, 1),
    (
        "cpu_info",
        "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count",
        "5",
        "x",
        1,
        1,
    ),
    ("pcidevice", "sys/bus/pci/devices/0000:3b:00.0/current_link_width", "8", "x", 1, 3),
];

/// Scenario: one line of many is damaged. Guarantees: the round is partial with one complaint that names the line, and
/// every other series is there.
#[test]
fn one_bad_line_costs_one_line() {
    for &(name, file, good, bad, line, lost) in DAMAGES {
        let tree =
            copy(if fixture("captured").join(file).exists() { "captured" } else { "server" });
        let whole = first_round(tree.path(), name).1.len();
        let path = tree.path().join(file);
        let text = fs::read_to_string(&path).expect("a file");
        assert!(text.contains(good), "{file}");
        fs::write(&path, text.replacen(good, bad, 1)).expect("a file");
        let (outcome, samples) = first_round(tree.path(), name);
        let Outcome::Partial(errors) = outcome else { panic!("{name}: {outcome:?}") };
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert!(
            errors.len() == 1 && errors[0].contains(&format!("{file}:{line}:")),
            "{name}: {errors:?}"
        );
        assert_eq!(samples.len(), whole - lost, "{name}");
    }
}

/// Scenario: a file grows, shrinks and changes its devices from round to round. Guarantees: what is gone has no value.
#[test]
fn devices_that_are_gone_have_no_value() {
    let tree = copy("captured");
    let path = tree.path().join("proc/net/dev");
    let text = fs::read_to_string(&path).expect("a file");
    let mut probe = probe(tree.path(), "netdev");
    let mut sink = Sink::default();
    let (_, all) = round(&mut *probe, &mut sink);
    let without: String = text
        .lines()
        .filter(|line| !line.contains("eth0"))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(&path, without).expect("a file");
    let (_, fewer) = round(&mut *probe, &mut sink);
    assert_eq!(all.len() - fewer.len(), 16);
    assert!(fewer.keys().all(|labels| labels.get("device") != Some("eth0")));
}

/// Replaces bytes of a file's content at places given as shares of its length, and cuts it.
fn damage(
    content: &[u8],
    bytes: &[(prop::sample::Index, u8)],
    keep: prop::sample::Index,
) -> Vec<u8> {
    let mut damaged = content.to_vec();
    for (at, byte) in bytes {
        if !damaged.is_empty() {
            let at = at.index(damaged.len());
            damaged[at] = *byte;
        }
    }
    damaged.truncate(keep.index(content.len() + 1));
    damaged
}

/// Two rounds of every probe and file, with that file holding what `content` makes of it: no panic, and the outcome
/// fits the samples.
fn check(content: impl Fn(&[u8]) -> Vec<u8>) {
    let copies = ["captured", "infiniband", "server", "parts"].map(|name| (name, copy(name)));
    for (name, tree, file) in FILES {
        let (_, tree) = copies.iter().find(|(known, _)| known == tree).expect("a tree");
        let path = tree.path().join(file);
        let original = fs::read(&path).expect("a file");
        fs::write(&path, content(&original)).expect("a file");
        check_rounds(name, tree.path());
        fs::write(&path, original).expect("a file");
    }
}

pub(crate) fn check_rounds(name: &str, tree: &Path) {
    let mut probe = probe(tree, name);
    let mut sink = Sink::default();
    for _ in 0..2 {
        let (outcome, samples) = round(&mut *probe, &mut sink);
        let has_samples = !matches!(outcome, Outcome::Failed(_) | Outcome::Absent(_));
        assert!(has_samples || samples.is_empty(), "{name}: {outcome:?} with {samples:?}");
        for (labels, value) in &samples {
            // It may be freezing, and a sensor may say anything.
            let may_be_below_0 = ["_celsius", "_volts", "_amperes", "_watts", "_rpm"]
                .iter()
                .any(|unit| labels.name().ends_with(unit))
                || labels.name().contains("_temp")
                || labels.name().starts_with("node_hwmon_");
            let is_plain = value.is_finite() && (may_be_below_0 || *value >= 0.0);
            assert!(is_plain, "{labels} {value}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Scenario: any bytes in any file. Guarantees: no panic, no sample besides an outcome that says there are some, and
    /// no value that is not a plain number.
    #[test]
    fn random_bytes_are_survived(content in prop::collection::vec(any::<u8>(), 0..2000)) {
        check(|_| content.clone());
    }

    /// Scenario: true content with a few bytes changed and the end cut off. Guarantees: the same.
    #[test]
    fn damaged_files_are_survived(
        bytes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b"\n :0919-.kxE\xff".to_vec())), 0..12),
        keep in any::<prop::sample::Index>(),
    ) {
        check(|content| damage(content, &bytes, keep));
    }
}

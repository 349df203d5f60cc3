//! Probe `cpu_info`: what the CPUs are, at which frequency they run, how often heat slowed them down, which are isolated,
//! and their known weaknesses. It is the slow part of node_exporter's collector `cpu`, and its `cpu_vulnerabilities`.
//!
//! It runs in the slow lane: the kernel measures every CPU's frequency when it makes `/proc/cpuinfo`, tens of
//! milliseconds on a large node.

mod cpuinfo;
mod vulnerabilities;

use crate::attribute::{Reader, Round, number, numbered};
use crate::context::Context;
use crate::metric::{counter, gauge};
use agent_probe::{HostRoot, Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::Duration;

pub(crate) const NAME: &str = "cpu_info";

static ISOLATED: Metric = gauge(
    "node_cpu_isolated",
    Unit::None,
    "1 for a CPU that the scheduler leaves alone.",
    "/sys/devices/system/cpu/isolated",
);
static ONLINE: Metric = gauge(
    "node_cpu_online",
    Unit::None,
    "1 when the CPU is online, 0 when it was taken out.",
    "/sys/devices/system/cpu/cpuN/online",
);
static CORE_THROTTLES: Metric = counter(
    "node_cpu_core_throttles_total",
    Unit::None,
    "Times that the core was slowed down because of heat.",
    "/sys/devices/system/cpu/cpuN/thermal_throttle/core_throttle_count",
);
static PACKAGE_THROTTLES: Metric = counter(
    "node_cpu_package_throttles_total",
    Unit::None,
    "Times that the package was slowed down because of heat.",
    "/sys/devices/system/cpu/cpuN/thermal_throttle/package_throttle_count",
);
static METRICS: &[&Metric] = &[
    &cpuinfo::INFO,
    &cpuinfo::FREQUENCY,
    &cpuinfo::FLAG,
    &cpuinfo::BUG,
    &ISOLATED,
    &ONLINE,
    &CORE_THROTTLES,
    &PACKAGE_THROTTLES,
    &vulnerabilities::INFO,
];

/// The kernel's own limit, see the probe `cpu`.
const MAX_CPUS: u32 = 8192;
/// CPUs and the other entries of the folder.
const MAX_ENTRIES: usize = MAX_CPUS as usize + 64;

pub(crate) struct CpuInfo {
    root: HostRoot,
    reader: Reader,
}

impl CpuInfo {
    pub(crate) fn new(context: &Context) -> Self {
        Self { root: context.root.clone(), reader: Reader::default() }
    }
}

impl Probe for CpuInfo {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Slow,
            default_interval: Duration::from_secs(60),
            default_timeout: Duration::from_secs(10),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let cpuinfo = self.root.proc("cpuinfo");
        let folder = self.root.sys("devices/system/cpu");
        let mut round = Round::new(&mut self.reader, sink);
        cpuinfo::read(&cpuinfo, &mut round);
        read_isolated(&folder.join("isolated"), &mut round);
        read_cpus(&folder, &mut round);
        vulnerabilities::read(&folder.join("vulnerabilities"), &mut round);
        round.end(&cpuinfo)
    }
}

/// `1,3-5,9`.
fn read_isolated(path: &Path, round: &mut Round<'_>) {
    let Some(list) = round.some_text(path) else { return };
    match cpu_list(&list) {
        Some(cpus) => {
            for cpu in cpus {
                round.put(&ISOLATED, &[("cpu", &cpu.to_string())], 1.0);
            }
        }
        None => round.complain(path, io::Error::other("not a list of CPUs such as 1,3-5")),
    }
}

fn cpu_list(text: &str) -> Option<BTreeSet<u32>> {
    let mut cpus = BTreeSet::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let [first, last] = [first, last].map(|number| number.parse::<u32>().ok());
        let (first, last) = (first?, last.filter(|last| *last < MAX_CPUS)?);
        cpus.extend(first..=last);
    }
    Some(cpus)
}

fn read_cpus(folder: &Path, round: &mut Round<'_>) {
    let (mut packages, mut cores) = (BTreeSet::new(), BTreeSet::new());
    for name in round.names(folder, MAX_ENTRIES) {
        let Some(cpu) = numbered(&name, "cpu") else { continue };
        let folder = folder.join(&*name);
        if let Some(online) = round.value(&folder.join("online"), number) {
            round.put(&ONLINE, &[("cpu", cpu)], online);
        }
        let Some(package) = round.some_text(&folder.join("topology/physical_package_id")) else {
            continue;
        };
        let Some(core) = round.some_text(&folder.join("topology/core_id")) else { continue };
        let throttles = folder.join("thermal_throttle");
        // Threads of a core share its counter, cores of a package share theirs.
        if packages.insert(package.clone())
            && let Some(count) = round.value(&throttles.join("package_throttle_count"), number)
        {
            round.put(&PACKAGE_THROTTLES, &[("package", &package)], count);
        }
        if cores.insert((package.clone(), core.clone()))
            && let Some(count) = round.value(&throttles.join("core_throttle_count"), number)
        {
            round.put(&CORE_THROTTLES, &[("package", &package), ("core", &core)], count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: lists of CPUs in the kernel's form, and others. Guarantees: exactly the CPUs, or a refusal.
    #[test]
    fn lists_are_exact_or_refused() {
        let read = |text| cpu_list(text).map(|cpus| cpus.into_iter().collect::<Vec<_>>());
        assert_eq!(read("1,3-5,9"), Some(vec![1, 3, 4, 5, 9]));
        assert_eq!(read(""), Some(Vec::new()));
        for text in ["x", "1-", "-3", "0-99999999", "1;2"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}

//! Probe `inventory`: what the machine is, for the asset list: system, processor, memory, product.
//!
//! Only on a live host, since it comes from system calls and files that a captured tree does not hold.

use crate::context::Context;
use crate::metric::{gauge, info};
use agent_probe::{Lane, Outcome, Probe, ProbeError, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, Product, RefreshKind, System};

pub(crate) const NAME: &str = "inventory";

static INFO: Metric = info(
    "wardround_inventory_info",
    "The machine: operating system, kernel, architecture, processor, vendor and product.",
    "/etc/os-release, uname(2), /proc/cpuinfo, /sys/class/dmi/id",
);
static MEMORY: Metric = gauge(
    "wardround_inventory_memory_bytes",
    Unit::Bytes,
    "Memory that the kernel can use.",
    "/proc/meminfo MemTotal",
);
static SWAP: Metric =
    gauge("wardround_inventory_swap_bytes", Unit::Bytes, "Swap space.", "/proc/meminfo SwapTotal");
static CPUS: Metric = gauge(
    "wardround_inventory_cpus",
    Unit::None,
    "Logical processors.",
    "/proc/stat, number of cpuN lines",
);
static CORES: Metric = gauge(
    "wardround_inventory_cpu_cores",
    Unit::None,
    "Physical processor cores.",
    "/proc/cpuinfo, distinct pairs of physical id and core id",
);
static METRICS: &[&Metric] = &[&INFO, &MEMORY, &SWAP, &CPUS, &CORES];

pub(crate) struct Inventory {
    is_live: bool,
}

impl Inventory {
    pub(crate) fn new(context: &Context) -> Self {
        Self { is_live: context.root.is_live() }
    }
}

impl Probe for Inventory {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            // Some hundred files are read, which would hold up the fast lane once in five minutes.
            lane: Lane::Slow,
            default_interval: Duration::from_secs(300),
            default_timeout: Duration::from_secs(10),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        if !self.is_live {
            return Outcome::Absent("a captured tree has no inventory".to_owned());
        }
        let wanted = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing())
            .with_memory(MemoryRefreshKind::nothing().with_ram().with_swap());
        match System::new_with_specifics(wanted) {
            Ok(system) => {
                put(&system, sink);
                Outcome::Sampled
            }
            Err(error) => Outcome::Failed(ProbeError::Read {
                path: PathBuf::from("/proc"),
                source: io::Error::other(error.to_string()),
            }),
        }
    }
}

fn put(system: &System, sink: &mut Sink) {
    let cpu = system.cpus().first();
    let texts = [
        ("os", System::name().unwrap_or_default()),
        ("os_version", System::os_version().unwrap_or_default()),
        ("kernel", System::kernel_version().unwrap_or_default()),
        ("architecture", System::cpu_arch()),
        ("cpu_vendor", cpu.map(|cpu| cpu.vendor_id().to_owned()).unwrap_or_default()),
        ("cpu_model", cpu.map(|cpu| cpu.brand().to_owned()).unwrap_or_default()),
        ("vendor", Product::vendor_name().unwrap_or_default()),
        ("product", Product::name().unwrap_or_default()),
    ];
    let labels = texts.each_ref().map(|(name, value)| (*name, value.trim()));
    sink.put(&INFO, &labels, 1.0);
    if system.total_memory() > 0 {
        sink.put(&MEMORY, &[], system.total_memory() as f64);
        sink.put(&SWAP, &[], system.total_swap() as f64);
    }
    if !system.cpus().is_empty() {
        sink.put(&CPUS, &[], system.cpus().len() as f64);
    }
    if let Ok(cores) = System::physical_core_count() {
        sink.put(&CORES, &[], cores as f64);
    }
}

//! Probe `cpufreq`: the frequency of each CPU, its limits and its governor, from `/sys/devices/system/cpu/cpuN/cpufreq`.
//!
//! It runs in the slow lane: with some drivers each reading interrupts the CPU that is asked about, and a large node has
//! hundreds.

use crate::attribute::{Reader, Round, Row, numbered};
use crate::context::Context;
use crate::field;
use crate::metric::gauge;
use agent_probe::{Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const NAME: &str = "cpufreq";

metric_table! { ROWS: Row, VALUES;
    ("scaling_cur_freq", kilohertz) => gauge("node_cpu_scaling_frequency_hertz", Unit::None, "Frequency of the CPU as the governor set it, in hertz.", "/sys/devices/system/cpu/cpuN/cpufreq/scaling_cur_freq, kHz"),
    ("scaling_min_freq", kilohertz) => gauge("node_cpu_scaling_frequency_min_hertz", Unit::None, "Lowest frequency that the governor may set, in hertz.", "/sys/devices/system/cpu/cpuN/cpufreq/scaling_min_freq, kHz"),
    ("scaling_max_freq", kilohertz) => gauge("node_cpu_scaling_frequency_max_hertz", Unit::None, "Highest frequency that the governor may set, in hertz.", "/sys/devices/system/cpu/cpuN/cpufreq/scaling_max_freq, kHz"),
    ("cpuinfo_min_freq", kilohertz) => gauge("node_cpu_frequency_min_hertz", Unit::None, "Lowest frequency that the CPU can run at, in hertz.", "/sys/devices/system/cpu/cpuN/cpufreq/cpuinfo_min_freq, kHz"),
    ("cpuinfo_max_freq", kilohertz) => gauge("node_cpu_frequency_max_hertz", Unit::None, "Highest frequency that the CPU can run at, in hertz.", "/sys/devices/system/cpu/cpuN/cpufreq/cpuinfo_max_freq, kHz"),
}
static GOVERNOR: Metric = gauge(
    "node_cpu_scaling_governor",
    Unit::None,
    "1 for the governor that is set, 0 for the others that could be.",
    "/sys/devices/system/cpu/cpuN/cpufreq/{scaling_governor,scaling_available_governors}",
);
static METRICS: [&Metric; 1 + VALUES.len()] = {
    let mut all = [&GOVERNOR; 1 + VALUES.len()];
    let mut at = 1;
    while at < all.len() {
        all[at] = VALUES[at - 1];
        at += 1;
    }
    all
};

/// The kernel's own limit (`NR_CPUS` with `MAXSMP`), and the other entries of the folder.
const MAX_ENTRIES: usize = 8192 + 64;
/// The kernel has seven governors.
const MAX_GOVERNORS: usize = 16;

fn kilohertz(text: &[u8]) -> Result<Option<f64>, &'static str> {
    // Some drivers write `<unknown>`.
    if text.starts_with(b"<") {
        return Ok(None);
    }
    field::number(text).map(|value| Some(value as f64 * 1000.0)).ok_or("a number of kHz")
}

pub(crate) struct Cpufreq {
    folder: PathBuf,
    reader: Reader,
}

impl Cpufreq {
    pub(crate) fn new(context: &Context) -> Self {
        Self { folder: context.root.sys("devices/system/cpu"), reader: Reader::default() }
    }
}

impl Probe for Cpufreq {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Slow,
            default_interval: Duration::from_secs(30),
            default_timeout: Duration::from_secs(10),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let mut round = Round::new(&mut self.reader, sink);
        for name in round.names(&self.folder, MAX_ENTRIES) {
            let Some(cpu) = numbered(&name, "cpu") else { continue };
            let folder = self.folder.join(&*name).join("cpufreq");
            round.put_rows(&folder, (ROWS, &VALUES), &[("cpu", cpu)]);
            let Some(set) = round.some_text(&folder.join("scaling_governor")) else { continue };
            let available = round.text(&folder.join("scaling_available_governors"));
            for governor in available.split_ascii_whitespace().take(MAX_GOVERNORS) {
                let labels = [("cpu", cpu), ("governor", governor)];
                round.put(&GOVERNOR, &labels, f64::from(u8::from(governor == set)));
            }
        }
        round.end(&self.folder.join("cpu0/cpufreq"))
    }
}

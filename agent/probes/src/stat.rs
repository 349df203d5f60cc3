//! Probe `stat`: boot time, context switches, forks, interrupts, soft interrupts and the run queue, from `/proc/stat`.

use crate::context::Context;
use crate::field;
use crate::metric::{counter, gauge};
use crate::tally::{self, Tally};
use agent_probe::{HostFile, Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::time::Duration;

pub(crate) const NAME: &str = "stat";

metric_table! { KEYS: &[u8], METRICS;
    b"intr " => counter(
        "node_intr_total", Unit::None, "Interrupts serviced.", "/proc/stat intr, first field"),
    b"ctxt " => counter(
        "node_context_switches_total", Unit::None, "Context switches.", "/proc/stat ctxt"),
    b"btime " => gauge(
        "node_boot_time_seconds", Unit::Seconds, "When the node booted, as Unix time.", "/proc/stat btime"),
    b"processes " => counter(
        "node_forks_total", Unit::None, "Processes and threads created.", "/proc/stat processes"),
    b"procs_running " => gauge(
        "node_procs_running", Unit::None, "Threads that run or could run.", "/proc/stat procs_running"),
    b"procs_blocked " => gauge(
        "node_procs_blocked", Unit::None, "Threads that wait for I/O to complete.", "/proc/stat procs_blocked"),
}

static SOFTIRQS: Metric = counter(
    "node_softirqs_total",
    Unit::None,
    "Soft interrupts serviced, by kind.",
    "/proc/stat softirq, fields 2 to 11",
);
static ALL: [&Metric; METRICS.len() + 1] = {
    let mut all = [&SOFTIRQS; METRICS.len() + 1];
    let mut at = 0;
    while at < METRICS.len() {
        all[at] = METRICS[at];
        at += 1;
    }
    all
};

/// Kinds in the kernel's order (include/linux/interrupt.h), as node_exporter names them.
const VECTORS: [&str; 10] = [
    "hi",
    "timer",
    "net_tx",
    "net_rx",
    "block",
    "block_iopoll",
    "tasklet",
    "sched",
    "hrtimer",
    "rcu",
];

pub(crate) struct Stat {
    file: HostFile,
}

impl Stat {
    pub(crate) fn new(context: &Context) -> Self {
        Self { file: HostFile::new(context.root.proc("stat")) }
    }
}

impl Probe for Stat {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Fast,
            default_interval: Duration::from_secs(1),
            default_timeout: Duration::from_millis(500),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &ALL
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        tally::read_one(&mut self.file, "intr, ctxt, btime lines", |text, tally| {
            for (number, line) in field::lines(text) {
                if let Some(rest) = line.strip_prefix(b"softirq ") {
                    read_softirqs(rest, number, sink, tally);
                    continue;
                }
                let found = KEYS.iter().zip(METRICS).find(|(key, _)| line.starts_with(key));
                let Some((key, metric)) = found else { continue };
                let value = line.get(key.len()..).and_then(|rest| field::words(rest).next());
                match value.and_then(field::number) {
                    Some(value) => {
                        sink.put(metric, &[], value as f64);
                        tally.sampled();
                    }
                    None => tally.bad_line(number, "a number"),
                }
            }
        })
    }
}

/// The sum of all kinds, then each kind.
fn read_softirqs(rest: &[u8], number: usize, sink: &mut Sink, tally: &mut Tally) {
    let mut counts = [0; 1 + VECTORS.len()];
    if field::numbers(rest, &mut counts) != Some(counts.len()) {
        return tally.bad_line(number, "softirq and eleven numbers");
    }
    let [_, counts @ ..] = counts;
    for (vector, count) in VECTORS.iter().zip(counts) {
        sink.put(&SOFTIRQS, &[("vector", vector)], count as f64);
    }
    tally.sampled();
}

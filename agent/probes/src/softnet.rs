//! Probe `softnet`: packets that each CPU took from the network, dropped or left for later, from
//! `/proc/net/softnet_stat`.

use crate::context::Context;
use crate::field;
use crate::metric::{counter, gauge};
use crate::tally;
use agent_probe::{HostFile, Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::time::Duration;

pub(crate) const NAME: &str = "softnet";

// Keys are the columns of `softnet_seq_show` in net/core/net-procfs.c.
metric_table! { COLUMNS: usize, METRICS;
    0 => counter("node_softnet_processed_total", Unit::None, "Packets processed.", "/proc/net/softnet_stat column 1"),
    1 => counter("node_softnet_dropped_total", Unit::None, "Packets dropped because the backlog was full.", "/proc/net/softnet_stat column 2"),
    2 => counter("node_softnet_times_squeezed_total", Unit::None, "Times that processing stopped with packets left over.", "/proc/net/softnet_stat column 3"),
    8 => counter("node_softnet_cpu_collision_total", Unit::None, "Times that the device was locked when sending.", "/proc/net/softnet_stat column 9"),
    9 => counter("node_softnet_received_rps_total", Unit::None, "Times that another CPU woke this one for packets.", "/proc/net/softnet_stat column 10"),
    10 => counter("node_softnet_flow_limit_count_total", Unit::None, "Times that the limit of a flow was reached.", "/proc/net/softnet_stat column 11"),
    11 => gauge("node_softnet_backlog_len", Unit::None, "Packets in the backlog.", "/proc/net/softnet_stat column 12"),
}

/// Columns of the newest kernels: the thirteenth is the CPU (since Linux 5.10).
const WIDTH: usize = 13;
const CPU: usize = 12;
const FEWEST: usize = 9;
/// The kernel's own limit, see the probe `cpu`.
const MAX_CPUS: u64 = 8192;

pub(crate) struct Softnet {
    file: HostFile,
}

impl Softnet {
    pub(crate) fn new(context: &Context) -> Self {
        Self { file: HostFile::new(context.root.proc("net/softnet_stat")) }
    }
}

impl Probe for Softnet {
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
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        tally::read_one(
            &mut self.file,
            "a line of hexadecimal numbers for each CPU",
            |text, tally| {
                for (number, line) in field::lines(text) {
                    match read_line(line, number, sink) {
                        Some(()) => tally.sampled(),
                        None => tally.bad_line(number, "at least 9 hexadecimal numbers"),
                    }
                }
            },
        )
    }
}

fn read_line(line: &[u8], number: usize, sink: &mut Sink) -> Option<()> {
    let mut values = [0; WIDTH];
    let mut count = 0;
    for (slot, word) in values.iter_mut().zip(field::words(line)) {
        *slot = field::hexadecimal(word)?;
        count += 1;
    }
    if count < FEWEST {
        return None;
    }
    // Older kernels do not name the CPU; the lines are in order.
    let cpu = if count > CPU { values[CPU] } else { number as u64 - 1 };
    if cpu >= MAX_CPUS {
        return None;
    }
    let label = cpu.to_string();
    for (metric, column) in METRICS.iter().zip(COLUMNS).filter(|(_, column)| **column < count) {
        let value = values.get(*column)?;
        sink.put(metric, &[("cpu", &label)], *value as f64);
    }
    Some(())
}

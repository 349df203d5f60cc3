//! Probe `schedstat`: how long each CPU ran tasks and how long tasks waited for it, from `/proc/schedstat`.

use crate::context::Context;
use crate::field;
use crate::metric::counter;
use crate::tally;
use agent_probe::{HostFile, Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::time::Duration;

pub(crate) const NAME: &str = "schedstat";

/// Nanoseconds in a second.
const NANOS: f64 = 1e9;

// Keys are the fields behind the name (Documentation/scheduler/sched-stats.rst).
metric_table! { FIELDS: (usize, f64), METRICS;
    (6, NANOS) => counter("node_schedstat_running_seconds_total", Unit::Seconds, "Time that the CPU ran tasks.", "/proc/schedstat cpuN field 7, nanoseconds"),
    (7, NANOS) => counter("node_schedstat_waiting_seconds_total", Unit::Seconds, "Time that tasks waited for the CPU.", "/proc/schedstat cpuN field 8, nanoseconds"),
    (8, 1.0) => counter("node_schedstat_timeslices_total", Unit::None, "Time slices that tasks ran.", "/proc/schedstat cpuN field 9"),
}

const WIDTH: usize = 9;
/// The kernel's own limit, see the probe `cpu`.
const MAX_CPUS: u64 = 8192;

pub(crate) struct Schedstat {
    file: HostFile,
}

impl Schedstat {
    pub(crate) fn new(context: &Context) -> Self {
        Self { file: HostFile::new(context.root.proc("schedstat")) }
    }
}

impl Probe for Schedstat {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Fast,
            // The file holds every scheduling domain besides, 100 KiB on a large node.
            default_interval: Duration::from_secs(5),
            default_timeout: Duration::from_millis(500),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        tally::read_one(&mut self.file, "cpuN lines", |text, tally| {
            for (number, line) in field::lines(text) {
                let Some(rest) = line.strip_prefix(b"cpu") else { continue };
                match read_line(rest, sink) {
                    Some(()) => tally.sampled(),
                    None => tally.bad_line(number, "cpuN and nine numbers"),
                }
            }
        })
    }
}

fn read_line(rest: &[u8], sink: &mut Sink) -> Option<()> {
    let (cpu, fields) = rest.split_at(rest.iter().position(|b| *b == b' ')?);
    field::number(cpu).filter(|cpu| *cpu < MAX_CPUS)?;
    let cpu = field::text(cpu)?;
    let mut values = [0; WIDTH];
    field::numbers(fields, &mut values).filter(|count| *count == WIDTH)?;
    for (metric, (at, divisor)) in METRICS.iter().zip(FIELDS) {
        sink.put(metric, &[("cpu", cpu)], *values.get(*at)? as f64 / divisor);
    }
    Some(())
}

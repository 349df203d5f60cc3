//! Probe `pressure`: pressure stall information, from `/proc/pressure/*`.
//!
//! A kernel without PSI has no such files, one started with `psi=0` refuses to read them: both are `Absent`.

use crate::context::Context;
use crate::field;
use crate::metric::counter;
use crate::tally::Tally;
use agent_probe::{HostFile, Lane, Outcome, Probe, ProbeError, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::io::ErrorKind;
use std::time::Duration;

pub(crate) const NAME: &str = "pressure";

/// Resource and line.
type Key = (&'static str, &'static [u8]);

metric_table! { KEYS: Key, METRICS;
    ("cpu", b"some ") => counter(
        "node_pressure_cpu_waiting_seconds_total", Unit::Seconds,
        "Time in which some task waited for a CPU.", "/proc/pressure/cpu some total, microseconds"),
    ("io", b"some ") => counter(
        "node_pressure_io_waiting_seconds_total", Unit::Seconds,
        "Time in which some task waited for I/O.", "/proc/pressure/io some total, microseconds"),
    ("io", b"full ") => counter(
        "node_pressure_io_stalled_seconds_total", Unit::Seconds,
        "Time in which all tasks waited for I/O.", "/proc/pressure/io full total, microseconds"),
    ("memory", b"some ") => counter(
        "node_pressure_memory_waiting_seconds_total", Unit::Seconds,
        "Time in which some task waited for memory.", "/proc/pressure/memory some total, microseconds"),
    ("memory", b"full ") => counter(
        "node_pressure_memory_stalled_seconds_total", Unit::Seconds,
        "Time in which all tasks waited for memory.", "/proc/pressure/memory full total, microseconds"),
    ("irq", b"full ") => counter(
        "node_pressure_irq_stalled_seconds_total", Unit::Seconds,
        "Time in which all tasks waited for interrupt handlers.", "/proc/pressure/irq full total, microseconds"),
}

const RESOURCES: [&str; 4] = ["cpu", "io", "memory", "irq"];

pub(crate) struct Pressure {
    files: [(&'static str, HostFile); RESOURCES.len()],
}

impl Pressure {
    pub(crate) fn new(context: &Context) -> Self {
        let file = |resource| HostFile::new(context.root.proc("pressure").join(resource));
        Self { files: RESOURCES.map(|resource| (resource, file(resource))) }
    }
}

impl Probe for Pressure {
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
        let mut tally = Tally::default();
        let mut missing = 0;
        for (resource, file) in &mut self.files {
            match file.read() {
                Ok(text) => read_resource(resource, text, sink, &mut tally),
                Err(error) if is_absent(&error) => missing += 1,
                Err(error) => tally.complain(error),
            }
            tally.end_file(file.path());
        }
        if missing == RESOURCES.len() {
            return Outcome::Absent("no pressure stall information (psi)".to_owned());
        }
        tally.outcome()
    }
}

fn is_absent(error: &ProbeError) -> bool {
    error.is_not_found()
        || matches!(error, ProbeError::Read { source, .. } if source.kind() == ErrorKind::Unsupported)
}

fn read_resource(resource: &str, text: &[u8], sink: &mut Sink, tally: &mut Tally) {
    for ((_, key), metric) in KEYS.iter().zip(METRICS).filter(|((of, _), _)| *of == resource) {
        let line = field::lines(text).find(|(_, line)| line.starts_with(key));
        let total = line.and_then(|(_, line)| {
            field::words(line).find_map(|word| field::number(word.strip_prefix(b"total=")?))
        });
        match total {
            Some(micros) => {
                // Divided twice as node_exporter does, so that the last bit of the value is the same.
                sink.put(metric, &[], micros as f64 / 1000.0 / 1000.0);
                tally.sampled();
            }
            None => tally.bad_line(line.map_or(0, |(number, _)| number), "total=MICROSECONDS"),
        }
    }
}

//! Probe `stat`: boot time, context switches, forks, interrupts and the run queue, from `/proc/stat`.

use crate::context::Context;
use crate::field;
use crate::metric::{counter, gauge};
use crate::tally;
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
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        tally::read_one(&mut self.file, "intr, ctxt, btime lines", |text, tally| {
            for (number, line) in field::lines(text) {
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

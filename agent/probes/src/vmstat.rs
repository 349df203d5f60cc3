//! Probe `vmstat`: page faults, paging and out-of-memory kills, from `/proc/vmstat`.
//!
//! The fields are those of node_exporter's default selection (`^(oom_kill|pgpg|pswp|pg.*fault).*`).

use crate::context::Context;
use crate::field;
use crate::metric::counter;
use crate::tally;
use agent_probe::{HostFile, Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::time::Duration;

pub(crate) const NAME: &str = "vmstat";

metric_table! { KEYS: &[u8], METRICS;
    b"pgpgin" => counter("node_vmstat_pgpgin", Unit::None, "KiB read from block devices.", "/proc/vmstat pgpgin"),
    b"pgpgout" => counter("node_vmstat_pgpgout", Unit::None, "KiB written to block devices.", "/proc/vmstat pgpgout"),
    b"pgpgoutclean" => counter("node_vmstat_pgpgoutclean", Unit::None, "KiB of clean pages written by reclaim (since Linux 6.1).", "/proc/vmstat pgpgoutclean"),
    b"pswpin" => counter("node_vmstat_pswpin", Unit::None, "Pages swapped in.", "/proc/vmstat pswpin"),
    b"pswpout" => counter("node_vmstat_pswpout", Unit::None, "Pages swapped out.", "/proc/vmstat pswpout"),
    b"pgfault" => counter("node_vmstat_pgfault", Unit::None, "Page faults.", "/proc/vmstat pgfault"),
    b"pgmajfault" => counter("node_vmstat_pgmajfault", Unit::None, "Page faults that needed I/O.", "/proc/vmstat pgmajfault"),
    b"oom_kill" => counter("node_vmstat_oom_kill", Unit::None, "Processes killed because memory ran out.", "/proc/vmstat oom_kill"),
}

pub(crate) struct Vmstat {
    file: HostFile,
}

impl Vmstat {
    pub(crate) fn new(context: &Context) -> Self {
        Self { file: HostFile::new(context.root.proc("vmstat")) }
    }
}

impl Probe for Vmstat {
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
        tally::read_one(&mut self.file, "pgpgin, pswpin, pgfault lines", |text, tally| {
            for (number, line) in field::lines(text) {
                // Most of the some 170 lines are none of ours and begin otherwise.
                if !(line.starts_with(b"p") || line.starts_with(b"oom_")) {
                    continue;
                }
                let mut words = field::words(line);
                let name = words.next().unwrap_or_default();
                let found = KEYS.iter().zip(METRICS).find(|(key, _)| **key == name);
                let Some((_, metric)) = found else { continue };
                match words.next().and_then(field::number) {
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

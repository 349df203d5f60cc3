//! Probe `cpu`: where each CPU spent its time, from `/proc/stat`.
//!
//! The kernel's per-CPU idle and iowait counters can go backwards by a few ticks, which a rate would take for a
//! restart. As node_exporter does, a value that fell is held at the last one until the source passes it again, unless
//! idle fell so far that the CPU must have been taken out and put back.

use crate::context::Context;
use crate::field;
use crate::metric::counter;
use crate::tally;
use agent_probe::{HostFile, Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::time::Duration;

pub(crate) const NAME: &str = "cpu";

/// Ticks per second in `/proc`, fixed for user space on every architecture (proc(5), `sysconf(_SC_CLK_TCK)`).
const USER_HZ: f64 = 100.0;

/// Idle going back by this much (3 s) is a CPU that was unplugged: node_exporter's `jumpBackSeconds`.
const UNPLUGGED_TICKS: u64 = 300;

/// The kernel's own limit (`NR_CPUS` with `MAXSMP`), so that a garbage file cannot make us keep state without end.
const MAX_CPUS: usize = 8192;

static SECONDS: Metric = counter(
    "node_cpu_seconds_total",
    Unit::Seconds,
    "Time that the CPU spent in each mode.",
    "/proc/stat cpuN fields 1 to 8, ticks of 1/100 s",
);
static GUEST_SECONDS: Metric = counter(
    "node_cpu_guest_seconds_total",
    Unit::Seconds,
    "Time that the CPU spent running guests, which the modes user and nice contain too.",
    "/proc/stat cpuN fields 9 and 10, ticks of 1/100 s",
);
static METRICS: &[&Metric] = &[&SECONDS, &GUEST_SECONDS];

/// The fields of a `cpuN` line in the kernel's order.
static FIELDS: [(&Metric, &str); 10] = [
    (&SECONDS, "user"),
    (&SECONDS, "nice"),
    (&SECONDS, "system"),
    (&SECONDS, "idle"),
    (&SECONDS, "iowait"),
    (&SECONDS, "irq"),
    (&SECONDS, "softirq"),
    (&SECONDS, "steal"),
    (&GUEST_SECONDS, "user"),
    (&GUEST_SECONDS, "nice"),
];
const IDLE: usize = 3;

pub(crate) struct Cpu {
    file: HostFile,
    /// By CPU number.
    cores: Vec<Core>,
}

struct Core {
    label: Box<str>,
    ticks: [u64; FIELDS.len()],
}

impl Cpu {
    pub(crate) fn new(context: &Context) -> Self {
        Self { file: HostFile::new(context.root.proc("stat")), cores: Vec::new() }
    }
}

impl Core {
    /// Takes in new readings, never going back but when the CPU was unplugged.
    fn observe(&mut self, now: &[u64]) {
        if now
            .get(IDLE)
            .is_some_and(|idle| idle.saturating_add(UNPLUGGED_TICKS) <= self.ticks[IDLE])
        {
            self.ticks = [0; FIELDS.len()];
        }
        for (held, now) in self.ticks.iter_mut().zip(now) {
            *held = (*held).max(*now);
        }
    }
}

impl Probe for Cpu {
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
        METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let cores = &mut self.cores;
        tally::read_one(&mut self.file, "cpuN lines", |text, tally| {
            for (number, line) in field::lines(text) {
                let Some(rest) = line.strip_prefix(b"cpu") else {
                    // The cpu lines come first; what follows is long (intr) and none of ours.
                    break;
                };
                if rest.starts_with(b" ") {
                    continue;
                }
                if read_line(rest, cores, sink).is_none() {
                    tally.bad_line(number, "cpuN and its ticks");
                } else {
                    tally.sampled();
                }
            }
        })
    }
}

fn read_line(rest: &[u8], cores: &mut Vec<Core>, sink: &mut Sink) -> Option<()> {
    let end = rest.iter().position(|b| *b == b' ')?;
    let (name, fields) = rest.split_at(end);
    let at = usize::try_from(field::number(name)?).ok().filter(|at| *at < MAX_CPUS)?;
    let mut ticks = [0; FIELDS.len()];
    let count = field::numbers(fields, &mut ticks).filter(|count| *count > IDLE)?;
    while cores.len() <= at {
        cores.push(Core { label: cores.len().to_string().into(), ticks: [0; FIELDS.len()] });
    }
    let core = cores.get_mut(at)?;
    core.observe(ticks.get(..count)?);
    for ((metric, mode), ticks) in FIELDS.iter().zip(core.ticks).take(count) {
        let labels = [("cpu", &*core.label), ("mode", *mode)];
        sink.put(metric, &labels, ticks as f64 / USER_HZ);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn core_after(readings: &[[u64; 5]]) -> [u64; 5] {
        let mut core = Core { label: "0".into(), ticks: [0; FIELDS.len()] };
        for reading in readings {
            core.observe(reading);
        }
        [0, 1, 2, 3, 4].map(|at| core.ticks[at])
    }

    /// Scenario: idle and iowait fall by less than, and by exactly, three seconds. Guarantees: a small fall is held, a
    /// large one starts the CPU afresh.
    #[test]
    fn counters_never_go_back_but_for_an_unplugged_cpu() {
        let start = [50, 1, 20, 1000, 30];
        assert_eq!(core_after(&[start, [51, 1, 20, 999, 29]]), [51, 1, 20, 1000, 30]);
        assert_eq!(core_after(&[start, [4, 0, 2, 701, 3]]), start);
        assert_eq!(core_after(&[start, [4, 0, 2, 700, 3]]), [4, 0, 2, 700, 3]);
    }
}

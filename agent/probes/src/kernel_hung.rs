//! Probe `kernel_hung`: tasks that the kernel found hanging, from `/proc/sys/kernel/hung_task_detect_count` (Linux 6.16).

use crate::context::Context;
use crate::field;
use crate::metric::counter;
use crate::tally;
use agent_probe::{HostFile, Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::time::Duration;

pub(crate) const NAME: &str = "kernel_hung";

static TASKS: Metric = counter(
    "node_kernel_hung_tasks_total",
    Unit::None,
    "Tasks that did not run for longer than kernel.hung_task_timeout_secs, since boot.",
    "/proc/sys/kernel/hung_task_detect_count",
);
static METRICS: &[&Metric] = &[&TASKS];

pub(crate) struct KernelHung {
    file: HostFile,
}

impl KernelHung {
    pub(crate) fn new(context: &Context) -> Self {
        Self { file: HostFile::new(context.root.proc("sys/kernel/hung_task_detect_count")) }
    }
}

impl Probe for KernelHung {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Fast,
            // The kernel itself looks every two minutes.
            default_interval: Duration::from_secs(5),
            default_timeout: Duration::from_millis(500),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        tally::read_one(&mut self.file, "a number", |text, tally| {
            if let Some(count) = field::number(text.trim_ascii()) {
                sink.put(&TASKS, &[], count as f64);
                tally.sampled();
            }
        })
    }
}

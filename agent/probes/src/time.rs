//! Probe `time`: the node's wall clock, and which hardware the kernel takes the time from.

use crate::context::Context;
use crate::field;
use crate::metric::{gauge, info};
use crate::tally::Tally;
use agent_probe::{HostFile, HostRoot, Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Clock, Metric, Unit};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const NAME: &str = "time";

static SECONDS: Metric = gauge(
    "node_time_seconds",
    Unit::Seconds,
    "The node's wall clock, as Unix time.",
    "CLOCK_REALTIME",
);
static AVAILABLE: Metric = info(
    "node_time_clocksource_available_info",
    "A clock that the kernel could use.",
    "/sys/devices/system/clocksource/clocksource0/available_clocksource",
);
static CURRENT: Metric = info(
    "node_time_clocksource_current_info",
    "The clock that the kernel uses. A change from tsc means that it found tsc unstable.",
    "/sys/devices/system/clocksource/clocksource0/current_clocksource",
);
static METRICS: &[&Metric] = &[&SECONDS, &AVAILABLE, &CURRENT];

/// Linux registers one clocksource device (kernel/time/clocksource.c).
const DEVICE: &str = "0";

pub(crate) struct Time {
    clock: Arc<dyn Clock>,
    available: HostFile,
    current: HostFile,
}

impl Time {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            clock: Arc::clone(&context.clock),
            available: clocksource(&context.root, "available_clocksource"),
            current: clocksource(&context.root, "current_clocksource"),
        }
    }
}

fn clocksource(root: &HostRoot, name: &str) -> HostFile {
    HostFile::new(root.sys("devices/system/clocksource/clocksource0").join(name))
}

impl Probe for Time {
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
        let mut tally = Tally::default();
        sink.put(&SECONDS, &[], self.clock.wall().as_secs_f64());
        tally.sampled();
        for (metric, file) in [(&AVAILABLE, &mut self.available), (&CURRENT, &mut self.current)] {
            match file.read() {
                Ok(text) => {
                    for word in field::words(text.trim_ascii_end()) {
                        match field::text(word) {
                            Some(name) => {
                                sink.put(metric, &[("device", DEVICE), ("clocksource", name)], 1.0);
                            }
                            None => tally.bad_line(1, "names of clock sources"),
                        }
                    }
                }
                Err(error) if error.is_not_found() => {}
                Err(error) => tally.complain(error),
            }
            tally.end_file(file.path());
        }
        tally.outcome()
    }
}

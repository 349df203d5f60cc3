//! Probe `loadavg`: the load averages, from `/proc/loadavg`.

use crate::context::Context;
use crate::field;
use crate::metric::{gauge, references};
use crate::tally;
use agent_probe::{HostFile, Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::time::Duration;

pub(crate) const NAME: &str = "loadavg";

static TABLE: [Metric; 3] = [
    gauge("node_load1", Unit::None, "Load average over 1 minute.", "/proc/loadavg field 1"),
    gauge("node_load5", Unit::None, "Load average over 5 minutes.", "/proc/loadavg field 2"),
    gauge("node_load15", Unit::None, "Load average over 15 minutes.", "/proc/loadavg field 3"),
];
static METRICS: [&Metric; 3] = references(&TABLE);

pub(crate) struct Loadavg {
    file: HostFile,
}

impl Loadavg {
    pub(crate) fn new(context: &Context) -> Self {
        Self { file: HostFile::new(context.root.proc("loadavg")) }
    }
}

impl Probe for Loadavg {
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
        tally::read_one(&mut self.file, "three load averages", |text, tally| {
            let mut words = field::words(text.trim_ascii_end());
            for metric in METRICS {
                match words.next().and_then(field::decimal) {
                    Some(value) => {
                        sink.put(metric, &[], value);
                        tally.sampled();
                    }
                    None => tally.bad_line(1, "three load averages"),
                }
            }
        })
    }
}

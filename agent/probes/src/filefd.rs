//! Probe `filefd`: open file handles and their limit, from `/proc/sys/fs/file-nr`.

use crate::context::Context;
use crate::field;
use crate::metric::gauge;
use crate::tally;
use agent_probe::{HostFile, Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::time::Duration;

pub(crate) const NAME: &str = "filefd";

static ALLOCATED: Metric = gauge(
    "node_filefd_allocated",
    Unit::None,
    "File handles in use.",
    "/proc/sys/fs/file-nr field 1",
);
static MAXIMUM: Metric = gauge(
    "node_filefd_maximum",
    Unit::None,
    "Most file handles that may be in use.",
    "/proc/sys/fs/file-nr field 3",
);
static METRICS: &[&Metric] = &[&ALLOCATED, &MAXIMUM];

pub(crate) struct Filefd {
    file: HostFile,
}

impl Filefd {
    pub(crate) fn new(context: &Context) -> Self {
        Self { file: HostFile::new(context.root.proc("sys/fs/file-nr")) }
    }
}

impl Probe for Filefd {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Fast,
            // The kernel sums a per-CPU counter for it, which makes it the dearest small file of all.
            default_interval: Duration::from_secs(5),
            default_timeout: Duration::from_millis(500),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        tally::read_one(&mut self.file, "three numbers", |text, tally| {
            let mut fields = [0; 3];
            if field::numbers(text.trim_ascii_end(), &mut fields) == Some(fields.len()) {
                let [allocated, _, maximum] = fields;
                sink.put(&ALLOCATED, &[], allocated as f64);
                sink.put(&MAXIMUM, &[], maximum as f64);
                tally.sampled();
            }
        })
    }
}

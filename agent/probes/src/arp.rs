//! Probe `arp`: how many neighbours each network device knows, from `/proc/net/arp`.

use crate::context::Context;
use crate::field;
use crate::metric::gauge;
use crate::tally;
use agent_probe::{HostFile, Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) const NAME: &str = "arp";

static ENTRIES: Metric = gauge(
    "node_arp_entries",
    Unit::None,
    "Entries of the ARP table by device.",
    "/proc/net/arp, lines by their sixth field",
);
static METRICS: &[&Metric] = &[&ENTRIES];

/// More devices than any node has; a garbage file cannot make series without end.
const MAX_DEVICES: usize = 256;

pub(crate) struct Arp {
    file: HostFile,
}

impl Arp {
    pub(crate) fn new(context: &Context) -> Self {
        Self { file: HostFile::new(context.root.proc("net/arp")) }
    }
}

impl Probe for Arp {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Fast,
            // The table of a node in a large segment is long and no rule reads it.
            default_interval: Duration::from_secs(15),
            default_timeout: Duration::from_millis(500),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        tally::read_one(&mut self.file, "IP address, HW type, ... Device", |text, tally| {
            let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
            for (number, line) in field::lines(text) {
                if line.starts_with(b"IP address") {
                    // A table with a head and nothing below it is a node without neighbours.
                    tally.sampled();
                    continue;
                }
                match field::words(line).nth(5).and_then(field::text) {
                    Some(device) if counts.len() < MAX_DEVICES || counts.contains_key(device) => {
                        *counts.entry(device).or_default() += 1;
                    }
                    Some(_) => tally.bad_line(number, "at most 256 devices"),
                    None => tally.bad_line(number, "six fields, the last a device"),
                }
            }
            for (device, count) in counts {
                sink.put(&ENTRIES, &[("device", device)], f64::from(count));
                tally.sampled();
            }
        })
    }
}

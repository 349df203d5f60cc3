//! Probe `kmsg`: what the kernel complains of, from `/dev/kmsg`, counted by class.
//!
//! No text leaves the node: a message is held against templates of the kernel's source, and its class is counted. The counts
//! start with the boot where the kernel still has everything since then, so that they go on over a restart of the agent.

mod class;
mod reader;
mod record;

use crate::context::Context;
use crate::metric::counter;
use agent_probe::{Lane, Outcome, Probe, ProbeError, ProbeSpec, Sink};
use class::CLASSES;
use reader::Reader;
use record::Record;
use shared_model::{Metric, Unit};
use std::io::ErrorKind;
use std::time::Duration;

pub(crate) const NAME: &str = "kmsg";

static EVENTS: Metric = counter(
    "wardround_kernel_log_events_total",
    Unit::None,
    "Messages of the kernel since boot that are of this class; `other` are errors of no known class.",
    "/dev/kmsg, held against templates",
);
static MESSAGES: Metric = counter(
    "wardround_kernel_log_messages_total",
    Unit::None,
    "Messages of the kernel by level, 0 emergency to 7 debug.",
    "/dev/kmsg",
);
static LOST: Metric = counter(
    "wardround_kernel_log_lost_total",
    Unit::None,
    "Messages that the kernel overwrote before they were read.",
    "/dev/kmsg, gaps in its numbers",
);
static METRICS: [&Metric; 3] = [&EVENTS, &MESSAGES, &LOST];

/// Levels up to this are errors (`KERN_ERR`).
const ERROR: u8 = 3;

/// Messages of one round; a flood goes on in the next one.
const MAX_RECORDS: usize = 20_000;

/// Names of the levels for the label.
const LEVELS: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];

pub(crate) struct Kmsg {
    reader: Reader,
    /// Counts what programs wrote to `/dev/kmsg` as well, which anybody with the right to write there can make up.
    takes_injected: bool,
    events: [u64; CLASSES.len()],
    messages: [u64; LEVELS.len()],
    lost: u64,
    next: Option<u64>,
}

impl Kmsg {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            reader: Reader::new(&context.root),
            takes_injected: context.kmsg_injected,
            events: [0; CLASSES.len()],
            messages: [0; LEVELS.len()],
            lost: 0,
            next: None,
        }
    }
}

impl Probe for Kmsg {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Slow,
            default_interval: Duration::from_secs(1),
            default_timeout: Duration::from_millis(900),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let mut complaints = Vec::new();
        for _ in 0..MAX_RECORDS {
            match self.reader.next() {
                Ok(None) => break,
                Ok(Some(bytes)) => match record::parse(bytes) {
                    Some(record) => {
                        let gap = self.next.map_or(0, |due| record.sequence.saturating_sub(due));
                        self.lost = self.lost.saturating_add(gap);
                        self.next = Some(record.sequence.saturating_add(1));
                        count(&record, self.takes_injected, &mut self.events, &mut self.messages);
                    }
                    None if complaints.len() < 4 => complaints.push(ProbeError::Parse {
                        path: self.reader.path().to_owned(),
                        line: 0,
                        expected: "PRIORITY,NUMBER,MICROSECONDS,FLAGS;TEXT",
                    }),
                    None => {}
                },
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return crate::tally::absent(self.reader.path());
                }
                Err(source) => {
                    let path = self.reader.path().to_owned();
                    return Outcome::Failed(ProbeError::Read { path, source });
                }
            }
        }
        if self.next.is_none() && !complaints.is_empty() {
            return Outcome::Failed(complaints.swap_remove(0));
        }
        self.put(sink);
        Outcome::with_complaints(complaints)
    }
}

impl Kmsg {
    fn put(&self, sink: &mut Sink) {
        for (class, count) in CLASSES.iter().zip(self.events) {
            let labels = [("class", class.name), ("severity", class.severity)];
            sink.put(&EVENTS, &labels, count as f64);
        }
        for (level, count) in LEVELS.iter().zip(self.messages) {
            sink.put(&MESSAGES, &[("level", level)], count as f64);
        }
        sink.put(&LOST, &[], self.lost as f64);
    }
}

fn count(
    record: &Record<'_>,
    takes_injected: bool,
    events: &mut [u64; CLASSES.len()],
    messages: &mut [u64; LEVELS.len()],
) {
    if !record.is_of_kernel && !takes_injected {
        return;
    }
    if let Some(count) = messages.get_mut(usize::from(record.level)) {
        *count += 1;
    }
    let class = class::of(record.text).or((record.level <= ERROR).then_some(class::OTHER));
    if let Some(count) = class.and_then(|class| events.get_mut(class)) {
        *count += 1;
    }
}

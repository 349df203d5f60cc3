//! Probe `kmsg`: what the kernel complains of, from `/dev/kmsg`, counted by class.
//!
//! No text leaves the node: a message is held against templates of the kernel's source, and its class is counted. The log is
//! read from its beginning when the agent starts, and the messages' own times say which are of the last hour, so that
//! neither a restart of the agent hides one nor an old one looks new.

mod class;
mod reader;
mod record;

use crate::context::Context;
use crate::metric::{counter, gauge};
use agent_probe::{Lane, Outcome, Probe, ProbeError, ProbeSpec, Sink};
use class::CLASSES;
use reader::Reader;
use record::Record;
use shared_model::{Clock, Metric, Unit};
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const NAME: &str = "kmsg";

static EVENTS: Metric = counter(
    "wardround_kernel_log_events_total",
    Unit::None,
    "Messages of this class since boot, as far as the kernel still had them when the agent started; `other` are errors of \
     no known class.",
    "/dev/kmsg, held against templates",
);
static RECENT: Metric = gauge(
    "wardround_kernel_log_recent_events",
    Unit::None,
    "Messages of this class within the last hour by their own times, at most 1000.",
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
static METRICS: [&Metric; 4] = [&EVENTS, &RECENT, &MESSAGES, &LOST];

/// What is recent. An incident of a message ends when none came for this long.
const RECENT_MICROS: u64 = 3_600_000_000;

/// Times that are kept of one class.
const MAX_RECENT: usize = 1000;

/// Levels up to this are errors (`KERN_ERR`).
const ERROR: u8 = 3;

/// Messages of one round; a flood goes on in the next one.
const MAX_RECORDS: usize = 20_000;

/// Names of the levels for the label.
const LEVELS: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];

pub(crate) struct Kmsg {
    reader: Reader,
    is_live: bool,
    clock: Arc<dyn Clock>,
    /// Counts what programs wrote to `/dev/kmsg` as well, which anybody with the right to write there can make up.
    takes_injected: bool,
    counts: Counts,
    lost: u64,
    next: Option<u64>,
}

/// What was said so far.
struct Counts {
    events: [u64; CLASSES.len()],
    messages: [u64; LEVELS.len()],
    /// Times of the last messages of each class, oldest first.
    recent: [VecDeque<u64>; CLASSES.len()],
    /// Time of the newest message.
    newest: u64,
}

impl Kmsg {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            reader: Reader::new(&context.root),
            is_live: context.root.is_live(),
            clock: Arc::clone(&context.clock),
            takes_injected: context.kmsg_injected,
            counts: Counts {
                events: [0; CLASSES.len()],
                messages: [0; LEVELS.len()],
                recent: std::array::from_fn(|_| VecDeque::new()),
                newest: 0,
            },
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
                        if record.is_of_kernel || self.takes_injected {
                            self.counts.count(&record);
                        }
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

    fn wake(&self) -> Option<BorrowedFd<'_>> {
        self.reader.fd()
    }
}

impl Kmsg {
    fn put(&mut self, sink: &mut Sink) {
        let now = match self.is_live {
            true => self.clock.boot().as_micros(),
            // A captured log is as old as its last message.
            false => self.counts.newest,
        };
        for (class, recent) in CLASSES.iter().zip(&mut self.counts.recent) {
            while recent.front().is_some_and(|at| now.saturating_sub(*at) >= RECENT_MICROS) {
                recent.pop_front();
            }
            let labels = [("class", class.name), ("severity", class.severity)];
            sink.put(&RECENT, &labels, recent.len() as f64);
        }
        for (class, count) in CLASSES.iter().zip(self.counts.events) {
            let labels = [("class", class.name), ("severity", class.severity)];
            sink.put(&EVENTS, &labels, count as f64);
        }
        for (level, count) in LEVELS.iter().zip(self.counts.messages) {
            sink.put(&MESSAGES, &[("level", level)], count as f64);
        }
        sink.put(&LOST, &[], self.lost as f64);
    }
}

impl Counts {
    fn count(&mut self, record: &Record<'_>) {
        if let Some(count) = self.messages.get_mut(usize::from(record.level)) {
            *count += 1;
        }
        self.newest = self.newest.max(record.micros);
        let known = class::of(record.text);
        let Some(class) = known.or((record.level <= ERROR).then_some(class::OTHER)) else {
            return;
        };
        if let (Some(count), Some(recent)) =
            (self.events.get_mut(class), self.recent.get_mut(class))
        {
            *count += 1;
            if recent.len() >= MAX_RECENT {
                recent.pop_front();
            }
            recent.push_back(record.micros);
        }
    }
}

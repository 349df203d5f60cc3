//! Probe `smart`: what SATA and SAS disks say of themselves, through `smartctl` with fixed arguments.
//!
//! A disk is asked every five minutes at most and never woken up (`-n standby`); in between its last answer is given again,
//! with its age, until it is three times as old. NVMe drives are the probe `nvme`'s.

mod report;

use crate::context::Context;
use crate::exec::{NoOutput, Program};
use crate::tally::Tally;
use agent_probe::{Lane, Outcome, Probe, ProbeError, ProbeSpec, Sink};
use report::{Answer, Report};
use shared_model::{BootTime, Clock, Metric};
use std::io;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const NAME: &str = "smart";

/// Between two questions to one disk.
const ASK_EVERY: Duration = Duration::from_secs(300);

/// An answer older than this says nothing any more.
const KEEP: Duration = Duration::from_secs(900);

/// A disk that does not answer within this is left for the next time.
const DISK_TIMEOUT: Duration = Duration::from_secs(10);

/// What a round may spend on asking; disks that it does not come to are asked in the next one.
const BUDGET: Duration = Duration::from_secs(30);

/// More disks than an appliance's node has slots for.
const MAX_DISKS: usize = 128;

const SCAN: [&str; 2] = ["--json=c", "--scan"];

pub(crate) struct Smart {
    smartctl: Program,
    clock: Arc<dyn Clock>,
    disks: Vec<Disk>,
    scanned: Option<BootTime>,
}

struct Disk {
    name: String,
    kind: String,
    asked: Option<BootTime>,
    answer: Option<(BootTime, Report)>,
}

impl Smart {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            smartctl: Program::new(&context.root, "smartctl", DISK_TIMEOUT),
            clock: Arc::clone(&context.clock),
            disks: Vec::new(),
            scanned: None,
        }
    }
}

impl Probe for Smart {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Slow,
            default_interval: Duration::from_secs(60),
            default_timeout: Duration::from_secs(55),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &report::METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let mut tally = Tally::default();
        let begun = self.clock.boot();
        let is_due = |since: Option<BootTime>| since.is_none_or(|at| begun.since(at) >= ASK_EVERY);
        if is_due(self.scanned) {
            match self.scan() {
                Ok(()) => self.scanned = Some(begun),
                Err(NoOutput::NotInstalled) => {
                    return Outcome::Absent("smartctl is not installed".to_owned());
                }
                Err(NoOutput::Failed(error)) => return Outcome::Failed(error),
            }
        }
        if self.disks.is_empty() {
            return Outcome::Absent("no disk that smartctl knows".to_owned());
        }
        for disk in &mut self.disks {
            if is_due(disk.asked) && self.clock.boot().since(begun) < BUDGET {
                disk.asked = Some(self.clock.boot());
                if let Err(error) = disk.ask(&self.smartctl, self.clock.boot()) {
                    tally.complain(error);
                }
            }
            let now = self.clock.boot();
            if let Some((at, report)) = &disk.answer
                && now.since(*at) < KEEP
            {
                report.put(&disk.name, now.since(*at), sink);
                tally.sampled();
            }
        }
        tally.outcome()
    }
}

impl Smart {
    /// Lists the disks, keeping what is known of those that are still there.
    fn scan(&mut self) -> Result<(), NoOutput> {
        let printed = self.smartctl.run(&SCAN, "smartctl-scan")?;
        let Some(found) = report::devices(&printed.bytes) else {
            return Err(NoOutput::Failed(ProbeError::Parse {
                path: printed.source,
                line: 0,
                expected: "a list of devices in JSON",
            }));
        };
        let mut known = std::mem::take(&mut self.disks);
        for (name, kind) in found.into_iter().take(MAX_DISKS) {
            let same = known.iter().position(|disk| disk.name == name && disk.kind == kind);
            self.disks.push(match same {
                Some(at) => known.swap_remove(at),
                None => Disk { name, kind, asked: None, answer: None },
            });
        }
        Ok(())
    }
}

impl Disk {
    fn ask(&mut self, smartctl: &Program, now: BootTime) -> Result<(), ProbeError> {
        let arguments = ["--json=c", "-n", "standby", "-a", "-d", &self.kind, &self.name];
        let captured = format!("smartctl{}", self.name.replace('/', "-"));
        match smartctl.run(&arguments, &captured) {
            Ok(printed) => match Report::parse(&printed.bytes) {
                Some(Answer::Said(report)) => self.answer = Some((now, report)),
                // What it said before stays true.
                Some(Answer::Asleep) => {}
                Some(Answer::Refused) => {
                    let what = format!("smartctl cannot read {}", self.name);
                    return Err(ProbeError::Query { what });
                }
                None => {
                    return Err(ProbeError::Parse {
                        path: printed.source,
                        line: 0,
                        expected: "a report in JSON",
                    });
                }
            },
            Err(NoOutput::NotInstalled) => {
                let source = io::Error::from(io::ErrorKind::NotFound);
                return Err(ProbeError::Read { path: captured.into(), source });
            }
            Err(NoOutput::Failed(error)) => return Err(error),
        }
        Ok(())
    }
}

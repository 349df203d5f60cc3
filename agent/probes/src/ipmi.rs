//! Probe `ipmi`: sensors, power supplies, chassis and event log of the server's own management controller (BMC).
//!
//! Asked through `ipmitool` with fixed arguments over the local interface, which needs root. A BMC may take seconds for an
//! answer and hang for good: the probe has a thread of its own, each question its own timeout, and a question that failed
//! costs its own readings only.

mod chassis;
mod sdr;
mod sel;
mod severity;

use crate::context::Context;
use crate::exec::{NoOutput, Printed, Program};
use crate::tally::Tally;
use agent_probe::{HostRoot, Lane, Outcome, Probe, ProbeSpec, Sink};
use sel::EventLog;
use shared_model::Metric;
use std::time::Duration;

pub(crate) const NAME: &str = "ipmi";

static METRICS: [&Metric; sdr::METRICS.len() + chassis::METRICS.len() + sel::METRICS.len()] = {
    let mut all =
        [sdr::METRICS[0]; sdr::METRICS.len() + chassis::METRICS.len() + sel::METRICS.len()];
    let (sensors, chassis) = (sdr::METRICS.len(), chassis::METRICS.len());
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < sensors {
            sdr::METRICS[at]
        } else if at < sensors + chassis {
            chassis::METRICS[at - sensors]
        } else {
            sel::METRICS[at - sensors - chassis]
        };
        at += 1;
    }
    all
};

/// Device files of the kernel's driver under its different names.
const DEVICES: [&str; 3] = ["dev/ipmi0", "dev/ipmi/0", "dev/ipmidev/0"];

/// A slow BMC takes ten seconds for all of its sensors; four questions fit into the probe's timeout.
const SENSORS_TIMEOUT: Duration = Duration::from_secs(12);
const QUESTION_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) struct Ipmi {
    root: HostRoot,
    sensors: Program,
    question: Program,
    log: EventLog,
}

impl Ipmi {
    pub(crate) fn new(context: &Context) -> Self {
        let root = &context.root;
        Self {
            root: root.clone(),
            sensors: Program::new(root, "ipmitool", SENSORS_TIMEOUT),
            question: Program::new(root, "ipmitool", QUESTION_TIMEOUT),
            log: EventLog::default(),
        }
    }
}

impl Probe for Ipmi {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Slow,
            default_interval: Duration::from_secs(30),
            default_timeout: Duration::from_secs(29),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        if self.root.is_live() && !DEVICES.iter().any(|path| self.root.host(path).exists()) {
            return Outcome::Absent("no /dev/ipmi0".to_owned());
        }
        let mut tally = Tally::default();
        let sensors = self.sensors.run(&["-I", "open", "sdr", "elist"], "ipmitool-sdr-elist");
        let chassis = self.question.run(&["-I", "open", "chassis", "status"], "ipmitool-chassis");
        let info = self.question.run(&["-I", "open", "sel", "info"], "ipmitool-sel-info");
        let absent = |output: &_| matches!(output, Err(NoOutput::NotInstalled));
        if absent(&sensors) && absent(&chassis) && absent(&info) {
            return Outcome::Absent("ipmitool is not installed".to_owned());
        }
        take(sensors, &mut tally, |text, tally| sdr::put(text, sink, tally));
        take(chassis, &mut tally, |text, tally| chassis::put(text, sink, tally));
        let log = &mut self.log;
        let mut changed = None;
        take(info, &mut tally, |text, tally| {
            if sel::put_info(text, sink, tally) && log.is_changed(text) {
                changed = Some(text.to_owned());
            }
        });
        if let Some(info) = changed {
            let list = self.question.run(&["-I", "open", "-c", "sel", "list"], "ipmitool-sel-list");
            take(list, &mut tally, |text, _| log.take(info, text));
        }
        log.put(sink, &mut tally);
        tally.outcome()
    }
}

/// Hands on what was printed; what could not be had becomes a complaint.
fn take(
    output: Result<Printed, NoOutput>,
    tally: &mut Tally,
    parse: impl FnOnce(&[u8], &mut Tally),
) {
    match output {
        Ok(Printed { bytes, source }) => {
            parse(&bytes, tally);
            tally.end_file(&source);
        }
        Err(NoOutput::NotInstalled) => {}
        Err(NoOutput::Failed(error)) => tally.complain(error),
    }
}

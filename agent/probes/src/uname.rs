//! Probe `uname`: the kernel and the node's name, from `uname(2)`, or from `/proc/sys/kernel` of a captured tree.

use crate::context::Context;
use crate::metric::info;
use crate::tally;
use agent_probe::{HostFile, HostRoot, Lane, Outcome, Probe, ProbeError, ProbeSpec, Sink};
use shared_model::Metric;
use std::time::Duration;

pub(crate) const NAME: &str = "uname";

static INFO: Metric = info(
    "node_uname_info",
    "The kernel and the node's name.",
    "uname(2); in a captured tree /proc/sys/kernel/{ostype,osrelease,version,arch,hostname,domainname}",
);
static METRICS: &[&Metric] = &[&INFO];

/// Labels and the files that hold them. `arch` exists since Linux 6.1.
const FILES: [(&str, &str); 6] = [
    ("sysname", "ostype"),
    ("release", "osrelease"),
    ("version", "version"),
    ("machine", "arch"),
    ("nodename", "hostname"),
    ("domainname", "domainname"),
];

pub(crate) struct Uname {
    root: HostRoot,
}

impl Uname {
    pub(crate) fn new(context: &Context) -> Self {
        Self { root: context.root.clone() }
    }
}

impl Probe for Uname {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Fast,
            // Nothing but the host name changes without a reboot.
            default_interval: Duration::from_secs(60),
            default_timeout: Duration::from_millis(500),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        if self.root.is_live() {
            return read_live(sink);
        }
        match self.read_captured() {
            Ok(values) if values.iter().all(String::is_empty) => {
                tally::absent(&self.root.proc("sys/kernel/ostype"))
            }
            Ok(values) => {
                put(values.each_ref().map(String::as_str), sink);
                Outcome::Sampled
            }
            Err(error) => Outcome::Failed(error),
        }
    }
}

impl Uname {
    /// The values in the order of [`FILES`], empty where the file is missing.
    fn read_captured(&self) -> Result<[String; FILES.len()], ProbeError> {
        let mut values = FILES.map(|_| String::new());
        for (value, (_, name)) in values.iter_mut().zip(FILES) {
            let mut file = HostFile::new(self.root.proc("sys/kernel").join(name));
            match file.read_text() {
                Ok(text) => text.trim_end().clone_into(value),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(values)
    }
}

fn read_live(sink: &mut Sink) -> Outcome {
    let uname = rustix::system::uname();
    let texts = [
        uname.sysname(),
        uname.release(),
        uname.version(),
        uname.machine(),
        uname.nodename(),
        uname.domainname(),
    ]
    .map(|text| text.to_string_lossy());
    put(texts.each_ref().map(AsRef::as_ref), sink);
    Outcome::Sampled
}

fn put(values: [&str; FILES.len()], sink: &mut Sink) {
    let mut labels = FILES;
    for (label, value) in labels.iter_mut().zip(values) {
        label.1 = value;
    }
    sink.put(&INFO, &labels, 1.0);
}

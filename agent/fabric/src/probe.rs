//! Probe `fabric`.

use crate::attribute::Speed;
use crate::discovery::Discovery;
use crate::emit::{Expected, Memory, emit};
use crate::metrics::METRICS;
use crate::reading::{PORTS_MAX, read_counters, read_managers};
use crate::topology::Fabric;
use crate::umad::{Ask, AskError, Umad};
use agent_probe::{Lane, Outcome, Probe, ProbeError, ProbeSpec, Sink};
use shared_model::{Clock, Metric};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Name of the probe.
pub const NAME: &str = "fabric";

/// Devices that are looked for in a folder: a server has two ports per adapter and a few adapters.
const DEVICES_MAX: usize = 16;

/// A round asks nothing any more after this: what is left is unreadable in this round. Below the probe's timeout, so that
/// what was read is kept.
const ROUND_MAX: Duration = Duration::from_secs(20);

/// How the fabric is read.
#[derive(Clone, Debug)]
pub struct FabricSettings {
    /// Folder of the device files: `/dev/infiniband`.
    pub folder: PathBuf,
    /// Name of the one device to read through, such as `umad0`; `None` for every one that leads to something new.
    pub device: Option<String>,
    /// What the fabric is called; becomes the label `instance` of every series, so that another reader goes on with them.
    pub name: String,
    /// Lanes that every link should have; `None` for what both its ends support.
    pub expected_lanes: Option<u8>,
    /// Speed of a lane that every link should have, `SDR` to `NDR`; `None` for what both its ends support.
    pub expected_speed: Option<String>,
}

/// Names of the speeds that [`FabricSettings::expected_speed`] knows.
pub const SPEEDS: [&str; 7] = ["SDR", "DDR", "QDR", "FDR", "EDR", "HDR", "NDR"];

/// Reads a whole InfiniBand fabric through the ports of this node.
pub struct FabricProbe {
    settings: FabricSettings,
    clock: Arc<dyn Clock>,
    expected: Expected,
    /// Open devices and, in the same order, their files.
    devices: Vec<Box<dyn Ask + Send>>,
    paths: Vec<PathBuf>,
    memory: Memory,
    /// Devices whose port had a link since the start.
    linked: BTreeSet<PathBuf>,
    /// The GUID with which the next round's counters begin.
    begin_at: u64,
}

impl FabricProbe {
    /// A probe that opens its devices at the first round.
    pub fn new(settings: FabricSettings, clock: Arc<dyn Clock>) -> Self {
        let speed = settings.expected_speed.as_deref().and_then(Speed::named);
        Self {
            expected: Expected { lanes: settings.expected_lanes, speed },
            settings,
            clock,
            devices: Vec::new(),
            paths: Vec::new(),
            memory: Memory::default(),
            linked: BTreeSet::new(),
            begin_at: 0,
        }
    }

    /// Opens what is not open yet; what stood in the way of the first that could not be opened.
    fn open(&mut self) -> Option<ProbeError> {
        let mut refused = None;
        for number in 0..DEVICES_MAX {
            let path = self.settings.folder.join(format!("umad{number}"));
            let is_wanted = self.settings.device.as_deref().is_none_or(|only| path.ends_with(only));
            if !is_wanted || self.paths.contains(&path) {
                continue;
            }
            match Umad::open(&path, Arc::clone(&self.clock)) {
                Ok(device) => {
                    self.devices.push(Box::new(device));
                    self.paths.push(path);
                }
                Err(error) if is_missing(&error) => {}
                Err(source) => refused = refused.or(Some(ProbeError::Read { path, source })),
            }
        }
        refused
    }

    /// Finds and reads everything within reach of the devices; complaints.
    ///
    /// # Errors
    /// A device failed, or none has a link.
    fn round(&mut self, sink: &mut Sink) -> Result<Vec<ProbeError>, ProbeError> {
        let begun = self.clock.boot();
        let clock = Arc::clone(&self.clock);
        let has_time = move || clock.boot().since(begun) < ROUND_MAX;
        let mut fabric = Fabric::new();
        let mut complaints = Vec::new();
        let mut has_link = false;
        for (device, (ask, path)) in self.devices.iter_mut().zip(&self.paths).enumerate() {
            let ask = ask.as_mut();
            let mut discovery = Discovery { ask, device, has_time: &has_time, fabric: &mut fabric };
            match discovery.run() {
                Ok(true) => {
                    has_link = true;
                    self.linked.insert(path.clone());
                }
                // What it led to is cut off from here, not gone. A port that never had a link led to nothing.
                Ok(false) => fabric.is_complete &= !self.linked.contains(path),
                Err(error) => complaints.push(failed(path, error)),
            }
        }
        if !has_link {
            let cut =
                || query("no port of this node has a link, so that nothing of the fabric is seen");
            return Err(complaints.into_iter().next().unwrap_or_else(cut));
        }
        let first = self.paths.first().map_or(Path::new(""), PathBuf::as_path);
        let begin_at = std::mem::take(&mut self.begin_at);
        let read = read_counters(&mut fabric, &mut self.devices, &has_time, begin_at);
        self.begin_at = read.map_err(|error| failed(first, error))?;
        read_managers(&mut fabric, &mut self.devices).map_err(|error| failed(first, error))?;
        fabric.is_complete &= complaints.is_empty();
        emit(&fabric, self.expected, &mut self.memory, begun, sink);
        complaints.extend(remarks(&fabric, has_time()));
        Ok(complaints)
    }
}

/// What a round left out, in words.
fn remarks(fabric: &Fabric, has_time: bool) -> Vec<ProbeError> {
    let ports = || fabric.nodes.values().flat_map(|node| node.ports.values());
    let linked = ports().filter(|port| port.info.is_some_and(|info| info.is_up())).count();
    let unreadable = ports().filter(|port| port.is_unreadable).count();
    let mut remarks = Vec::new();
    if unreadable > 0 {
        remarks.push(query(&format!("{unreadable} ports of the fabric could not be read")));
    }
    if linked > PORTS_MAX {
        remarks.push(query(&format!("counters of {PORTS_MAX} of {linked} linked ports are read")));
    }
    if !has_time {
        remarks
            .push(query("the fabric did not answer in time; the rest is read in the next round"));
    }
    remarks
}

impl Probe for FabricProbe {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "fabric",
            lane: Lane::Slow,
            default_interval: Duration::from_secs(30),
            default_timeout: Duration::from_secs(25),
        }
    }

    fn instance(&self) -> &str {
        &self.settings.name
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let refused = self.open();
        if self.devices.is_empty() {
            let folder = self.settings.folder.display();
            let absent = || Outcome::Absent(format!("no {folder}/umad*"));
            return refused.map_or_else(absent, Outcome::Failed);
        }
        match self.round(sink) {
            Ok(complaints) => Outcome::with_complaints(complaints),
            Err(error) => {
                // An adapter that was reset has its files anew.
                self.devices.clear();
                self.paths.clear();
                Outcome::Failed(error)
            }
        }
    }
}

fn failed(path: &Path, error: AskError) -> ProbeError {
    match error {
        AskError::Device(source) => ProbeError::Read { path: path.to_owned(), source },
        other => query(&format!("{}: {other}", path.display())),
    }
}

fn query(what: &str) -> ProbeError {
    ProbeError::Query { what: what.to_owned() }
}

/// No such file, or a file without a device behind it.
fn is_missing(error: &io::Error) -> bool {
    let missing = [libc::ENOENT, libc::ENXIO, libc::ENODEV];
    error.raw_os_error().is_some_and(|code| missing.contains(&code))
}

#[cfg(test)]
#[path = "probe/tests.rs"]
mod tests;

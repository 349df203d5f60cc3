//! Probe `infiniband`: state, rate and counters of each InfiniBand port, from `/sys/class/infiniband`.
//!
//! Every file is independently fallible: a device without `fw_ver` or a port without counters costs that reading only.
//! Error counters of the port stand still at all-ones instead of wrapping, which a rate would take for health, so
//! `wardround_infiniband_counter_saturated` says when one is blind until it is reset.

mod counters;
mod port;

use crate::context::Context;
use crate::link_events::LinkEvents;
use crate::metric::info;
use crate::tally::{self, Tally};
use agent_probe::{HostFile, HostRoot, Lane, Outcome, Probe, ProbeError, ProbeSpec, Sink};
use port::Port;
use shared_model::Metric;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const NAME: &str = "infiniband";

static INFO: Metric = info(
    "node_infiniband_info",
    "The adapter, its firmware and its board.",
    "/sys/class/infiniband/<device>/{board_id,fw_ver,hca_type}",
);

static METRICS: [&Metric; 1 + port::METRICS.len() + counters::METRICS.len()] = {
    let mut all = [&INFO; 1 + port::METRICS.len() + counters::METRICS.len()];
    let mut at = 1;
    while at < all.len() {
        let behind_info = at - 1;
        all[at] = match behind_info < port::METRICS.len() {
            true => port::METRICS[behind_info],
            false => counters::METRICS[behind_info - port::METRICS.len()],
        };
        at += 1;
    }
    all
};

/// Rounds after which the folders are listed again: a new adapter is seen within ten seconds, and listing costs more
/// than reading.
const SCAN_ROUNDS: u32 = 10;

/// More ports than a chassis has slots for; each keeps up to 75 files open.
const MAX_PORTS: usize = 64;

pub(crate) struct Infiniband {
    class: PathBuf,
    devices: Vec<Device>,
    rounds_to_scan: u32,
    /// An InfiniBand port carries a network link too, IPoIB or RoCE, whose loss the kernel tells at once. Opened at the first
    /// round, and not where nothing is to be woken.
    events: Option<LinkEvents>,
}

struct Device {
    name: Box<str>,
    board: Box<str>,
    firmware: Box<str>,
    kind: Box<str>,
    ports: Vec<Port>,
}

impl Infiniband {
    pub(crate) fn new(context: &Context) -> Self {
        let root: &HostRoot = context.infiniband_root.as_ref().unwrap_or(&context.root);
        Self {
            class: root.sys("class/infiniband"),
            devices: Vec::new(),
            rounds_to_scan: 0,
            events: None,
        }
    }
}

impl Probe for Infiniband {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            // The driver asks the firmware for each counter; an adapter in reset does not answer for up to a minute and
            // must not hold up the readings of the server itself.
            lane: Lane::Slow,
            default_interval: Duration::from_secs(1),
            default_timeout: Duration::from_millis(900),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let mut tally = Tally::default();
        // Before the files, so that what changes while they are read wakes again.
        if let Some(events) = &self.events {
            events.drain();
        }
        if self.rounds_to_scan == 0 {
            match self.scan(&mut tally) {
                Ok(()) => self.rounds_to_scan = SCAN_ROUNDS,
                Err(error) if error.is_not_found() => {
                    self.devices.clear();
                    return tally::absent(&self.class);
                }
                Err(error) => return Outcome::Failed(error),
            }
        }
        self.rounds_to_scan -= 1;
        if self.devices.is_empty() {
            self.rounds_to_scan = 0;
            return match tally.outcome() {
                Outcome::Sampled => Outcome::Absent("no InfiniBand device".to_owned()),
                failed => failed,
            };
        }
        if self.events.is_none() {
            self.events = LinkEvents::open();
        }
        for device in &mut self.devices {
            let labels = [
                ("device", &*device.name),
                ("board_id", &*device.board),
                ("firmware_version", &*device.firmware),
                ("hca_type", &*device.kind),
            ];
            sink.put(&INFO, &labels, 1.0);
            tally.sampled();
            for port in &mut device.ports {
                if !port.read(&device.name, sink, &mut tally) {
                    // Perhaps it is gone: the next round looks.
                    self.rounds_to_scan = 0;
                }
            }
        }
        tally.outcome()
    }

    fn wake(&self) -> Option<BorrowedFd<'_>> {
        self.events.as_ref().map(AsFd::as_fd)
    }
}

impl Infiniband {
    /// Lists devices and ports, keeping the files of those that are known already.
    fn scan(&mut self, tally: &mut Tally) -> Result<(), ProbeError> {
        let mut known = std::mem::take(&mut self.devices);
        let mut ports = 0;
        for name in list(&self.class)? {
            let folder = self.class.join(&*name);
            let mut device = match known.iter().position(|device| device.name == name) {
                Some(at) => known.swap_remove(at),
                None => Device::new(name),
            };
            device.describe(&folder);
            if let Err(error) = device.scan_ports(&folder.join("ports"), MAX_PORTS - ports) {
                tally.complain(error);
            }
            ports += device.ports.len();
            self.devices.push(device);
        }
        Ok(())
    }
}

impl Device {
    fn new(name: Box<str>) -> Self {
        Self {
            name,
            board: Box::default(),
            firmware: Box::default(),
            kind: Box::default(),
            ports: Vec::new(),
        }
    }

    /// Reads the constant texts again: firmware changes without a reboot. A missing one is an empty label.
    fn describe(&mut self, folder: &Path) {
        let read = |name| {
            let mut file = HostFile::new(folder.join(name));
            file.read_text().map_or_else(|_| Box::default(), |text| text.trim().into())
        };
        self.board = read("board_id");
        self.firmware = read("fw_ver");
        self.kind = read("hca_type");
    }

    fn scan_ports(&mut self, folder: &Path, room: usize) -> Result<(), ProbeError> {
        let mut known = std::mem::take(&mut self.ports);
        for name in list(folder)? {
            if self.ports.len() >= room {
                let source = io::Error::other("more than 64 InfiniBand ports");
                return Err(ProbeError::Read { path: folder.to_owned(), source });
            }
            let mut port = match known.iter().position(|port| *port.name() == *name) {
                Some(at) => known.swap_remove(at),
                None => Port::new(name, folder),
            };
            port.find_counters();
            self.ports.push(port);
        }
        Ok(())
    }
}

/// The names in a folder, sorted so that series keep their order.
fn list(folder: &Path) -> Result<Vec<Box<str>>, ProbeError> {
    let failed = |source| ProbeError::Read { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into());
    }
    names.sort_unstable();
    Ok(names)
}

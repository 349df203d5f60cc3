//! Probe `pcidevice`: each PCI device, its power state and its link: an adapter or disk that came up with fewer lanes or
//! slower than it could is a fault that nothing else shows. From `/sys/bus/pci/devices`.
//!
//! Only devices with a link of their own are taken: what is built into the processor and the virtual functions of an
//! adapter would be hundreds of series that say nothing. It runs in the slow lane: reading a link asks the device's configuration space, which a dying device answers late.

mod link;

use crate::attribute::{Reader, Round, Row, hexadecimal, number, number_or_none};
use crate::context::Context;
use crate::metric::{gauge, info};
use agent_probe::{Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const NAME: &str = "pcidevice";

static INFO: Metric = info(
    "node_pcidevice_info",
    "What the device is and which bridge it hangs on.",
    "/sys/bus/pci/devices/<location>/{class,vendor,device,subsystem_vendor,subsystem_device,revision}",
);
static POWER_STATE: Metric = gauge(
    "node_pcidevice_power_state",
    Unit::None,
    "1 for the power state that the device is in, 0 for the others.",
    "/sys/bus/pci/devices/<location>/power_state",
);

metric_table! { ROWS: Row, VALUES;
    ("d3cold_allowed", number) => gauge("node_pcidevice_d3cold_allowed", Unit::None, "1 when the device may be switched off.", "/sys/bus/pci/devices/<location>/d3cold_allowed"),
    ("numa_node", number_or_none) => gauge("node_pcidevice_numa_node", Unit::None, "NUMA node that the device is closest to.", "/sys/bus/pci/devices/<location>/numa_node"),
    ("sriov_drivers_autoprobe", number) => gauge("node_pcidevice_sriov_drivers_autoprobe", Unit::None, "1 when drivers are bound to virtual functions by themselves.", "/sys/bus/pci/devices/<location>/sriov_drivers_autoprobe"),
    ("sriov_numvfs", number) => gauge("node_pcidevice_sriov_numvfs", Unit::None, "Virtual functions enabled.", "/sys/bus/pci/devices/<location>/sriov_numvfs"),
    ("sriov_totalvfs", number) => gauge("node_pcidevice_sriov_totalvfs", Unit::None, "Virtual functions that could be enabled.", "/sys/bus/pci/devices/<location>/sriov_totalvfs"),
    ("sriov_vf_total_msix", number) => gauge("node_pcidevice_sriov_vf_total_msix", Unit::None, "Interrupt vectors for virtual functions.", "/sys/bus/pci/devices/<location>/sriov_vf_total_msix"),
}

static METRICS: [&Metric; 2 + VALUES.len() + link::METRICS.len()] = {
    let mut all = [&INFO; 2 + VALUES.len() + link::METRICS.len()];
    all[1] = &POWER_STATE;
    let mut at = 2;
    while at < all.len() {
        all[at] = match at - 2 < VALUES.len() {
            true => VALUES[at - 2],
            false => link::METRICS[at - 2 - VALUES.len()],
        };
        at += 1;
    }
    all
};

/// A large node has some 300, with virtual functions of its adapters 1500.
const MAX_DEVICES: usize = 4096;

const POWER_STATES: [&str; 7] = ["D0", "D1", "D2", "D3hot", "D3cold", "unknown", "error"];

/// Where a device is: segment, bus, device, function, as the labels of every metric.
type Location<'a> = [(&'static str, &'a str); 4];

pub(crate) struct Pcidevice {
    folder: PathBuf,
    reader: Reader,
}

impl Pcidevice {
    pub(crate) fn new(context: &Context) -> Self {
        Self { folder: context.root.sys("bus/pci/devices"), reader: Reader::default() }
    }
}

impl Probe for Pcidevice {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Slow,
            default_interval: Duration::from_secs(60),
            default_timeout: Duration::from_secs(20),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let mut round = Round::new(&mut self.reader, sink);
        for name in round.names(&self.folder, MAX_DEVICES) {
            if let Some(location) = location(&name) {
                read_device(&self.folder.join(&*name), &name, location, &mut round);
            }
        }
        round.end(&self.folder)
    }
}

fn read_device(folder: &Path, name: &str, location: Location<'_>, round: &mut Round<'_>) {
    if !link::has_lanes(folder, round) {
        return;
    }
    let Some(class) = round.value(&folder.join("class"), hexadecimal) else { return };
    let parent = parent(folder);
    put_info(folder, class as u64, parent.as_deref(), location, round);
    round.put_rows(folder, (ROWS, &VALUES), &location);
    if let Some(now) = round.some_text(&folder.join("power_state")) {
        for state in POWER_STATES {
            let [segment, bus, device, function] = location;
            let labels = [segment, bus, device, function, ("state", state)];
            round.put(&POWER_STATE, &labels, f64::from(u8::from(state == now)));
        }
    }
    link::read(folder, (name, class as u64), location, round);
}

/// Numbers are given the width that node_exporter gives them, whatever the kernel wrote.
fn put_info(
    folder: &Path,
    class: u64,
    parent: Option<&str>,
    [segment, bus, device, function]: Location<'_>,
    round: &mut Round<'_>,
) {
    let [vendor, model, sub_vendor, sub_model, revision] =
        ["vendor", "device", "subsystem_vendor", "subsystem_device", "revision"]
            .map(|file| round.value(&folder.join(file), hexadecimal).unwrap_or(0.0) as u64);
    let wide = |id: u64| format!("{id:#06x}");
    let texts = [
        format!("{class:#08x}"),
        wide(vendor),
        wide(model),
        wide(sub_vendor),
        wide(sub_model),
        format!("{revision:#04x}"),
    ];
    let [class, vendor, model, sub_vendor, sub_model, revision] =
        texts.each_ref().map(String::as_str);
    let above = parent.and_then(location).map_or(["*"; 4], |parent| parent.map(|(_, text)| text));
    let labels = [
        segment,
        bus,
        device,
        function,
        ("parent_segment", above[0]),
        ("parent_bus", above[1]),
        ("parent_device", above[2]),
        ("parent_function", above[3]),
        ("class_id", class),
        ("vendor_id", vendor),
        ("device_id", model),
        ("subsystem_vendor_id", sub_vendor),
        ("subsystem_device_id", sub_model),
        ("revision", revision),
    ];
    round.put(&INFO, &labels, 1.0);
}

/// `0000:01:00.0`.
fn location(name: &str) -> Option<Location<'_>> {
    let (segment, rest) = name.split_once(':')?;
    let (bus, rest) = rest.split_once(':')?;
    let (device, function) = rest.split_once('.')?;
    let parts = [segment, bus, device, function];
    let is_hexadecimal =
        |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_hexdigit());
    parts.iter().all(is_hexadecimal).then_some([
        ("segment", segment),
        ("bus", bus),
        ("device", device),
        ("function", function),
    ])
}

/// The name of the folder that the device's folder lies in: its bridge, or the root.
fn parent(folder: &Path) -> Option<String> {
    let real = folder.canonicalize().ok()?;
    real.parent()?.file_name()?.to_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: names of devices, of a root and of services of a bridge. Guarantees: only devices have a location.
    #[test]
    fn only_devices_have_a_location() {
        let texts = |name| location(name).map(|parts| parts.map(|(_, text)| text));
        assert_eq!(texts("0000:45:00.1"), Some(["0000", "45", "00", "1"]));
        for name in ["pci0000:00", "0000:00:02.1:pcie001", "0000:45:00", "", "::."] {
            assert_eq!(texts(name), None, "{name}");
        }
    }
}

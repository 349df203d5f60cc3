//! The link of a PCI device: what it could be and what it is.

use super::Location;
use crate::attribute::{Round, Row};
use crate::field;
use crate::metric::gauge;
use shared_model::{Metric, Unit};
use std::path::Path;

metric_table! { ROWS: Row, VALUES;
    ("max_link_speed", speed) => gauge("node_pcidevice_max_link_transfers_per_second", Unit::None, "Transfers per second that the device is able to.", "/sys/bus/pci/devices/<location>/max_link_speed"),
    ("max_link_width", width) => gauge("node_pcidevice_max_link_width", Unit::None, "Lanes that the device has.", "/sys/bus/pci/devices/<location>/max_link_width"),
    ("current_link_speed", speed) => gauge("node_pcidevice_current_link_transfers_per_second", Unit::None, "Transfers per second of the link as it is now.", "/sys/bus/pci/devices/<location>/current_link_speed"),
    ("current_link_width", width) => gauge("node_pcidevice_current_link_width", Unit::None, "Lanes of the link as it is now.", "/sys/bus/pci/devices/<location>/current_link_width"),
}
static MISSING_WIDTH: Metric = gauge(
    "wardround_pcidevice_link_width_ratio",
    Unit::Ratio,
    "Lanes of the link as it is now, as a share of what the device and its slot are both able to. Only for adapters and \
     disks, not for bridges.",
    "/sys/bus/pci/devices/<location>/{current,max}_link_width, the slot's max_link_width",
);
static MISSING_SPEED: Metric = gauge(
    "wardround_pcidevice_link_speed_ratio",
    Unit::Ratio,
    "Speed of the link as it is now, as a share of what the device and its slot are both able to. Only for network, \
     InfiniBand and storage devices, which do not slow their links down when idle.",
    "/sys/bus/pci/devices/<location>/{current,max}_link_speed, the slot's max_link_speed",
);
pub(super) static METRICS: [&Metric; 6] =
    [VALUES[0], VALUES[1], VALUES[2], VALUES[3], &MISSING_WIDTH, &MISSING_SPEED];

/// Columns of [`ROWS`].
const MAX_SPEED: usize = 0;
const MAX_WIDTH: usize = 1;
const SPEED: usize = 2;
const WIDTH: usize = 3;

/// Base classes of <linux/pci_ids.h>, the upper byte of three.
const STORAGE: u64 = 0x01;
const NETWORK: u64 = 0x02;
const BRIDGE: u64 = 0x06;
/// Network, InfiniBand; and the class that older adapters are of: serial bus, InfiniBand.
const INFINIBAND: [u64; 2] = [0x0207, 0x0c06];

/// `8.0 GT/s PCIe`; `Unknown` where the link is down.
fn speed(text: &[u8]) -> Result<Option<f64>, &'static str> {
    if text.starts_with(b"Unknown") {
        return Ok(None);
    }
    let mut words = field::words(text);
    let speed = words.next().and_then(field::decimal);
    let is_giga = words.next().is_some_and(|unit| unit.starts_with(b"GT/s"));
    speed.filter(|_| is_giga).map(|giga| Some(giga * 1e9)).ok_or("a speed such as 8.0 GT/s PCIe")
}

/// Lanes; 255 says that it is not known (`PCIE_LNK_WIDTH_UNKNOWN`).
fn width(text: &[u8]) -> Result<Option<f64>, &'static str> {
    match field::number(text) {
        Some(255) => Ok(None),
        Some(lanes) => Ok(Some(lanes as f64)),
        None => Err("a number of lanes"),
    }
}

/// Whether the device has a link of its own.
pub(super) fn has_lanes(folder: &Path, round: &mut Round<'_>) -> bool {
    ROWS.get(MAX_WIDTH)
        .and_then(|(file, parse)| round.value(&folder.join(file), *parse))
        .is_some_and(|lanes| lanes > 0.0)
}

/// Puts in the link of the device `name` in `folder`, which is of the three bytes `class`.
pub(super) fn read(
    folder: &Path,
    (name, class): (&str, u64),
    location: Location<'_>,
    round: &mut Round<'_>,
) {
    let mut own = [None; ROWS.len()];
    for (((file, parse), metric), slot) in ROWS.iter().zip(VALUES).zip(&mut own) {
        *slot = round.value(&folder.join(file), *parse);
        if let Some(value) = *slot {
            round.put(metric, &location, value);
        }
    }
    let base = class >> 16;
    if base == BRIDGE || own[WIDTH].is_none_or(|lanes| lanes == 0.0) {
        return;
    }
    let kind = match base {
        _ if INFINIBAND.contains(&(class >> 8)) => "infiniband",
        STORAGE => "storage",
        NETWORK => "network",
        _ => "other",
    };
    // The slot is the bridge above: a card with 16 lanes in a slot of 8 is as it was built.
    let slot = folder.canonicalize().ok().and_then(|real| real.parent().map(Path::to_owned));
    let mut of_slot = |at: usize| {
        let (file, parse) = ROWS.get(at)?;
        round.value(&slot.as_ref()?.join(file), *parse)
    };
    let (slot_speed, slot_width) = (of_slot(MAX_SPEED), of_slot(MAX_WIDTH));
    let labels = [("address", name), ("class", kind)];
    if let Some(ratio) = ratio(own[WIDTH], own[MAX_WIDTH], slot_width) {
        round.put(&MISSING_WIDTH, &labels, ratio);
    }
    if kind != "other"
        && let Some(ratio) = ratio(own[SPEED], own[MAX_SPEED], slot_speed)
    {
        round.put(&MISSING_SPEED, &labels, ratio);
    }
}

fn ratio(now: Option<f64>, own: Option<f64>, slot: Option<f64>) -> Option<f64> {
    let able = own?.min(slot.unwrap_or(f64::INFINITY));
    // A virtual function reports no link of its own.
    (able > 0.0).then(|| now.map(|now| now / able)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: speeds and widths of kernels old and new. Guarantees: transfers and lanes, none, or a refusal.
    #[test]
    fn links_are_read() {
        assert_eq!(speed(b"16.0 GT/s PCIe"), Ok(Some(1.6e10)));
        assert_eq!(speed(b"2.5 GT/s"), Ok(Some(2.5e9)));
        assert_eq!(speed(b"Unknown speed"), Ok(None));
        assert!(speed(b"16.0").is_err());
        assert_eq!(width(b"8"), Ok(Some(8.0)));
        assert_eq!(width(b"255"), Ok(None));
    }

    /// Scenario: full and degraded links, a slot with fewer lanes than the card. Guarantees: 1 when all is as it can be.
    #[test]
    fn the_slot_limits_what_is_expected() {
        assert_eq!(ratio(Some(8.0), Some(16.0), Some(8.0)), Some(1.0));
        assert_eq!(ratio(Some(4.0), Some(16.0), Some(8.0)), Some(0.5));
        assert_eq!(ratio(Some(4.0), Some(8.0), None), Some(0.5));
        assert_eq!(ratio(None, Some(8.0), None), None);
        assert_eq!(ratio(Some(1.0), Some(0.0), None), None);
    }
}

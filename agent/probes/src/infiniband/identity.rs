//! What changes seldom: who an adapter and a port are, which addresses they were given, how warm they are. Read when the
//! folders are listed, every ten rounds, and told with every round.

use super::list;
use crate::field;
use crate::metric::{gauge, info};
use crate::tally::Tally;
use agent_probe::{HostFile, Sink};
use shared_model::{Metric, Unit};
use std::path::Path;

static DEVICE: Metric = info(
    "wardround_infiniband_device_info",
    "The adapter as the fabric knows it: its GUID and its description.",
    "/sys/class/infiniband/<device>/{node_guid,node_desc}",
);
static PORT: Metric = info(
    "wardround_infiniband_port_info",
    "Link layer of the port: InfiniBand or Ethernet (RoCE).",
    "/sys/class/infiniband/<device>/ports/<port>/link_layer",
);
static LID: Metric = gauge(
    "wardround_infiniband_port_lid",
    Unit::None,
    "Address of the port, 0 before a subnet manager has given one.",
    "/sys/class/infiniband/<device>/ports/<port>/lid",
);
static MANAGER_LID: Metric = gauge(
    "wardround_infiniband_port_subnet_manager_lid",
    Unit::None,
    "Address of the subnet manager that the port knows, 0 for none.",
    "/sys/class/infiniband/<device>/ports/<port>/sm_lid",
);
static TEMPERATURE: Metric = gauge(
    "wardround_infiniband_temperature_celsius",
    Unit::None,
    "Temperature of the adapter's chip, or of the cable's module where the driver shows it.",
    "/sys/class/infiniband/<device>/device/hwmon/hwmon*/temp*_{input,label}, thousandths of a degree",
);
pub(super) const METRICS: [&Metric; 5] = [&DEVICE, &PORT, &LID, &MANAGER_LID, &TEMPERATURE];

/// Sensors of one adapter: its chip and a module per port, with room.
const SENSORS_MAX: usize = 16;

/// Of an adapter.
#[derive(Default)]
pub(super) struct DeviceIdentity {
    /// As the fabric's datagrams show it: 16 digits.
    guid: Option<String>,
    description: Option<String>,
    /// Name of the sensor and its temperature.
    temperatures: Vec<(String, f64)>,
}

/// Of a port.
#[derive(Default)]
pub(super) struct PortIdentity {
    link_layer: Option<String>,
    lid: Option<f64>,
    manager_lid: Option<f64>,
}

impl DeviceIdentity {
    /// Reads it again. What is missing is left out: none of it is needed to judge a port.
    pub(super) fn read(folder: &Path, tally: &mut Tally) -> Self {
        let mut temperatures = Vec::new();
        let hwmon = folder.join("device/hwmon");
        for monitor in list(&hwmon).unwrap_or_default() {
            let monitor = hwmon.join(&*monitor);
            for file in list(&monitor).unwrap_or_default() {
                if temperatures.len() < SENSORS_MAX {
                    temperatures.extend(sensor(&monitor, &file, tally));
                }
            }
        }
        let expected = "a GUID such as b859:9f03:00d4:00b2";
        Self {
            guid: read(&folder.join("node_guid"), expected, guid, tally),
            description: read(&folder.join("node_desc"), TEXT, text, tally),
            temperatures,
        }
    }

    pub(super) fn put(&self, device: &str, sink: &mut Sink) {
        if let Some(guid) = &self.guid {
            let node = self.description.as_deref().unwrap_or_default();
            sink.put(&DEVICE, &[("device", device), ("guid", guid), ("node", node)], 1.0);
        }
        for (sensor, celsius) in &self.temperatures {
            sink.put(&TEMPERATURE, &[("device", device), ("sensor", sensor)], *celsius);
        }
    }
}

impl PortIdentity {
    /// Reads it again, as for a device.
    pub(super) fn read(folder: &Path, tally: &mut Tally) -> Self {
        let expected = "an address such as 0x1b";
        Self {
            link_layer: read(&folder.join("link_layer"), TEXT, text, tally),
            lid: read(&folder.join("lid"), expected, hexadecimal, tally),
            manager_lid: read(&folder.join("sm_lid"), expected, hexadecimal, tally),
        }
    }

    pub(super) fn put(&self, [device, port]: [(&str, &str); 2], sink: &mut Sink) {
        if let Some(layer) = &self.link_layer {
            sink.put(&PORT, &[device, ("link_layer", layer), port], 1.0);
        }
        for (metric, lid) in [(&LID, self.lid), (&MANAGER_LID, self.manager_lid)] {
            if let Some(lid) = lid {
                sink.put(metric, &[device, port], lid);
            }
        }
    }
}

/// What a small file says; nothing, and no complaint, when it does not exist.
fn read<T>(
    path: &Path,
    expected: &'static str,
    parse: impl Fn(&str) -> Option<T>,
    tally: &mut Tally,
) -> Option<T> {
    let mut file = HostFile::new(path.to_owned());
    match file.read_text().map(|text| parse(text.trim())) {
        Ok(Some(value)) => return Some(value),
        Ok(None) => tally.bad_line(1, expected),
        Err(error) if error.is_not_found() => {}
        Err(error) => tally.complain(error),
    }
    tally.end_file(path);
    None
}

const TEXT: &str = "a short text";

/// What may stand in a label.
fn text(text: &str) -> Option<String> {
    let is_label = !text.is_empty() && text.len() <= 128 && !text.contains(char::is_control);
    is_label.then(|| text.to_owned())
}

/// `temp3_input` with its label.
fn sensor(monitor: &Path, file: &str, tally: &mut Tally) -> Option<(String, f64)> {
    let name = file.strip_suffix("_input").filter(|name| name.starts_with("temp"))?;
    let celsius = read(&monitor.join(file), "thousandths of a degree", thousandths, tally)?;
    let label = read(&monitor.join(format!("{name}_label")), TEXT, text, tally);
    Some((label.unwrap_or_else(|| name.to_owned()), celsius))
}

/// No adapter is below freezing point or above a thousand degrees.
fn thousandths(text: &str) -> Option<f64> {
    let value = field::number(text.as_bytes()).filter(|value| *value < 1_000_000)?;
    Some(value as f64 / 1e3)
}

/// `b859:9f03:00d4:00b2`.
fn guid(text: &str) -> Option<String> {
    let digits: String = text.split(':').collect();
    let is_guid = digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_guid.then(|| digits.to_ascii_lowercase())
}

/// `0x1b`.
fn hexadecimal(text: &str) -> Option<f64> {
    u16::from_str_radix(text.strip_prefix("0x")?, 16).ok().map(f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: addresses and GUIDs as the kernel writes them, and other texts. Guarantees: read exactly or not at all.
    #[test]
    fn identities_are_exact_or_nothing() {
        for (text, expected) in
            [("0x1b", Some(27.0)), ("0xffff", Some(65_535.0)), ("27", None), ("0x10000", None)]
        {
            assert_eq!(hexadecimal(text).map(f64::to_bits), expected.map(f64::to_bits), "{text}");
        }
        assert_eq!(guid("B859:9f03:00d4:00b2").as_deref(), Some("b8599f0300d400b2"));
        for wrong in ["", "b859:9f03:00d4", "b859:9f03:00d4:00bg"] {
            assert_eq!(guid(wrong), None, "{wrong}");
        }
    }
}

//! The JSON of smartctl 7: the list of devices and the report of one of them.

use crate::metric::{counter, gauge, info};
use agent_probe::Sink;
use serde_json::Value;
use shared_model::{Metric, Unit};
use std::time::Duration;

static INFO: Metric = info(
    "wardround_smart_info",
    "The disk: model, serial number, firmware, protocol.",
    "smartctl: model_name, serial_number, firmware_version, device.protocol",
);
static HEALTHY: Metric = gauge(
    "wardround_smart_healthy",
    Unit::None,
    "What the disk itself concludes: 0 when it predicts its failure.",
    "smartctl: smart_status.passed",
);
static SECTORS: Metric = gauge(
    "wardround_smart_bad_sectors",
    Unit::None,
    "Sectors that were replaced, wait for replacement, or could not be read, by kind: reallocated, pending, \
     offline_uncorrectable, reported_uncorrectable, grown_defects.",
    "smartctl: attributes 5, 197, 198, 187, raw value; scsi_grown_defect_list",
);
static CRC: Metric = counter(
    "wardround_smart_interface_crc_errors_total",
    Unit::None,
    "Errors between disk and adapter, mostly of the cable.",
    "smartctl: attribute 199, raw value",
);
static UNCORRECTED: Metric = counter(
    "wardround_smart_uncorrected_errors_total",
    Unit::None,
    "Reads, writes and verifications of a SAS disk that could not be corrected.",
    "smartctl: scsi_error_counter_log",
);
static TEMPERATURE: Metric = gauge(
    "wardround_smart_temperature_celsius",
    Unit::None,
    "Temperature of the disk.",
    "smartctl: temperature.current",
);
static POWER_ON: Metric = counter(
    "wardround_smart_power_on_seconds_total",
    Unit::Seconds,
    "Time that the disk was on.",
    "smartctl: power_on_time.hours",
);
static SELF_TEST: Metric = gauge(
    "wardround_smart_self_test_passed",
    Unit::None,
    "Whether the last finished self-test passed.",
    "smartctl: ata_smart_self_test_log.standard.table",
);
static AGE: Metric = gauge(
    "wardround_smart_report_age_seconds",
    Unit::Seconds,
    "Age of the report that the other values come from.",
    "the agent's clock",
);
pub(super) static METRICS: [&Metric; 9] =
    [&INFO, &HEALTHY, &SECTORS, &CRC, &UNCORRECTED, &TEMPERATURE, &POWER_ON, &SELF_TEST, &AGE];

/// Attributes by their number, as value of the label `kind`.
const ATTRIBUTES: [(u64, &str); 4] = [
    (5, "reallocated"),
    (187, "reported_uncorrectable"),
    (197, "pending"),
    (198, "offline_uncorrectable"),
];
const CRC_ERRORS: u64 = 199;

/// Name and type of each device that smartctl found, NVMe drives left out. `None` when it is not its list.
///
/// Both become arguments of the next call, so only plain ones are taken.
pub(super) fn devices(json: &[u8]) -> Option<Vec<(String, String)>> {
    let document: Value = serde_json::from_slice(json).ok()?;
    document.get("smartctl")?;
    let devices = document.get("devices").and_then(Value::as_array);
    let is_plain = |text: &str| {
        text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_,+-".contains(&b))
    };
    let found = devices.into_iter().flatten().filter_map(|device| {
        let name = device.get("name")?.as_str()?;
        let kind = device.get("type")?.as_str()?;
        let is_ours = name.starts_with("/dev/") && !kind.starts_with('-') && kind != "nvme";
        (is_ours && is_plain(name) && is_plain(kind)).then(|| (name.to_owned(), kind.to_owned()))
    });
    Some(found.collect())
}

/// A value with its own label besides `device`, if it has one.
type Reading = (&'static Metric, Option<(&'static str, &'static str)>, f64);

/// What came of asking one disk.
#[derive(Debug)]
pub(super) enum Answer {
    /// It spoke.
    Said(Report),
    /// It sleeps and was left alone.
    Asleep,
    /// It could not be opened or asked.
    Refused,
}

/// What one disk said.
#[derive(Debug)]
pub(super) struct Report {
    texts: [String; 4],
    values: Vec<Reading>,
}

impl Report {
    /// `None` when it is no output of smartctl.
    pub(super) fn parse(json: &[u8]) -> Option<Answer> {
        let document: Value = serde_json::from_slice(json).ok()?;
        document.get("smartctl")?;
        let number = |pointer: &str| document.pointer(pointer).and_then(Value::as_f64);
        let truth = |pointer: &str| {
            document.pointer(pointer).and_then(Value::as_bool).map(|v| f64::from(u8::from(v)))
        };
        let mut values = Vec::new();
        let mut put = |metric, label, value: Option<f64>| {
            values.extend(value.filter(|v| v.is_finite()).map(|value| (metric, label, value)));
        };
        put(&HEALTHY, None, truth("/smart_status/passed"));
        for (id, kind) in ATTRIBUTES {
            put(&SECTORS, Some(("kind", kind)), attribute(&document, id));
        }
        let defects = number("/scsi_grown_defect_list").filter(|count| *count >= 0.0);
        put(&SECTORS, Some(("kind", "grown_defects")), defects);
        put(&CRC, None, attribute(&document, CRC_ERRORS));
        for (operation, pointer) in [
            ("read", "/scsi_error_counter_log/read/total_uncorrected_errors"),
            ("write", "/scsi_error_counter_log/write/total_uncorrected_errors"),
            ("verify", "/scsi_error_counter_log/verify/total_uncorrected_errors"),
        ] {
            let count = number(pointer).filter(|count| *count >= 0.0);
            put(&UNCORRECTED, Some(("operation", operation)), count);
        }
        put(&TEMPERATURE, None, number("/temperature/current"));
        let hours = number("/power_on_time/hours").filter(|hours| *hours >= 0.0);
        put(&POWER_ON, None, hours.map(|hours| hours * 3600.0));
        put(&SELF_TEST, None, truth("/ata_smart_self_test_log/standard/table/0/status/passed"));
        if values.is_empty() {
            return Some(if is_asleep(&document) { Answer::Asleep } else { Answer::Refused });
        }
        let text = |pointer: &str| {
            let text = document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            text.chars().take(128).collect()
        };
        let texts = ["/model_name", "/serial_number", "/firmware_version", "/device/protocol"];
        Some(Answer::Said(Self { texts: texts.map(text), values }))
    }

    pub(super) fn put(&self, device: &str, age: Duration, sink: &mut Sink) {
        let device = ("device", device.strip_prefix("/dev/").unwrap_or(device));
        let [model, serial, firmware, protocol] = &self.texts;
        let labels = [
            device,
            ("model", model.as_str()),
            ("serial", serial.as_str()),
            ("firmware", firmware.as_str()),
            ("protocol", protocol.as_str()),
        ];
        sink.put(&INFO, &labels, 1.0);
        for (metric, label, value) in &self.values {
            match label {
                Some(label) => sink.put(metric, &[device, *label], *value),
                None => sink.put(metric, &[device], *value),
            }
        }
        sink.put(&AGE, &[device], age.as_secs_f64());
    }
}

/// `Device is in STANDBY mode, exit(2)`.
fn is_asleep(document: &Value) -> bool {
    let messages = document.pointer("/smartctl/messages").and_then(Value::as_array);
    let mut texts = messages.into_iter().flatten().filter_map(|m| m.get("string")?.as_str());
    texts.any(|text| text.starts_with("Device is in ") && text.contains(" mode"))
}

/// The raw value of an attribute of a SATA disk.
fn attribute(document: &Value, id: u64) -> Option<f64> {
    let table = document.pointer("/ata_smart_attributes/table")?.as_array()?;
    let row = table.iter().find(|row| row.get("id").and_then(Value::as_u64) == Some(id))?;
    row.pointer("/raw/value")?.as_f64().filter(|value| *value >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a list with drives of all kinds and names that would be options or paths. Guarantees: only plain disks
    /// become arguments.
    #[test]
    fn only_plain_devices_are_asked() {
        let list = br#"{"smartctl":{},"devices":[
            {"name":"/dev/sda","type":"sat"},{"name":"/dev/nvme0","type":"nvme"},
            {"name":"/dev/bus/0","type":"megaraid,3"},{"name":"-x","type":"sat"},
            {"name":"/dev/sdb","type":"-T"},{"name":"/dev/s d","type":"sat"},
            {"name":"/etc/passwd","type":"sat"},{"name":7}]}"#;
        let expected = [("/dev/sda", "sat"), ("/dev/bus/0", "megaraid,3")];
        let expected = expected.map(|(name, kind)| (name.to_owned(), kind.to_owned()));
        assert_eq!(devices(list), Some(expected.to_vec()));
        assert_eq!(devices(br#"{"smartctl":{}}"#), Some(Vec::new()));
        assert_eq!(devices(b"{}"), None);
        assert_eq!(devices(b"no"), None);
    }

    /// Scenario: a disk that sleeps, one that cannot be opened, a text that is no report. Guarantees: told apart.
    #[test]
    fn sleep_is_no_failure() {
        let asleep = br#"{"smartctl":{"exit_status":2,"messages":[
            {"string":"Device is in STANDBY mode, exit(2)","severity":"information"}]}}"#;
        assert!(matches!(Report::parse(asleep), Some(Answer::Asleep)));
        let refused = br#"{"smartctl":{"exit_status":2,"messages":[
            {"string":"Smartctl open device: /dev/sda failed: Permission denied"}]}}"#;
        assert!(matches!(Report::parse(refused), Some(Answer::Refused)));
        assert!(Report::parse(b"[]").is_none());
        assert!(Report::parse(b"").is_none());
    }
}

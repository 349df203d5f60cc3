//! The sensors: `ipmitool sdr elist`, a line each: `Fan1 RPM | 30h | ok  |  7.1 | 5280 RPM`.

use super::severity::{self, Severity};
use crate::field;
use crate::metric::gauge;
use crate::tally::Tally;
use agent_probe::Sink;
use shared_model::{Metric, Unit};

const SOURCE: &str = "ipmitool sdr elist";

static STATE: Metric = gauge(
    "wardround_ipmi_sensor_state",
    Unit::None,
    "State of the sensor: 0 in order, 1 beyond a warning limit, 2 critical, 3 not recoverable. Of a sensor without limits \
     what its text means.",
    SOURCE,
);
static TEMPERATURE: Metric =
    gauge("wardround_ipmi_temperature_celsius", Unit::None, "Temperature.", SOURCE);
static FAN: Metric =
    gauge("wardround_ipmi_fan_speed_rpm", Unit::None, "Revolutions per minute of a fan.", SOURCE);
static VOLTAGE: Metric = gauge("wardround_ipmi_voltage_volts", Unit::None, "Voltage.", SOURCE);
static CURRENT: Metric = gauge("wardround_ipmi_current_amperes", Unit::None, "Current.", SOURCE);
static POWER: Metric = gauge("wardround_ipmi_power_watts", Unit::None, "Power drawn.", SOURCE);
pub(super) static METRICS: [&Metric; 6] = [&STATE, &TEMPERATURE, &FAN, &VOLTAGE, &CURRENT, &POWER];

/// Unit as printed, metric, value of the label `kind`.
const UNITS: &[(&str, &Metric, &str)] = &[
    ("degrees C", &TEMPERATURE, "temperature"),
    ("RPM", &FAN, "fan"),
    ("Volts", &VOLTAGE, "voltage"),
    ("Amps", &CURRENT, "current"),
    ("Watts", &POWER, "power"),
];

/// Entity ids of IPMI 2.0 table 43-13.
const POWER_SUPPLY: &str = "10";

/// A large chassis has some 200.
const MAX_SENSORS: usize = 512;

struct Sensor<'a> {
    name: &'a str,
    id: &'a str,
    entity: &'a str,
    kind: &'static str,
    state: f64,
    value: Option<(&'static Metric, f64)>,
}

/// Puts in every sensor that has a reading.
pub(super) fn put(text: &[u8], sink: &mut Sink, tally: &mut Tally) {
    let mut count = 0;
    for (number, line) in field::lines(text) {
        let Some(sensor) = parse(line) else {
            tally.bad_line(number, "SENSOR | ID | STATE | ENTITY | READING");
            continue;
        };
        tally.sampled();
        let Some(sensor) = sensor else { continue };
        if count >= MAX_SENSORS {
            tally.bad_line(number, "at most 512 sensors");
            return;
        }
        count += 1;
        let labels = [("sensor", sensor.name), ("id", sensor.id), ("entity", sensor.entity)];
        let [name, id, entity] = labels;
        sink.put(&STATE, &[name, id, entity, ("kind", sensor.kind)], sensor.state);
        if let Some((metric, value)) = sensor.value {
            sink.put(metric, &labels, value);
        }
    }
}

/// `None` when the line is not one of a sensor, `Some(None)` for one without a reading.
fn parse(line: &[u8]) -> Option<Option<Sensor<'_>>> {
    let mut parts = field::text(line)?.splitn(5, '|').map(str::trim);
    let (name, id, state) = (parts.next()?, parts.next()?, parts.next()?);
    let (entity, reading) = (parts.next()?, parts.next()?);
    let hex = id.strip_suffix('h')?;
    if name.is_empty() || hex.is_empty() || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let by_limits = match state {
        "ok" => 0.0,
        "nc" | "lnc" | "unc" => 1.0,
        "cr" | "lcr" | "ucr" => 2.0,
        "nr" | "lnr" | "unr" => 3.0,
        // No reading, scanning disabled.
        "ns" => return Some(None),
        _ => return None,
    };
    let measured = UNITS.iter().find_map(|(unit, metric, kind)| {
        let value: f64 = reading.strip_suffix(unit)?.trim().parse().ok()?;
        value.is_finite().then_some((*metric, *kind, value))
    });
    let by_text = match severity::of(reading) {
        Severity::Informational => 0.0,
        Severity::Warning => 1.0,
        Severity::Critical => 2.0,
    };
    let is_of = |entity_id: &str| entity.split('.').next() == Some(entity_id);
    let kind = match measured {
        _ if is_of(POWER_SUPPLY) => "power_supply",
        Some((_, kind, _)) => kind,
        None if reading.to_ascii_lowercase().contains("redundan") => "redundancy",
        None => "other",
    };
    Some(Some(Sensor {
        name,
        id,
        entity,
        kind,
        state: f64::max(by_limits, by_text),
        value: measured.map(|(metric, _, value)| (metric, value)),
    }))
}

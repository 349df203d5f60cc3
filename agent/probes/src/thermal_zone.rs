//! Probe `thermal_zone`: temperatures that the firmware reports and how far cooling devices are switched on, from
//! `/sys/class/thermal`.
//!
//! It runs in the slow lane: a reading may be a call into the firmware (ACPI) or over a slow bus.

use crate::attribute::{Reader, Round, Row, number, numbered, thousandths};
use crate::context::Context;
use crate::metric::gauge;
use agent_probe::{Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const NAME: &str = "thermal_zone";

static TEMPERATURE: Metric = gauge(
    "node_thermal_zone_temp",
    Unit::None,
    "Temperature of the zone in degrees Celsius.",
    "/sys/class/thermal/thermal_zone<zone>/temp, thousandths of a degree",
);
static CRITICAL: Metric = gauge(
    "wardround_thermal_zone_critical_celsius",
    Unit::None,
    "Temperature at which the kernel switches the node off.",
    "/sys/class/thermal/thermal_zone<zone>/trip_point_<n>_temp of the type critical, thousandths of a degree",
);

metric_table! { COOLING_ROWS: Row, COOLING;
    ("cur_state", number) => gauge("node_cooling_device_cur_state", Unit::None, "How far the cooling device is switched on.", "/sys/class/thermal/cooling_device<name>/cur_state"),
    ("max_state", number) => gauge("node_cooling_device_max_state", Unit::None, "How far the cooling device can be switched on.", "/sys/class/thermal/cooling_device<name>/max_state"),
}

static METRICS: &[&Metric] = &[&TEMPERATURE, &CRITICAL, COOLING[0], COOLING[1]];

/// A large node has a cooling device for each of its CPUs.
const MAX_ENTRIES: usize = 2048;
/// The kernel's own limit (`THERMAL_MAX_TRIPS`).
const MAX_TRIPS: usize = 12;

pub(crate) struct ThermalZone {
    class: PathBuf,
    reader: Reader,
}

impl ThermalZone {
    pub(crate) fn new(context: &Context) -> Self {
        Self { class: context.root.sys("class/thermal"), reader: Reader::default() }
    }
}

impl Probe for ThermalZone {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Slow,
            default_interval: Duration::from_secs(15),
            default_timeout: Duration::from_secs(10),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let mut round = Round::new(&mut self.reader, sink);
        for name in round.names(&self.class, MAX_ENTRIES) {
            let folder = self.class.join(&*name);
            if let Some(zone) = numbered(&name, "thermal_zone") {
                read_zone(&folder, zone, &mut round);
            } else if let Some(device) = numbered(&name, "cooling_device") {
                let kind = round.text(&folder.join("type"));
                let labels = [("name", device), ("type", &*kind)];
                round.put_rows(&folder, (COOLING_ROWS, &COOLING), &labels);
            }
        }
        round.end(&self.class)
    }
}

fn read_zone(folder: &Path, zone: &str, round: &mut Round<'_>) {
    let kind = round.text(&folder.join("type"));
    let labels = [("zone", zone), ("type", &*kind)];
    if let Some(celsius) = round.value(&folder.join("temp"), thousandths) {
        round.put(&TEMPERATURE, &labels, celsius);
    }
    for trip in 0..MAX_TRIPS {
        let file = |what| folder.join(format!("trip_point_{trip}_{what}"));
        let Some(kind) = round.some_text(&file("type")) else { break };
        if kind == "critical"
            && let Some(celsius) = round.value(&file("temp"), thousandths)
        {
            round.put(&CRITICAL, &labels, celsius);
        }
    }
}

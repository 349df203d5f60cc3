//! Probe `hwmon`: temperatures, fans, voltages, currents and power of the board, the disks and the adapters, from
//! `/sys/class/hwmon`.
//!
//! It runs in the slow lane: sensors lie behind slow buses, and a board controller in reset does not answer for seconds.

mod chip;
mod file_name;
mod table;

use crate::attribute::{Reader, Round};
use crate::context::Context;
use crate::metric::{gauge, info};
use agent_probe::{Lane, Outcome, Probe, ProbeSpec, Sink};
use chip::Chip;
use file_name::FileName;
use shared_model::{Metric, Unit};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const NAME: &str = "hwmon";

static CHIP: Metric =
    info("node_hwmon_chip_names", "The chip's own name.", "/sys/class/hwmon/hwmonN/name");
static LABEL: Metric = info(
    "node_hwmon_sensor_label",
    "What the driver calls the sensor.",
    "/sys/class/hwmon/hwmonN/<sensor>_label",
);
static FREQUENCY: Metric = gauge(
    "node_hwmon_freq_freq_mhz",
    Unit::None,
    "Frequency in MHz of the clock that the label names.",
    "/sys/class/hwmon/hwmonN/freqM_input, Hz",
);

static METRICS: [&Metric; 3 + table::VALUES.len()] = {
    let mut all = [&CHIP; 3 + table::VALUES.len()];
    all[1] = &LABEL;
    all[2] = &FREQUENCY;
    let mut at = 3;
    while at < all.len() {
        all[at] = table::VALUES[at - 3];
        at += 1;
    }
    all
};

/// A storage node has a chip for each of its disks.
const MAX_CHIPS: usize = 512;
/// The richest chips have some 300 files; the device's folder holds others besides.
const MAX_FILES: usize = 1024;

pub(crate) struct Hwmon {
    class: PathBuf,
    reader: Reader,
}

impl Hwmon {
    pub(crate) fn new(context: &Context) -> Self {
        Self { class: context.root.sys("class/hwmon"), reader: Reader::default() }
    }
}

impl Probe for Hwmon {
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
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let mut round = Round::new(&mut self.reader, sink);
        for chip in chip::find(&self.class, MAX_CHIPS, &mut round) {
            if let Some(name) = &chip.own_name {
                round.put(&CHIP, &[("chip", &chip.label), ("chip_name", name)], 1.0);
            }
            read_folder(&chip.folder, &chip, &mut round);
            // Drivers older than the class have their files there.
            read_folder(&chip.folder.join("device"), &chip, &mut round);
        }
        round.end(&self.class)
    }
}

fn read_folder(folder: &Path, chip: &Chip, round: &mut Round<'_>) {
    for name in round.names(folder, MAX_FILES) {
        let Some(file) = FileName::parse(&name) else { continue };
        let sensor = format!("{}{}", file.kind, file.number);
        let labels = [("chip", &*chip.label), ("sensor", &*sensor)];
        let path = folder.join(&*name);
        if file.property == "label" {
            if let Some(label) = round.some_text(&path) {
                round.put(&LABEL, &[labels[0], labels[1], ("label", &label)], 1.0);
            }
            continue;
        }
        if (file.kind, file.property) == ("freq", "input") {
            read_frequency(&path, &folder.join(format!("{sensor}_label")), chip, round);
            continue;
        }
        let Some((metric, parse)) = table::find(&file) else { continue };
        if let Some(value) = round.value(&path, parse) {
            round.put(metric, &labels, value);
        }
    }
}

/// As node_exporter has it: the sensor is what its label says, and without a label there is no sample.
fn read_frequency(path: &Path, label: &Path, chip: &Chip, round: &mut Round<'_>) {
    let Some(label) = round.some_text(label) else { return };
    if let Some(megahertz) = round.value(path, table::micro) {
        let sensor = chip::clean(&label);
        round.put(&FREQUENCY, &[("chip", &chip.label), ("sensor", &sensor)], megahertz);
    }
}

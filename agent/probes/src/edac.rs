//! Probe `edac`: memory errors that were corrected and that were not, from `/sys/devices/system/edac/mc`.
//!
//! Kernels tell them by chip select row and channel (the older layout) or by module; newer ones built without
//! `CONFIG_EDAC_LEGACY_SYSFS` by module only, for which node_exporter has no name.

use crate::attribute::{Reader, Round, Row, number, numbered};
use crate::context::Context;
use crate::metric::counter;
use agent_probe::{Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const NAME: &str = "edac";

metric_table! { CONTROLLER_ROWS: Row, CONTROLLER;
    ("ce_count", number) => counter("node_edac_correctable_errors_total", Unit::None, "Memory errors that were corrected.", "/sys/devices/system/edac/mc/mc<controller>/ce_count"),
    ("ue_count", number) => counter("node_edac_uncorrectable_errors_total", Unit::None, "Memory errors that could not be corrected.", "/sys/devices/system/edac/mc/mc<controller>/ue_count"),
}
metric_table! { ROW_ROWS: Row, ROW;
    ("ce_count", number) => counter("node_edac_csrow_correctable_errors_total", Unit::None, "Memory errors of the row that were corrected; the row unknown has those that could not be attributed.", "/sys/devices/system/edac/mc/mc<controller>/{csrow<csrow>/ce_count,ce_noinfo_count}"),
    ("ue_count", number) => counter("node_edac_csrow_uncorrectable_errors_total", Unit::None, "Memory errors of the row that could not be corrected; the row unknown has those that could not be attributed.", "/sys/devices/system/edac/mc/mc<controller>/{csrow<csrow>/ue_count,ue_noinfo_count}"),
}
metric_table! { CHANNEL_FILES: &str, CHANNEL;
    "ce_count" => counter("node_edac_channel_correctable_errors_total", Unit::None, "Memory errors of the channel that were corrected.", "/sys/devices/system/edac/mc/mc<controller>/csrow<csrow>/ch<channel>_ce_count"),
    "ue_count" => counter("node_edac_channel_uncorrectable_errors_total", Unit::None, "Memory errors of the channel that could not be corrected.", "/sys/devices/system/edac/mc/mc<controller>/csrow<csrow>/ch<channel>_ue_count"),
}
metric_table! { MODULE_ROWS: Row, MODULE;
    ("dimm_ce_count", number) => counter("wardround_edac_dimm_correctable_errors_total", Unit::None, "Memory errors of the module that were corrected.", "/sys/devices/system/edac/mc/mc<controller>/{dimm,rank}<n>/dimm_ce_count"),
    ("dimm_ue_count", number) => counter("wardround_edac_dimm_uncorrectable_errors_total", Unit::None, "Memory errors of the module that could not be corrected.", "/sys/devices/system/edac/mc/mc<controller>/{dimm,rank}<n>/dimm_ue_count"),
}
/// Those of the controller that could not be attributed to a row.
const UNKNOWN_ROWS: &[Row] = &[("ce_noinfo_count", number), ("ue_noinfo_count", number)];

static METRICS: [&Metric; 8] =
    [CONTROLLER[0], CONTROLLER[1], ROW[0], ROW[1], CHANNEL[0], CHANNEL[1], MODULE[0], MODULE[1]];

/// More entries than a controller folder has: 64 rows, 64 modules and some files.
const MAX_ENTRIES: usize = 512;
/// The older layout names channels in one digit or two (`EDAC_NR_CSROWS` attributes).
const MAX_CHANNELS: u32 = 16;

pub(crate) struct Edac {
    folder: PathBuf,
    reader: Reader,
}

impl Edac {
    pub(crate) fn new(context: &Context) -> Self {
        Self { folder: context.root.sys("devices/system/edac/mc"), reader: Reader::default() }
    }
}

impl Probe for Edac {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Fast,
            default_interval: Duration::from_secs(10),
            default_timeout: Duration::from_millis(500),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let mut round = Round::new(&mut self.reader, sink);
        for name in round.names(&self.folder, MAX_ENTRIES) {
            if let Some(controller) = numbered(&name, "mc") {
                read_controller(&self.folder.join(&*name), controller, &mut round);
            }
        }
        round.end(&self.folder.join("mc0"))
    }
}

fn read_controller(folder: &Path, controller: &str, round: &mut Round<'_>) {
    let labels = [("controller", controller)];
    round.put_rows(folder, (CONTROLLER_ROWS, &CONTROLLER), &labels);
    round.put_rows(folder, (UNKNOWN_ROWS, &ROW), &[labels[0], ("csrow", "unknown")]);
    for name in round.names(folder, MAX_ENTRIES) {
        let part = folder.join(&*name);
        if let Some(row) = numbered(&name, "csrow") {
            let labels = [labels[0], ("csrow", row)];
            round.put_rows(&part, (ROW_ROWS, &ROW), &labels);
            (0..MAX_CHANNELS).for_each(|channel| read_channel(&part, labels, channel, round));
        } else if numbered(&name, "dimm").or_else(|| numbered(&name, "rank")).is_some() {
            let label = round.text(&part.join("dimm_label"));
            let location = round.text(&part.join("dimm_location"));
            let module = [("dimm", &*name), ("dimm_label", &*label), ("location", &*location)];
            let labels = [labels[0], module[0], module[1], module[2]];
            round.put_rows(&part, (MODULE_ROWS, &MODULE), &labels);
        }
    }
}

fn read_channel(
    folder: &Path,
    [controller, row]: [(&str, &str); 2],
    channel: u32,
    round: &mut Round<'_>,
) {
    let channel = channel.to_string();
    let file = |what: &str| folder.join(format!("ch{channel}_{what}"));
    let values =
        [0, 1].map(|at| CHANNEL_FILES.get(at).and_then(|what| round.value(&file(what), number)));
    if values == [None, None] {
        return;
    }
    let label = label(&round.text(&file("dimm_label")));
    let labels = [controller, row, ("channel", &*channel), ("dimm_label", &*label)];
    for (metric, value) in CHANNEL.iter().zip(values) {
        if let Some(value) = value {
            round.put(metric, &labels, value);
        }
    }
}

/// The label that somebody gave the module, or the kernel's own `mc#0csrow#0channel#1` in node_exporter's spelling
/// `mc0_csrow0_channel1`.
fn label(text: &str) -> String {
    let plain = text.replace('#', "");
    let is_kernels =
        plain.starts_with("mc") && plain.contains("csrow") && plain.contains("channel");
    if is_kernels {
        return plain.replace("csrow", "_csrow").replace("channel", "_channel");
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: labels of the kernel and of the board's maker. Guarantees: the former in the peer's spelling, the latter
    /// as they are.
    #[test]
    fn labels_are_the_peers() {
        assert_eq!(label("mc#0csrow#2channel#1"), "mc0_csrow2_channel1");
        assert_eq!(label("CPU_SrcID#0_MC#0_Chan#1_DIMM#0"), "CPU_SrcID#0_MC#0_Chan#1_DIMM#0");
        assert_eq!(label("DIMM_A1"), "DIMM_A1");
    }
}

//! Probe `dmi`: what the firmware says of the machine, from `/sys/class/dmi/id`.
//!
//! Serial numbers are readable by root only; what cannot be read has no label.

use crate::context::Context;
use crate::metric::info;
use crate::tally::{self, Tally};
use agent_probe::{HostFile, HostRoot, Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::Metric;
use std::io::ErrorKind;
use std::time::Duration;

pub(crate) const NAME: &str = "dmi";

static INFO: Metric = info(
    "node_dmi_info",
    "The machine: firmware, board, chassis and product.",
    "/sys/class/dmi/id",
);
static METRICS: [&Metric; 1] = [&INFO];

/// Labels; each file has the same name but for `sys_vendor`.
const LABELS: [&str; 20] = [
    "bios_date",
    "bios_release",
    "bios_vendor",
    "bios_version",
    "board_asset_tag",
    "board_name",
    "board_serial",
    "board_vendor",
    "board_version",
    "chassis_asset_tag",
    "chassis_serial",
    "chassis_vendor",
    "chassis_version",
    "product_family",
    "product_name",
    "product_serial",
    "product_sku",
    "product_uuid",
    "product_version",
    "system_vendor",
];

/// A string of the firmware's table can be long; a label of this length tells it all the same.
const MAX_CHARS: usize = 256;

pub(crate) struct Dmi {
    root: HostRoot,
}

impl Dmi {
    pub(crate) fn new(context: &Context) -> Self {
        Self { root: context.root.clone() }
    }
}

impl Probe for Dmi {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Slow,
            // It changes with a reboot only; a minute keeps the series alive.
            default_interval: Duration::from_secs(60),
            default_timeout: Duration::from_secs(5),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let folder = self.root.sys("class/dmi/id");
        if !folder.is_dir() {
            return tally::absent(&folder);
        }
        let mut tally = Tally::default();
        let mut found: Vec<(&str, String)> = Vec::new();
        for label in LABELS {
            let name = if label == "system_vendor" { "sys_vendor" } else { label };
            match HostFile::new(folder.join(name)).read() {
                Ok(bytes) => found.push((label, text(bytes))),
                Err(agent_probe::ProbeError::Read { source, .. })
                    if matches!(
                        source.kind(),
                        ErrorKind::NotFound | ErrorKind::PermissionDenied
                    ) => {}
                Err(error) => tally.complain(error),
            }
        }
        if found.is_empty() {
            return match tally.outcome() {
                Outcome::Sampled => Outcome::Absent("no firmware table".to_owned()),
                failed => failed,
            };
        }
        let labels: Vec<_> = found.iter().map(|(name, value)| (*name, value.as_str())).collect();
        sink.put(&INFO, &labels, 1.0);
        tally.sampled();
        tally.outcome()
    }
}

/// The text without the blanks around it, each run of bytes that are not UTF-8 replaced by one `U+FFFD`, as the peer does.
pub(crate) fn text(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut is_replaced = false;
    for chunk in bytes.utf8_chunks() {
        if !chunk.valid().is_empty() {
            text.push_str(chunk.valid());
            is_replaced = false;
        }
        if !chunk.invalid().is_empty() && !is_replaced {
            text.push(char::REPLACEMENT_CHARACTER);
            is_replaced = true;
        }
    }
    text.trim().chars().take(MAX_CHARS).collect()
}

//! Probe `mdadm`: software RAID, from `/proc/mdstat` and `/sys/block/md*/md`.
//!
//! Two sources for one array: the text knows disks by state and the progress of a rebuild, sysfs knows what the kernel
//! counts as degraded and whether the array still works. An array of a container (Intel's or the DDF format) is in both, the
//! container itself holds no data and is not judged.

mod mdstat;
mod sysfs;

use crate::context::Context;
use crate::metric::gauge;
use crate::tally::{self, Tally};
use agent_probe::{HostFile, HostRoot, Lane, Outcome, Probe, ProbeSpec, Sink};
use mdstat::{Array, Level};
use shared_model::{Metric, Unit};
use std::time::Duration;

pub(crate) const NAME: &str = "mdadm";

static STATE: Metric = gauge(
    "node_md_state",
    Unit::None,
    "1 for the state that the array is in: active, inactive, recovering, resync or check.",
    "/proc/mdstat",
);
static DISKS: Metric = gauge(
    "node_md_disks",
    Unit::None,
    "Disks of the array that are active, failed and spare.",
    "/proc/mdstat",
);
static REQUIRED: Metric = gauge(
    "node_md_disks_required",
    Unit::None,
    "Disks that the array needs to be complete.",
    "/proc/mdstat",
);
static BLOCKS: Metric =
    gauge("node_md_blocks", Unit::None, "Blocks of 1 KiB on the array.", "/proc/mdstat");
static SYNCED: Metric = gauge(
    "node_md_blocks_synced",
    Unit::None,
    "Blocks of 1 KiB that are in sync; less than all while a rebuild runs.",
    "/proc/mdstat",
);
static RAID_DISKS: Metric = gauge(
    "node_md_raid_disks",
    Unit::None,
    "Disks that the array is laid out for.",
    "/sys/block/<device>/md/raid_disks",
);
static DEGRADED: Metric = gauge(
    "node_md_degraded",
    Unit::None,
    "Disks that the array lacks; 0 for a level that has no redundancy to lose.",
    "/sys/block/<device>/md/degraded",
);
static WORKING: Metric = gauge(
    "wardround_md_working",
    Unit::None,
    "Whether the array serves reads and writes: 0 when it is inactive, the kernel calls it broken, or it has fewer disks \
     than its level needs.",
    "/proc/mdstat and /sys/block/<device>/md/array_state",
);
static TOLERATED: Metric = gauge(
    "wardround_md_failures_tolerated",
    Unit::None,
    "Disks that may still fail without loss of the array. Not for raid10, where it depends on which disk fails.",
    "/proc/mdstat: level and active disks",
);
static ACTION: Metric = gauge(
    "wardround_md_sync_action",
    Unit::None,
    "1 for what the kernel does to the array: idle, resync, recover, check, repair, reshape or frozen.",
    "/sys/block/<device>/md/sync_action",
);
static MISMATCHES: Metric = gauge(
    "wardround_md_mismatch_sectors",
    Unit::None,
    "Sectors in which the copies differed at the last check.",
    "/sys/block/<device>/md/mismatch_cnt",
);
static METRICS: [&Metric; 11] = [
    &STATE,
    &DISKS,
    &REQUIRED,
    &BLOCKS,
    &SYNCED,
    &RAID_DISKS,
    &DEGRADED,
    &WORKING,
    &TOLERATED,
    &ACTION,
    &MISMATCHES,
];

pub(crate) struct Mdadm {
    mdstat: HostFile,
    root: HostRoot,
}

impl Mdadm {
    pub(crate) fn new(context: &Context) -> Self {
        Self { mdstat: HostFile::new(context.root.proc("mdstat")), root: context.root.clone() }
    }
}

impl Probe for Mdadm {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            // Reading sysfs takes the array's lock, which a stuck disk can hold for a minute.
            lane: Lane::Slow,
            default_interval: Duration::from_secs(5),
            default_timeout: Duration::from_secs(4),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let mut tally = Tally::default();
        let mut found = false;
        let mut arrays = match self.mdstat.read() {
            Ok(text) => {
                found = true;
                // The kernel's header alone is a sound reading of no array.
                if text.starts_with(b"Personalities") {
                    tally.sampled();
                }
                mdstat::parse(text, &mut tally)
            }
            Err(error) if error.is_not_found() => Vec::new(),
            Err(error) => {
                tally.complain(error);
                Vec::new()
            }
        };
        tally.end_file(self.mdstat.path());
        arrays.sort_by(|a, b| a.device.cmp(&b.device));
        let shown = sysfs::read(&self.root.sys("block"), &mut tally);
        if !found && shown.is_empty() {
            return match tally.outcome() {
                Outcome::Sampled => tally::absent(self.mdstat.path()),
                failed => failed,
            };
        }
        for array in &arrays {
            let broken = shown.iter().any(|s| s.device == array.device && s.is_broken());
            put(array, broken, sink);
            tally.sampled();
        }
        for array in &shown {
            array.put(sink);
            tally.sampled();
        }
        if !tally.has_samples() {
            tally.bad_line(0, "Personalities and arrays");
            tally.end_file(self.mdstat.path());
        }
        tally.outcome()
    }
}

fn put(array: &Array, broken: bool, sink: &mut Sink) {
    let device = ("device", &*array.device);
    for state in ["active", "inactive", "recovering", "resync", "check"] {
        let is_it = f64::from(u8::from(array.state == state));
        sink.put(&STATE, &[device, ("state", state)], is_it);
    }
    for (state, count) in
        [("active", array.active), ("failed", array.failed), ("spare", array.spare)]
    {
        sink.put(&DISKS, &[device, ("state", state)], count as f64);
    }
    sink.put(&REQUIRED, &[device], array.required as f64);
    sink.put(&BLOCKS, &[device], array.blocks as f64);
    sink.put(&SYNCED, &[device], array.synced as f64);
    if array.is_container {
        return;
    }
    let lacking = array.required.saturating_sub(array.active);
    let bearable = match array.level {
        Level::Striped => Some(0),
        Level::Mirrored => Some(array.required.saturating_sub(1)),
        Level::OneParity => Some(1),
        Level::TwoParities => Some(2),
        Level::Other => None,
    };
    let is_working = array.state != "inactive"
        && !broken
        && bearable.is_none_or(|bearable| lacking <= bearable)
        && (array.active > 0 || array.required == 0);
    sink.put(&WORKING, &[device], f64::from(u8::from(is_working)));
    if let Some(bearable) = bearable.filter(|_| array.state != "inactive") {
        sink.put(&TOLERATED, &[device], bearable.saturating_sub(lacking) as f64);
    }
}

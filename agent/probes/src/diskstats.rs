//! Probe `diskstats`: reads, writes, waits and queue of each block device, from `/proc/diskstats`, and what udev knows
//! about the device.

mod properties;

use crate::context::Context;
use crate::field;
use crate::metric::{counter, gauge};
use crate::tally::{self, Tally};
use agent_probe::{HostFile, HostRoot, Lane, Outcome, Probe, ProbeSpec, Sink};
use properties::Properties;
use shared_model::{Metric, Unit};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) const NAME: &str = "diskstats";

/// Milliseconds to seconds, as a factor because node_exporter multiplies: the last bit of the value is the same.
const MILLIS: f64 = 1.0 / 1000.0;
/// A sector is 512 bytes here whatever the device's own is (Documentation/block/stat.rst).
const SECTOR: f64 = 512.0;

metric_table! { SCALES: f64, STATISTICS;
    1.0 => counter("node_disk_reads_completed_total", Unit::None, "Reads completed.", "/proc/diskstats field 1"),
    1.0 => counter("node_disk_reads_merged_total", Unit::None, "Reads merged with another.", "/proc/diskstats field 2"),
    SECTOR => counter("node_disk_read_bytes_total", Unit::Bytes, "Bytes read.", "/proc/diskstats field 3, sectors of 512 bytes"),
    MILLIS => counter("node_disk_read_time_seconds_total", Unit::Seconds, "Time that all reads took together.", "/proc/diskstats field 4, milliseconds"),
    1.0 => counter("node_disk_writes_completed_total", Unit::None, "Writes completed.", "/proc/diskstats field 5"),
    1.0 => counter("node_disk_writes_merged_total", Unit::None, "Writes merged with another.", "/proc/diskstats field 6"),
    SECTOR => counter("node_disk_written_bytes_total", Unit::Bytes, "Bytes written.", "/proc/diskstats field 7, sectors of 512 bytes"),
    MILLIS => counter("node_disk_write_time_seconds_total", Unit::Seconds, "Time that all writes took together.", "/proc/diskstats field 8, milliseconds"),
    1.0 => gauge("node_disk_io_now", Unit::None, "I/Os in flight.", "/proc/diskstats field 9"),
    MILLIS => counter("node_disk_io_time_seconds_total", Unit::Seconds, "Time with at least one I/O in flight.", "/proc/diskstats field 10, milliseconds"),
    MILLIS => counter("node_disk_io_time_weighted_seconds_total", Unit::Seconds, "Time with I/Os in flight, each counted.", "/proc/diskstats field 11, milliseconds"),
    1.0 => counter("node_disk_discards_completed_total", Unit::None, "Discards completed.", "/proc/diskstats field 12"),
    1.0 => counter("node_disk_discards_merged_total", Unit::None, "Discards merged with another.", "/proc/diskstats field 13"),
    1.0 => counter("node_disk_discarded_sectors_total", Unit::None, "Sectors of 512 bytes discarded.", "/proc/diskstats field 14"),
    MILLIS => counter("node_disk_discard_time_seconds_total", Unit::Seconds, "Time that all discards took together.", "/proc/diskstats field 15, milliseconds"),
    1.0 => counter("node_disk_flush_requests_total", Unit::None, "Flushes completed.", "/proc/diskstats field 16"),
    MILLIS => counter("node_disk_flush_requests_time_seconds_total", Unit::Seconds, "Time that all flushes took together.", "/proc/diskstats field 17, milliseconds"),
}

static METRICS: [&Metric; STATISTICS.len() + properties::METRICS.len()] = {
    let mut all = [STATISTICS[0]; STATISTICS.len() + properties::METRICS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = match at < STATISTICS.len() {
            true => STATISTICS[at],
            false => properties::METRICS[at - STATISTICS.len()],
        };
        at += 1;
    }
    all
};

/// Fields of the oldest kernels that have whole lines for partitions (2.6.25); 4.18 added discards, 5.5 flushes.
const FEWEST_FIELDS: usize = 11;

/// Properties are read again after this many rounds: udev changes them when a disk is replaced under the same name.
const PROPERTIES_ROUNDS: u32 = 300;

/// Far more than any appliance has; a garbage file cannot make us keep properties without end.
const MAX_DISKS: usize = 4096;

pub(crate) struct Diskstats {
    file: HostFile,
    root: HostRoot,
    include: Vec<String>,
    disks: BTreeMap<Box<str>, Properties>,
    rounds: u32,
}

impl Diskstats {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            file: HostFile::new(context.root.proc("diskstats")),
            root: context.root.clone(),
            include: context.diskstats_include.clone(),
            disks: BTreeMap::new(),
            rounds: 0,
        }
    }
}

impl Probe for Diskstats {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Fast,
            default_interval: Duration::from_secs(1),
            default_timeout: Duration::from_millis(500),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        if self.rounds == 0 {
            self.disks.clear();
        }
        self.rounds = (self.rounds + 1) % PROPERTIES_ROUNDS;
        let (root, include, disks) = (&self.root, &self.include, &mut self.disks);
        let is_included = |name: &str| include.iter().any(|wanted| wanted == name);
        tally::read_one(&mut self.file, "lines of block devices", |text, tally| {
            for (number, line) in field::lines(text) {
                match parse(line) {
                    Some(disk) if is_ignored(disk.name) && !is_included(disk.name) => {
                        tally.sampled();
                    }
                    Some(disk) => sample(&disk, number, root, disks, sink, tally),
                    None => tally.bad_line(number, "MAJOR MINOR NAME and at least 11 numbers"),
                }
            }
        })
    }
}

struct Line<'a> {
    major: u64,
    minor: u64,
    name: &'a str,
    values: [u64; STATISTICS.len()],
    count: usize,
}

fn parse(line: &[u8]) -> Option<Line<'_>> {
    let mut words = field::words(line);
    let major = field::number(words.next()?)?;
    let minor = field::number(words.next()?)?;
    let name = field::text(words.next()?)?;
    let mut values = [0; STATISTICS.len()];
    let mut count = 0;
    for (slot, word) in values.iter_mut().zip(words) {
        *slot = field::number(word)?;
        count += 1;
    }
    (count >= FEWEST_FIELDS).then_some(Line { major, minor, name, values, count })
}

fn sample(
    disk: &Line<'_>,
    number: usize,
    root: &HostRoot,
    disks: &mut BTreeMap<Box<str>, Properties>,
    sink: &mut Sink,
    tally: &mut Tally,
) {
    let labels = [("device", disk.name)];
    for ((metric, scale), value) in STATISTICS.iter().zip(SCALES).zip(disk.values).take(disk.count)
    {
        sink.put(metric, &labels, value as f64 * scale);
    }
    tally.sampled();
    if let Some(properties) = disks.get(disk.name).filter(|p| p.is_of(disk.major, disk.minor)) {
        return properties.put(disk.name, sink);
    }
    if disks.len() >= MAX_DISKS {
        return tally.bad_line(number, "at most 4096 disks");
    }
    let properties = Properties::read(root, disk.name, disk.major, disk.minor);
    properties.put(disk.name, sink);
    disks.insert(disk.name.into(), properties);
}

/// Whether node_exporter leaves the device out: memory disks, loops, floppies and the partitions of plain disks
/// (`^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$`).
fn is_ignored(name: &str) -> bool {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.len() == name.len() {
        return false;
    }
    if matches!(stem, "ram" | "zram" | "loop" | "fd") {
        return true;
    }
    let disk = ["hd", "sd", "vd", "xvd"].iter().find_map(|kind| stem.strip_prefix(kind));
    if disk
        .is_some_and(|letter| letter.len() == 1 && letter.bytes().all(|b| b.is_ascii_lowercase()))
    {
        return true;
    }
    let nvme = stem.strip_prefix("nvme").and_then(|rest| rest.strip_suffix('p'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    nvme.and_then(|rest| rest.split_once('n'))
        .is_some_and(|(controller, namespace)| is_number(controller) && is_number(namespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: names of devices and partitions. Guarantees: exactly those are left out that the peer leaves out.
    #[test]
    fn the_same_devices_are_ignored() {
        for name in [
            "ram0",
            "zram12",
            "loop7",
            "fd0",
            "hda1",
            "sda1",
            "vdb22",
            "xvda3",
            "nvme0n1p1",
            "nvme10n2p15",
        ] {
            assert!(is_ignored(name), "{name}");
        }
        for name in [
            "sda",
            "vda",
            "dm-0",
            "md127",
            "sr0",
            "mmcblk0p1",
            "nvme0n1",
            "nvme0c0n1",
            "sdaa1",
            "ram",
            "nvmenp1",
            "sdA1",
            "12",
        ] {
            assert!(!is_ignored(name), "{name}");
        }
    }
}

//! Probe `filesystem`: size, free space and state of each mounted file system, from `/proc/1/mountinfo` and `statvfs`.
//!
//! A server that does not answer hangs `statvfs` in the kernel, so mounts that depend on another machine are asked by
//! a thread of their own: one dead mount costs its own readings and no others.

mod mountinfo;
mod remote;
mod unmounted;

use crate::context::Context;
use crate::metric::{gauge, info};
use crate::tally::{self, Tally};
use agent_probe::{HostFile, HostRoot, Lane, Outcome, Probe, ProbeError, ProbeSpec, Sink};
use mountinfo::{Choice, Mount};
use remote::Remotes;
use rustix::fs::StatVfs;
use shared_model::{Clock, Metric, Unit};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use unmounted::Unmounted;

pub(crate) const NAME: &str = "filesystem";

static SIZE: Metric = gauge(
    "node_filesystem_size_bytes",
    Unit::Bytes,
    "Size of the file system.",
    "statvfs(3) f_blocks * f_frsize",
);
static FREE: Metric = gauge(
    "node_filesystem_free_bytes",
    Unit::Bytes,
    "Free space, the part reserved for root included.",
    "statvfs(3) f_bfree * f_frsize",
);
static AVAIL: Metric = gauge(
    "node_filesystem_avail_bytes",
    Unit::Bytes,
    "Free space that users other than root can fill.",
    "statvfs(3) f_bavail * f_frsize",
);
static FILES: Metric =
    gauge("node_filesystem_files", Unit::None, "Inodes of the file system.", "statvfs(3) f_files");
static FILES_FREE: Metric =
    gauge("node_filesystem_files_free", Unit::None, "Free inodes.", "statvfs(3) f_ffree");
static READONLY: Metric = gauge(
    "node_filesystem_readonly",
    Unit::None,
    "Whether the file system is read-only: 1 after the kernel remounted it because of errors too.",
    "/proc/1/mountinfo fields 6 and 11",
);
static DEVICE_ERROR: Metric = gauge(
    "node_filesystem_device_error",
    Unit::None,
    "Whether the file system could not be asked; the label device_error says why.",
    "statvfs(3)",
);
static MOUNT_INFO: Metric = info(
    "node_filesystem_mount_info",
    "The device numbers behind the mount.",
    "/proc/1/mountinfo field 3",
);
static DATA_DEVICE: Metric = info(
    "wardround_data_device_info",
    "A block device, as /proc/diskstats names it, that holds data which the clause on I/O wait speaks of.",
    "/proc/1/mountinfo field 3, /sys/dev/block",
);
static METRICS: &[&Metric] = &[
    &SIZE,
    &FREE,
    &AVAIL,
    &FILES,
    &FILES_FREE,
    &READONLY,
    &DEVICE_ERROR,
    &MOUNT_INFO,
    &DATA_DEVICE,
];

/// More mounts than any node of an appliance has; containers' own are excluded by default. Beyond it the round is
/// partial and says so.
const MAX_MOUNTS: usize = 1024;

pub(crate) struct Filesystem {
    root: HostRoot,
    choice: Choice,
    data_mounts: Vec<String>,
    /// Devices of `mounts` that hold data, each once.
    data_devices: BTreeSet<Box<str>>,
    /// Of process 1, and of ourselves where `hidepid` hides that.
    tables: [HostFile; 2],
    /// The table that `mounts` was made from: it is parsed again only when it changed.
    parsed: Vec<u8>,
    mounts: Vec<Mount>,
    bad_lines: Vec<usize>,
    /// Whether there are more mounts than [`MAX_MOUNTS`].
    is_cut: bool,
    remotes: Remotes,
    unmounted: Unmounted,
    clock: Arc<dyn Clock>,
}

/// What asking one mount gave: its numbers, or why there are none.
type Answer = Result<StatVfs, String>;

impl Filesystem {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            root: context.root.clone(),
            choice: Choice {
                include: context.filesystem_include.clone(),
                exclude: context.filesystem_exclude.clone(),
            },
            data_mounts: context.data_mounts.clone(),
            data_devices: BTreeSet::new(),
            tables: ["1/mountinfo", "self/mountinfo"]
                .map(|path| HostFile::new(context.root.proc(path))),
            parsed: Vec::new(),
            mounts: Vec::new(),
            bad_lines: Vec::new(),
            is_cut: false,
            remotes: Remotes::default(),
            unmounted: Unmounted::default(),
            clock: Arc::clone(&context.clock),
        }
    }
}

impl Probe for Filesystem {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Slow,
            default_interval: Duration::from_secs(5),
            default_timeout: Duration::from_secs(4),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        if !self.root.is_live() {
            return Outcome::Absent("a captured tree has no file systems to ask".to_owned());
        }
        let path = match self.refresh() {
            Ok(path) => path,
            Err(error) if error.is_not_found() => {
                return tally::absent(&self.root.proc("self/mountinfo"));
            }
            Err(error) => return Outcome::Failed(error),
        };
        let mut tally = Tally::default();
        for line in &self.bad_lines {
            tally.bad_line(*line, "a line of mountinfo");
        }
        if self.is_cut {
            tally.bad_line(0, "at most 1024 mounts");
        }
        let answers = self.remotes.ask(&self.mounts);
        let mut failing = Vec::new();
        for (mount, answer) in self.mounts.iter().zip(answers) {
            let answer = answer.unwrap_or_else(|| {
                rustix::fs::statvfs(&*mount.point).map_err(|errno| errno.to_string())
            });
            put(mount, &answer, sink);
            tally.sampled();
            if answer.is_err() {
                failing.push(mount);
            }
        }
        let now = self.clock.boot();
        for mount in self.unmounted.round(now, &self.mounts, failing.into_iter()) {
            sink.put(&DEVICE_ERROR, &labels(mount), 0.0);
        }
        for device in &self.data_devices {
            sink.put(&DATA_DEVICE, &[("device", device)], 1.0);
        }
        tally.end_file(&path);
        tally.outcome()
    }
}

impl Filesystem {
    /// Brings `mounts` up to date with the first table that can be read, and says which that is. The table is read each time
    /// and parsed when it changed: the kernel announces mounts, but not that it made one read-only because of errors.
    fn refresh(&mut self) -> Result<PathBuf, ProbeError> {
        let [first, own] = &mut self.tables;
        let (text, path) = match first.read() {
            Ok(text) => (text, self.root.proc("1/mountinfo")),
            Err(_) => (own.read()?, self.root.proc("self/mountinfo")),
        };
        if *text != *self.parsed {
            text.clone_into(&mut self.parsed);
            (self.mounts, self.bad_lines) = mountinfo::parse(&self.parsed, &self.choice);
            self.is_cut = self.mounts.len() > MAX_MOUNTS;
            self.mounts.truncate(MAX_MOUNTS);
            self.data_devices = data_devices(&self.root, &self.mounts, &self.data_mounts);
        }
        Ok(path)
    }
}

/// The kernel's names of the devices behind the data mounts. A file system that spans several devices has no block device
/// of its own number; then the name in the table stands.
fn data_devices(root: &HostRoot, mounts: &[Mount], wanted: &[String]) -> BTreeSet<Box<str>> {
    let holds_data = |mount: &&Mount| {
        let is_wanted = wanted.is_empty() || wanted.iter().any(|point| **point == *mount.point);
        is_wanted && mount.device.starts_with("/dev/")
    };
    let name = |mount: &Mount| {
        let link = root.sys(&format!("dev/block/{}:{}", mount.major, mount.minor));
        let target = std::fs::read_link(link).ok();
        let name = target.as_deref().and_then(Path::file_name).and_then(OsStr::to_str);
        name.or(mount.device.rsplit('/').next()).unwrap_or_default().into()
    };
    mounts.iter().filter(holds_data).map(name).collect()
}

fn labels(mount: &Mount) -> [(&'static str, &str); 3] {
    [("device", &*mount.device), ("mountpoint", &*mount.point), ("fstype", &*mount.kind)]
}

fn put(mount: &Mount, answer: &Answer, sink: &mut Sink) {
    let labels = labels(mount);
    let [device, point, kind] = labels;
    let read_only = f64::from(u8::from(mount.is_read_only));
    let numbers = match answer {
        Ok(numbers) => numbers,
        Err(error) => {
            let labels = [device, point, kind, ("device_error", error.as_str())];
            sink.put(&DEVICE_ERROR, &labels, 1.0);
            sink.put(&READONLY, &labels, read_only);
            return;
        }
    };
    sink.put(&DEVICE_ERROR, &labels, 0.0);
    sink.put(&READONLY, &labels, read_only);
    let unit = numbers.f_frsize as f64;
    sink.put(&SIZE, &labels, numbers.f_blocks as f64 * unit);
    sink.put(&FREE, &labels, numbers.f_bfree as f64 * unit);
    sink.put(&AVAIL, &labels, numbers.f_bavail as f64 * unit);
    sink.put(&FILES, &labels, numbers.f_files as f64);
    sink.put(&FILES_FREE, &labels, numbers.f_ffree as f64);
    let numbers = [("major", &*mount.major), ("minor", &*mount.minor)];
    sink.put(&MOUNT_INFO, &[device, numbers[0], numbers[1], point], 1.0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// Scenario: a device-mapper mount, a plain one, and one without a block device, all wanted and then one named.
    /// Guarantees: devices carry the names that diskstats uses; nothing else is listed.
    #[test]
    fn data_devices_carry_kernel_names() {
        let dir = tempfile::tempdir().unwrap();
        let links = dir.path().join("sys/dev/block");
        std::fs::create_dir_all(&links).unwrap();
        symlink("../../devices/virtual/block/dm-3", links.join("253:3")).unwrap();
        let table = b"27 1 253:3 / /data rw - xfs /dev/mapper/vg-data rw
28 1 8:17 / /backup rw - ext4 /dev/sdb1 rw
29 1 0:40 / /export rw - nfs4 192.0.2.1:/x rw
";
        let (mounts, _) = mountinfo::parse(table, &Choice::default());
        let root = HostRoot::at(dir.path());
        let found = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|w| (*w).to_owned()).collect();
            data_devices(&root, &mounts, &wanted).into_iter().map(String::from).collect::<Vec<_>>()
        };
        assert_eq!(found(&[]), ["dm-3", "sdb1"]);
        assert_eq!(found(&["/data"]), ["dm-3"]);
        assert!(found(&["/nowhere"]).is_empty());
    }
}

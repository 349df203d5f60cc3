//! Probe `dmmultipath`: devices of the device mapper that lead to one disk over several paths, from `/sys/block/dm-*`.

use crate::context::Context;
use crate::field;
use crate::metric::{gauge, info};
use crate::sysfs;
use crate::tally::Tally;
use agent_probe::{HostRoot, Lane, Outcome, Probe, ProbeError, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::io;
use std::path::Path;
use std::time::Duration;

pub(crate) const NAME: &str = "dmmultipath";

static INFO: Metric = info(
    "node_dmmultipath_device_info",
    "The device and its identity.",
    "/sys/block/<dm>/dm/{name,uuid}",
);
static ACTIVE: Metric = gauge(
    "node_dmmultipath_device_active",
    Unit::None,
    "Whether the device is active, 0 while it is suspended.",
    "/sys/block/<dm>/dm/suspended",
);
static SIZE: Metric = gauge(
    "node_dmmultipath_device_size_bytes",
    Unit::Bytes,
    "Size of the device.",
    "/sys/block/<dm>/size, sectors of 512 bytes",
);
static PATHS: Metric = gauge(
    "node_dmmultipath_device_paths",
    Unit::None,
    "Paths of the device.",
    "/sys/block/<dm>/slaves",
);
static PATHS_ACTIVE: Metric = gauge(
    "node_dmmultipath_device_paths_active",
    Unit::None,
    "Paths whose disk is running (SCSI) or live (NVMe).",
    "/sys/block/<path>/device/state",
);
static PATHS_FAILED: Metric = gauge(
    "node_dmmultipath_device_paths_failed",
    Unit::None,
    "Paths in any other state.",
    "/sys/block/<path>/device/state",
);
static PATH_STATE: Metric = gauge(
    "node_dmmultipath_path_state",
    Unit::None,
    "1 for the state that the disk of the path is in.",
    "/sys/block/<path>/device/state",
);
static METRICS: [&Metric; 7] =
    [&INFO, &ACTIVE, &SIZE, &PATHS, &PATHS_ACTIVE, &PATHS_FAILED, &PATH_STATE];

/// Far above the volumes of an appliance; each has some four paths.
const MAX_DEVICES: usize = 512;
const MAX_PATHS: usize = 64;

/// What `multipathd` puts before the identity of its devices.
const PREFIX: &str = "mpath-";

pub(crate) struct Dmmultipath {
    root: HostRoot,
}

impl Dmmultipath {
    pub(crate) fn new(context: &Context) -> Self {
        Self { root: context.root.clone() }
    }
}

impl Probe for Dmmultipath {
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
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let block = self.root.sys("block");
        let names = match sysfs::names(&block) {
            Ok(names) => names,
            Err(error) if error.is_not_found() => Vec::new(),
            Err(error) => return Outcome::Failed(error),
        };
        let mut tally = Tally::default();
        let mut count = 0;
        for name in names.iter().filter(|name| sysfs::numbered(name, "dm-").is_some()) {
            let uuid = sysfs::label(&block.join(&**name).join("dm/uuid"));
            if !uuid.starts_with(PREFIX) {
                continue;
            }
            count += 1;
            if count > MAX_DEVICES {
                let source = io::Error::other("more than 512 multipath devices");
                tally.complain(ProbeError::Read { path: block, source });
                break;
            }
            put(&block, name, &uuid, sink, &mut tally);
        }
        match count {
            0 => Outcome::Absent("no multipath device".to_owned()),
            _ => tally.outcome(),
        }
    }
}

fn put(block: &Path, sysfs_name: &str, uuid: &str, sink: &mut Sink, tally: &mut Tally) {
    let folder = block.join(sysfs_name);
    let name = sysfs::label(&folder.join("dm/name"));
    let (device, dm) = (("device", &*name), ("sysfs_name", sysfs_name));
    sink.put(&INFO, &[device, dm, ("uuid", uuid)], 1.0);
    tally.sampled();
    let mut number = |path: &str| {
        let path = folder.join(path);
        let text = sysfs::line(&path).map_err(|error| tally.complain(error)).ok()??;
        let value = field::number(text.as_bytes());
        if value.is_none() {
            tally.complain(ProbeError::Parse { path, line: 1, expected: "a number" });
        }
        value
    };
    if let Some(suspended) = number("dm/suspended") {
        sink.put(&ACTIVE, &[device, dm], f64::from(u8::from(suspended == 0)));
    }
    if let Some(sectors) = number("size") {
        sink.put(&SIZE, &[device, dm], sectors as f64 * 512.0);
    }
    let paths = match sysfs::names(&folder.join("slaves")) {
        Ok(paths) => paths,
        Err(error) => return tally.complain(error),
    };
    let mut active = 0_usize;
    for path in paths.iter().take(MAX_PATHS) {
        let state = sysfs::label(&block.join(&**path).join("device/state"));
        let state = if state.is_empty() { "unknown" } else { &*state };
        active += usize::from(matches!(state, "running" | "live"));
        sink.put(&PATH_STATE, &[device, ("path", path), ("state", state)], 1.0);
    }
    let all = paths.len().min(MAX_PATHS);
    sink.put(&PATHS, &[device, dm], all as f64);
    sink.put(&PATHS_ACTIVE, &[device, dm], active as f64);
    sink.put(&PATHS_FAILED, &[device, dm], (all - active) as f64);
}

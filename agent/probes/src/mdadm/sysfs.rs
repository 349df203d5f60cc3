//! `/sys/block/md*/md` (Documentation/admin-guide/md.rst).

use super::{ACTION, DEGRADED, MISMATCHES, RAID_DISKS};
use crate::field;
use crate::sysfs;
use crate::tally::Tally;
use agent_probe::{ProbeError, Sink};
use shared_model::Metric;
use std::path::{Path, PathBuf};

/// What sysfs says of one array.
pub(super) struct Shown {
    pub(super) device: Box<str>,
    state: Box<str>,
    action: Option<Box<str>>,
    numbers: Vec<(&'static Metric, u64)>,
}

/// Every array below `/sys/block`; none when the folder is missing.
pub(super) fn read(block: &Path, tally: &mut Tally) -> Vec<Shown> {
    let names = match sysfs::names(block) {
        Ok(names) => names,
        Err(error) if error.is_not_found() => return Vec::new(),
        Err(error) => {
            tally.complain(error);
            return Vec::new();
        }
    };
    let arrays = names.into_iter().filter(|name| name.starts_with("md"));
    let folders = arrays.map(|name| (block.join(&*name).join("md"), name));
    folders.filter(|(folder, _)| folder.is_dir()).map(|(f, name)| one(&f, name, tally)).collect()
}

fn one(folder: &Path, device: Box<str>, tally: &mut Tally) -> Shown {
    let mut number = |name: &str| {
        let path = folder.join(name);
        let text = sysfs::line(&path).map_err(|error| tally.complain(error)).ok()??;
        // While an array is reshaped the file says `NEW (OLD)`.
        let first = text.split(' ').next().unwrap_or_default();
        let value = field::number(first.as_bytes());
        if value.is_none() {
            tally.complain(wrong(path));
        }
        value
    };
    let level = sysfs::label(&folder.join("level"));
    let has_no_redundancy = matches!(&*level, "raid0" | "linear");
    let raid_disks = number("raid_disks");
    let degraded = number("degraded").or(has_no_redundancy.then_some(0));
    let mismatches = number("mismatch_cnt");
    let numbers = [(&RAID_DISKS, raid_disks), (&DEGRADED, degraded), (&MISMATCHES, mismatches)];
    Shown {
        device,
        state: sysfs::label(&folder.join("array_state")),
        action: sysfs::line(&folder.join("sync_action")).ok().flatten(),
        numbers: numbers.into_iter().filter_map(|(m, value)| Some((m, value?))).collect(),
    }
}

fn wrong(path: PathBuf) -> ProbeError {
    ProbeError::Parse { path, line: 1, expected: "a number" }
}

impl Shown {
    /// Whether the kernel has given the array up: too many disks are gone.
    pub(super) fn is_broken(&self) -> bool {
        &*self.state == "broken"
    }

    pub(super) fn put(&self, sink: &mut Sink) {
        let device = ("device", &*self.device);
        for (metric, value) in &self.numbers {
            sink.put(metric, &[device], *value as f64);
        }
        let known = ["idle", "resync", "recover", "check", "repair", "reshape", "frozen"];
        if let Some(action) = self.action.as_deref().filter(|action| known.contains(action)) {
            sink.put(&ACTION, &[device, ("action", action)], 1.0);
        }
    }
}

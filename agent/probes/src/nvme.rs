//! Probe `nvme`: controllers and namespaces, from `/sys/class/nvme`, and each controller's own health log.
//!
//! The log needs read access to `/dev/nvmeN` and the right to send an admin command (root). Without it the probe says so
//! once and goes on with what sysfs shows.

mod admin;
mod health;

use crate::context::Context;
use crate::field;
use crate::metric::{gauge, info};
use crate::sysfs;
use crate::tally::{self, Tally};
use agent_probe::{HostRoot, Lane, Outcome, Probe, ProbeError, ProbeSpec, Sink};
use health::Health;
use shared_model::{Metric, Unit};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const NAME: &str = "nvme";

static INFO: Metric = info(
    "node_nvme_info",
    "The controller: model, serial number, firmware, state.",
    "/sys/class/nvme/<device>/{cntlid,firmware_rev,model,serial,state}",
);
static NAMESPACE: Metric = info(
    "node_nvme_namespace_info",
    "A namespace and the state of its path (ANA).",
    "/sys/class/nvme/<device>/<namespace>/ana_state",
);
static SIZE: Metric = gauge(
    "node_nvme_namespace_size_bytes",
    Unit::Bytes,
    "Size as the peer computes it: sectors of 512 bytes times the logical block size, so eight times too much with blocks \
     of 4 KiB. The true size is wardround_nvme_namespace_bytes.",
    "/sys/class/nvme/<device>/<namespace>/size",
);
static CAPACITY: Metric = gauge(
    "node_nvme_namespace_capacity_bytes",
    Unit::Bytes,
    "The same as node_nvme_namespace_size_bytes, as the peer has it.",
    "/sys/class/nvme/<device>/<namespace>/size",
);
static USED: Metric = gauge(
    "node_nvme_namespace_used_bytes",
    Unit::Bytes,
    "Bytes of the namespace that are allocated.",
    "/sys/class/nvme/<device>/<namespace>/nuse, logical blocks",
);
static BLOCK: Metric = gauge(
    "node_nvme_namespace_logical_block_size_bytes",
    Unit::Bytes,
    "Bytes of a logical block.",
    "/sys/class/nvme/<device>/<namespace>/queue/logical_block_size",
);
static BYTES: Metric = gauge(
    "wardround_nvme_namespace_bytes",
    Unit::Bytes,
    "Size of the namespace.",
    "/sys/class/nvme/<device>/<namespace>/size, sectors of 512 bytes",
);
static LIVE: Metric = gauge(
    "wardround_nvme_live",
    Unit::None,
    "Whether the controller serves I/O: 0 while it is reset, connecting, deleted or dead.",
    "/sys/class/nvme/<device>/state",
);
static METRICS: [&Metric; 8 + health::METRICS.len()] = {
    let first = [&INFO, &NAMESPACE, &SIZE, &CAPACITY, &USED, &BLOCK, &BYTES, &LIVE];
    let mut all = [&INFO; 8 + health::METRICS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < first.len() { first[at] } else { health::METRICS[at - first.len()] };
        at += 1;
    }
    all
};

/// More controllers than a chassis has slots for, and more namespaces than anybody makes on one.
const MAX_CONTROLLERS: usize = 128;
const MAX_NAMESPACES: usize = 64;

/// A sector is 512 bytes here whatever the device's own is (Documentation/block/stat.rst).
const SECTOR: f64 = 512.0;

pub(crate) struct Nvme {
    root: HostRoot,
    /// Controllers whose log is refused to us, which was said already.
    refused: BTreeSet<Box<str>>,
}

impl Nvme {
    pub(crate) fn new(context: &Context) -> Self {
        Self { root: context.root.clone(), refused: BTreeSet::new() }
    }
}

impl Probe for Nvme {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Slow,
            default_interval: Duration::from_secs(10),
            default_timeout: Duration::from_secs(9),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let class = self.root.sys("class/nvme");
        let mut tally = Tally::default();
        let names = match sysfs::names(&class) {
            Ok(names) => names,
            Err(error) if error.is_not_found() => return tally::absent(&class),
            Err(error) => return Outcome::Failed(error),
        };
        let is_controller = |name: &str| sysfs::numbered(name, "nvme").is_some();
        let controllers: Vec<_> = names.into_iter().filter(|name| is_controller(name)).collect();
        if controllers.is_empty() {
            return Outcome::Absent("no NVMe controller".to_owned());
        }
        if controllers.len() > MAX_CONTROLLERS {
            let source = io::Error::other("more than 128 NVMe controllers");
            tally.complain(ProbeError::Read { path: class.clone(), source });
        }
        self.refused.retain(|name| controllers.contains(name));
        for device in controllers.iter().take(MAX_CONTROLLERS) {
            put_controller(&class.join(&**device), device, sink, &mut tally);
            self.put_health(device, sink, &mut tally);
        }
        tally.outcome()
    }
}

impl Nvme {
    fn put_health(&mut self, device: &str, sink: &mut Sink, tally: &mut Tally) {
        match self.health(device) {
            Ok(health) => {
                self.refused.remove(device);
                if let Some(health) = health {
                    health.put(device, sink);
                    tally.sampled();
                }
            }
            Err(error) => {
                let is_refused = matches!(&error, ProbeError::Read { source, .. }
                    if source.kind() == ErrorKind::PermissionDenied);
                if !is_refused || self.refused.insert(device.into()) {
                    tally.complain(error);
                }
            }
        }
    }

    /// The health log; `None` where there is no device file, as on a captured tree without a log.
    fn health(&self, device: &str) -> Result<Option<Health>, ProbeError> {
        let path = match self.root.is_live() {
            true => self.root.host("dev").join(device),
            // Of a captured tree: the log's 512 bytes.
            false => self.root.host("dev").join(format!("{device}.health")),
        };
        let log = match self.root.is_live() {
            true => admin::health_log(&path).map(|log| log.to_vec()),
            false => std::fs::read(&path),
        };
        match log {
            Ok(log) => match Health::parse(&log) {
                Some(health) => Ok(Some(health)),
                None => {
                    Err(ProbeError::Parse { path, line: 0, expected: "a health log of 512 bytes" })
                }
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ProbeError::Read { path, source }),
        }
    }
}

fn put_controller(folder: &Path, device: &str, sink: &mut Sink, tally: &mut Tally) {
    let read = |name: &str| sysfs::label(&folder.join(name));
    let (cntlid, firmware, model) = (read("cntlid"), read("firmware_rev"), read("model"));
    let (serial, state) = (read("serial"), read("state"));
    let labels = [
        ("device", device),
        ("cntlid", &*cntlid),
        ("firmware_revision", &*firmware),
        ("model", &*model),
        ("serial", &*serial),
        ("state", &*state),
    ];
    sink.put(&INFO, &labels, 1.0);
    if !state.is_empty() {
        sink.put(&LIVE, &[("device", device)], f64::from(u8::from(&*state == "live")));
    }
    tally.sampled();
    match sysfs::names(folder) {
        Ok(names) => {
            let namespaces = names.iter().filter_map(|name| Some((name, namespace_id(name)?)));
            for (name, id) in namespaces.take(MAX_NAMESPACES) {
                put_namespace(
                    &folder.join(&**name),
                    [("device", device), ("nsid", id)],
                    sink,
                    tally,
                );
            }
        }
        Err(error) => tally.complain(error),
    }
}

/// The number of the namespace in `nvme0n1` and in `nvme0c0n1`, a path of a namespace with several controllers.
fn namespace_id(name: &str) -> Option<&str> {
    let (controller, id) = name.strip_prefix("nvme")?.rsplit_once('n')?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mut parts = controller.splitn(2, 'c');
    (plain(id) && parts.next().is_some_and(plain) && parts.next().is_none_or(plain)).then_some(id)
}

fn put_namespace(folder: &Path, labels: [(&str, &str); 2], sink: &mut Sink, tally: &mut Tally) {
    let [device, nsid] = labels;
    let state = sysfs::line(&folder.join("ana_state")).ok().flatten();
    let state = state.as_deref().unwrap_or("unknown");
    sink.put(&NAMESPACE, &[device, nsid, ("ana_state", state)], 1.0);
    let mut number = |path: PathBuf| {
        let text = sysfs::line(&path).map_err(|error| tally.complain(error)).ok()??;
        let value = field::number(text.as_bytes());
        if value.is_none() {
            tally.complain(ProbeError::Parse { path, line: 1, expected: "a number" });
        }
        value.map(|value| value as f64)
    };
    let size = number(folder.join("size"));
    let used = number(folder.join("nuse"));
    let block = number(folder.join("queue/logical_block_size"));
    if let (Some(size), Some(block)) = (size, block) {
        sink.put(&SIZE, &labels, size * block);
        sink.put(&CAPACITY, &labels, size * block);
    }
    if let (Some(used), Some(block)) = (used, block) {
        sink.put(&USED, &labels, used * block);
    }
    if let Some(block) = block {
        sink.put(&BLOCK, &labels, block);
    }
    if let Some(size) = size {
        sink.put(&BYTES, &labels, size * SECTOR);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: names below a controller. Guarantees: namespaces and paths of namespaces have their number, all else none.
    #[test]
    fn namespaces_are_told_by_their_names() {
        for (name, expected) in [
            ("nvme0n1", Some("1")),
            ("nvme10n23", Some("23")),
            ("nvme0c1n2", Some("2")),
            ("nvme0", None),
            ("nvme0n1p1", None),
            ("nvmen1", None),
            ("ng0n1", None),
            ("power", None),
        ] {
            assert_eq!(namespace_id(name), expected, "{name}");
        }
    }
}

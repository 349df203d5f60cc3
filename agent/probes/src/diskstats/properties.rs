//! What a disk is: udev's database and the device's queue directory.
//!
//! Slow to change, so it is read once in a while and kept; a disk without any of it is still sampled.

use crate::field;
use crate::metric::{gauge, info};
use agent_probe::{HostFile, HostRoot, Sink};
use shared_model::{Metric, Unit};
use std::path::PathBuf;

static INFO: Metric = info(
    "node_disk_info",
    "What the disk is; rotational is 0 when the kernel does not say.",
    "udev database b<major>:<minor>, /sys/block/<device>/queue/rotational",
);
static FILESYSTEM_INFO: Metric = info(
    "node_disk_filesystem_info",
    "The file system on the disk.",
    "udev database b<major>:<minor>, ID_FS_*",
);
static DEVICE_MAPPER_INFO: Metric = info(
    "node_disk_device_mapper_info",
    "The device-mapper volume behind the device.",
    "udev database b<major>:<minor>, DM_*",
);
static ATA_WRITE_CACHE: Metric = gauge(
    "node_disk_ata_write_cache",
    Unit::None,
    "Whether the ATA disk has a write cache.",
    "udev database b<major>:<minor>, ID_ATA_WRITE_CACHE",
);
static ATA_WRITE_CACHE_ENABLED: Metric = gauge(
    "node_disk_ata_write_cache_enabled",
    Unit::None,
    "Whether the ATA disk's write cache is on.",
    "udev database b<major>:<minor>, ID_ATA_WRITE_CACHE_ENABLED",
);
static ATA_ROTATION_RATE: Metric = gauge(
    "node_disk_ata_rotation_rate_rpm",
    Unit::None,
    "Rotations per minute of the ATA disk, 0 for solid state.",
    "udev database b<major>:<minor>, ID_ATA_ROTATION_RATE_RPM",
);
pub(super) const METRICS: [&Metric; 6] = [
    &INFO,
    &FILESYSTEM_INFO,
    &DEVICE_MAPPER_INFO,
    &ATA_WRITE_CACHE,
    &ATA_WRITE_CACHE_ENABLED,
    &ATA_ROTATION_RATE,
];

type Labels<const N: usize> = [(&'static str, Box<str>); N];

/// The properties of one disk, ready to be put into a sink.
pub(super) struct Properties {
    numbers: (u64, u64),
    info: Labels<8>,
    filesystem: Option<Labels<4>>,
    device_mapper: Option<Labels<5>>,
    ata: Vec<(&'static Metric, f64)>,
}

impl Properties {
    /// Reads what is known about the disk `name`. What is missing becomes an empty label, as node_exporter has it.
    pub(super) fn read(root: &HostRoot, name: &str, major: u64, minor: u64) -> Self {
        let mut database = HostFile::new(database_path(root, major, minor));
        let udev = Udev(database.read().unwrap_or_default());
        let serial = ["SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"];
        let serial = serial.iter().map(|key| udev.get(key)).find(|serial| !serial.is_empty());
        let info = [
            ("major", major.to_string().into()),
            ("minor", minor.to_string().into()),
            ("path", udev.get("ID_PATH").into()),
            ("wwn", udev.get("ID_WWN").into()),
            ("model", udev.get("ID_MODEL").into()),
            ("serial", serial.unwrap_or_default().into()),
            ("revision", udev.get("ID_REVISION").into()),
            ("rotational", rotational(root, name).into()),
        ];
        Self {
            numbers: (major, minor),
            info,
            filesystem: udev.labels([
                ("type", "ID_FS_TYPE"),
                ("usage", "ID_FS_USAGE"),
                ("uuid", "ID_FS_UUID"),
                ("version", "ID_FS_VERSION"),
            ]),
            device_mapper: udev.labels([
                ("name", "DM_NAME"),
                ("uuid", "DM_UUID"),
                ("vg_name", "DM_VG_NAME"),
                ("lv_name", "DM_LV_NAME"),
                ("lv_layer", "DM_LV_LAYER"),
            ]),
            ata: udev.ata(),
        }
    }

    /// Whether these are still the properties of the device with these numbers.
    pub(super) fn is_of(&self, major: u64, minor: u64) -> bool {
        self.numbers == (major, minor)
    }

    pub(super) fn put(&self, device: &str, sink: &mut Sink) {
        put_info(&INFO, device, &self.info, sink);
        if let Some(labels) = &self.filesystem {
            put_info(&FILESYSTEM_INFO, device, labels, sink);
        }
        if let Some(labels) = &self.device_mapper {
            put_info(&DEVICE_MAPPER_INFO, device, labels, sink);
        }
        for (metric, value) in &self.ata {
            sink.put(metric, &[("device", device)], *value);
        }
    }
}

/// The most labels that an info metric has besides `device`.
const MOST_LABELS: usize = 8;

fn put_info(
    metric: &'static Metric,
    device: &str,
    labels: &[(&'static str, Box<str>)],
    sink: &mut Sink,
) {
    let mut all = [("device", device); MOST_LABELS + 1];
    for (slot, (name, value)) in all.iter_mut().skip(1).zip(labels) {
        *slot = (name, value);
    }
    sink.put(metric, all.get(..=labels.len()).unwrap_or(&all), 1.0);
}

/// A live host keeps udev's database in `/run/udev`, a captured tree in `udev` (udev(7)).
fn database_path(root: &HostRoot, major: u64, minor: u64) -> PathBuf {
    let folder = if root.is_live() { "run/udev" } else { "udev" };
    root.host(&format!("{folder}/data/b{major}:{minor}"))
}

fn rotational(root: &HostRoot, name: &str) -> &'static str {
    // sysfs writes `!` for the slash that old controllers have in their names (cciss/c0d0).
    let name = name.replace('/', "!");
    let mut file = HostFile::new(root.sys(&format!("block/{name}/queue/rotational")));
    match file.read() {
        Ok(text) if text.trim_ascii() == b"1" => "1",
        _ => "0",
    }
}

/// udev's record of a device: lines such as `E:ID_MODEL=X`.
struct Udev<'a>(&'a [u8]);

impl<'a> Udev<'a> {
    /// The value of a property, empty when there is none.
    fn get(&self, key: &str) -> &'a str {
        let property = |line: &'a [u8]| {
            let rest = line.strip_prefix(b"E:")?.strip_prefix(key.as_bytes())?;
            field::text(rest.strip_prefix(b"=")?)
        };
        field::lines(self.0).find_map(|(_, line)| property(line)).unwrap_or_default()
    }

    /// Several properties as labels; `None` when the first has no value.
    fn labels<const N: usize>(&self, keys: [(&'static str, &str); N]) -> Option<Labels<N>> {
        let labels = keys.map(|(label, key)| (label, self.get(key).into()));
        labels.first().is_some_and(|(_, value): &(_, Box<str>)| !value.is_empty()).then_some(labels)
    }

    fn ata(&self) -> Vec<(&'static Metric, f64)> {
        if self.get("ID_ATA").is_empty() {
            return Vec::new();
        }
        let rows: [(&'static Metric, &str); 3] = [
            (&ATA_WRITE_CACHE, "ID_ATA_WRITE_CACHE"),
            (&ATA_WRITE_CACHE_ENABLED, "ID_ATA_WRITE_CACHE_ENABLED"),
            (&ATA_ROTATION_RATE, "ID_ATA_ROTATION_RATE_RPM"),
        ];
        let value = |key| field::number(self.get(key).as_bytes()).map(|value| value as f64);
        rows.into_iter().filter_map(|(metric, key)| Some((metric, value(key)?))).collect()
    }
}

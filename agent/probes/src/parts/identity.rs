//! What identifies each part: model and serial number rather than the name that the kernel gave it.

use super::smbios;
use crate::field;
use crate::sysfs;
use agent_probe::{HostFile, HostRoot};
use std::path::Path;

/// Parts of a kind at most: a node has some dozens.
const MAX_PARTS: usize = 4096;

/// Every kind with the identities of its parts; empty where there are none or they cannot be read.
pub(super) fn all(root: &HostRoot) -> [(&'static str, Vec<String>); 8] {
    [
        ("system", dmi(root, &["sys_vendor", "product_name", "board_name"])),
        ("serial", dmi(root, &["product_serial", "board_serial", "chassis_serial"])),
        ("firmware", firmware(root)),
        ("processor", processors(root)),
        ("memory", smbios::memory(root)),
        ("disk", disks(root)),
        ("network", adapters(root)),
        ("infiniband", infiniband(root)),
    ]
}

/// One identity of all texts that are there.
fn dmi(root: &HostRoot, names: &[&str]) -> Vec<String> {
    let folder = root.sys("class/dmi/id");
    let texts: Vec<_> = names.iter().map(|name| sysfs::label(&folder.join(name))).collect();
    let is_known = texts.iter().any(|text| !text.is_empty());
    is_known.then(|| texts.join("|")).into_iter().collect()
}

fn joined(folder: &Path, names: &[&str]) -> String {
    let texts: Vec<_> = names.iter().map(|name| sysfs::label(&folder.join(name))).collect();
    texts.join("|")
}

fn entries(folder: &Path) -> Vec<Box<str>> {
    let mut names = sysfs::names(folder).unwrap_or_default();
    names.truncate(MAX_PARTS);
    names
}

fn firmware(root: &HostRoot) -> Vec<String> {
    let mut found = dmi(root, &["bios_version", "bios_date"]);
    for (class, file) in [("class/nvme", "firmware_rev"), ("class/infiniband", "fw_ver")] {
        let folder = root.sys(class);
        for name in entries(&folder) {
            let serial = sysfs::label(&folder.join(&*name).join("serial"));
            let version = sysfs::label(&folder.join(&*name).join(file));
            if !version.is_empty() {
                found.push(format!("{name}|{serial}|{version}"));
            }
        }
    }
    found
}

/// The model of each logical processor.
fn processors(root: &HostRoot) -> Vec<String> {
    let mut file = HostFile::new(root.proc("cpuinfo"));
    let Ok(text) = file.read() else { return Vec::new() };
    let models = field::lines(text).filter_map(|(_, line)| {
        let (_, model) = field::text(line.strip_prefix(b"model name")?)?.split_once(':')?;
        Some(model.trim().to_owned())
    });
    models.take(MAX_PARTS).collect()
}

/// Disks with hardware behind them: those of the device mapper, of RAID and of memory have no `device`.
fn disks(root: &HostRoot) -> Vec<String> {
    let block = root.sys("block");
    let folders = entries(&block).into_iter().map(|name| (block.join(&*name), name));
    let real = folders.filter(|(folder, _)| folder.join("device").exists());
    real.map(|(folder, name)| {
        let identity = joined(&folder, &["device/model", "device/serial", "wwid", "device/wwid"]);
        // A virtual disk has neither; its name is all there is.
        let is_known = identity.bytes().any(|b| b != b'|');
        let size = sysfs::label(&folder.join("size"));
        format!("{}|{size}", if is_known { identity } else { name.into() })
    })
    .collect()
}

/// Network adapters by slot and kind: addresses change when they are bonded.
fn adapters(root: &HostRoot) -> Vec<String> {
    let class = root.sys("class/net");
    let devices = entries(&class).into_iter().map(|name| class.join(&*name).join("device"));
    let real = devices.filter(|device| device.exists());
    real.map(|device| {
        let slot = std::fs::canonicalize(&device).unwrap_or_default();
        let slot = slot.file_name().unwrap_or_default().to_string_lossy().into_owned();
        format!("{slot}|{}", joined(&device, &["vendor", "device"]))
    })
    .collect()
}

fn infiniband(root: &HostRoot) -> Vec<String> {
    let class = root.sys("class/infiniband");
    let folders = entries(&class).into_iter().map(|name| class.join(&*name));
    folders.map(|folder| joined(&folder, &["node_guid", "board_id", "hca_type"])).collect()
}

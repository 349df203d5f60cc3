//! Which chips there are and what to call them: the numbers of `hwmonN` depend on the order in which drivers load, the
//! path of the device behind does not.

use crate::attribute::{Round, numbered};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A folder below `/sys/class/hwmon`.
pub(super) struct Chip {
    pub(super) folder: PathBuf,
    /// The label `chip`.
    pub(super) label: String,
    /// What the driver calls it, cleaned.
    pub(super) own_name: Option<String>,
}

/// The chips in the order of their folders.
pub(super) fn find(class: &Path, limit: usize, round: &mut Round<'_>) -> Vec<Chip> {
    let mut chips = Vec::new();
    let mut uses: BTreeMap<String, u32> = BTreeMap::new();
    for name in round.names(class, limit) {
        let folder = class.join(&*name);
        if numbered(&name, "hwmon").is_none() || !folder.is_dir() {
            continue;
        }
        let text = round.some_text(&folder.join("name"));
        let own_name = text.map(|text| clean(&text)).filter(|text| !text.is_empty());
        let of_device = device_label(&folder);
        let label = of_device.or_else(|| own_name.clone()).unwrap_or_else(|| name.to_string());
        *uses.entry(label.clone()).or_default() += 1;
        chips.push(Chip { folder, label, own_name });
    }
    for chip in &mut chips {
        // Several chips of one device are told apart by their own names.
        if let (Some(2..), Some(name)) = (uses.get(&chip.label), &chip.own_name) {
            chip.label = format!("{}_{name}", chip.label);
        }
    }
    chips
}

/// `platform_coretemp_0` for a chip of `/sys/devices/platform/coretemp.0`.
fn device_label(folder: &Path) -> Option<String> {
    let device = folder.join("device").canonicalize().ok()?;
    let name = clean(device.file_name()?.to_str()?);
    let bus = device.parent().and_then(Path::file_name).and_then(|bus| bus.to_str());
    let bus = bus.map(clean).unwrap_or_default();
    match (bus.is_empty(), name.is_empty()) {
        (_, true) => None,
        (true, false) => Some(name),
        (false, false) => Some(format!("{bus}_{name}")),
    }
}

/// As node_exporter cleans names: lower case, everything else than letters, digits, colons and underscores replaced.
pub(super) fn clean(text: &str) -> String {
    let kept = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, ':' | '_');
    let lower = text.to_lowercase();
    let replaced: String = lower.chars().map(|c| if kept(c) { c } else { '_' }).collect();
    replaced.trim_matches('_').to_owned()
}

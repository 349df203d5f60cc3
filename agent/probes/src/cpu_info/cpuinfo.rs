//! `/proc/cpuinfo`: a block of `name : value` lines for each CPU.

use crate::attribute::Round;
use crate::field;
use crate::metric::{gauge, info};
use agent_probe::HostFile;
use shared_model::{Metric, Unit};
use std::io;
use std::path::Path;

pub(super) static INFO: Metric = info(
    "node_cpu_info",
    "What the CPU is.",
    "/proc/cpuinfo processor, physical id, core id, vendor_id, cpu family, model, model name, microcode, stepping, cache size",
);
pub(super) static FREQUENCY: Metric = gauge(
    "node_cpu_frequency_hertz",
    Unit::None,
    "Frequency at which the CPU ran lately, in hertz.",
    "/proc/cpuinfo cpu MHz",
);
pub(super) static FLAG: Metric = info(
    "node_cpu_flag_info",
    "A feature of the first CPU that databases make use of.",
    "/proc/cpuinfo flags: aes, avx, avx2, constant_tsc",
);
pub(super) static BUG: Metric = info(
    "node_cpu_bug_info",
    "A bug of the first CPU whose workaround costs a database speed.",
    "/proc/cpuinfo bugs: cpu_meltdown, mds, spectre",
);

const FLAGS: &[&str] = &["aes", "avx", "avx2", "constant_tsc"];
/// The kernel's own limit (`NR_CPUS` with `MAXSMP`).
const MAX_CPUS: usize = 8192;

/// Labels of [`INFO`] and the names in the file.
const LABELS: [(&str, &str); 10] = [
    ("package", "physical id"),
    ("core", "core id"),
    ("cpu", "processor"),
    ("vendor", "vendor_id"),
    ("family", "cpu family"),
    ("model", "model"),
    ("model_name", "model name"),
    ("microcode", "microcode"),
    ("stepping", "stepping"),
    ("cachesize", "cache size"),
];
const CPU: usize = 2;

#[derive(Default)]
struct Block<'a> {
    texts: [&'a str; LABELS.len()],
    megahertz: Option<&'a str>,
    flags: &'a str,
    bugs: &'a str,
}

/// Reads the file anew each time and lets it go: it is hundreds of KiB on a large node.
pub(super) fn read(path: &Path, round: &mut Round<'_>) {
    let mut file = HostFile::new(path.to_owned());
    let text = match file.read_text() {
        Ok(text) => text,
        Err(error) if error.is_not_found() => return,
        Err(error) => return round.complain(path, io::Error::other(error.to_string())),
    };
    let blocks = text.split("\n\n").filter_map(parse).take(MAX_CPUS);
    let mut seen = 0;
    for block in blocks {
        if seen == 0 {
            put_features(&block, round);
        }
        put(&block, round);
        seen += 1;
    }
    if seen == 0 {
        round.complain(path, io::Error::other("no block with a line processor : N"));
    }
}

/// `None` for a block that describes no CPU, such as `Hardware :` on Arm.
fn parse(text: &str) -> Option<Block<'_>> {
    let mut block = Block::default();
    for line in text.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let (name, value) = (name.trim(), value.trim());
        match name {
            "cpu MHz" => block.megahertz = Some(value),
            "flags" => block.flags = value,
            "bugs" => block.bugs = value,
            _ => {
                let slot = LABELS.iter().position(|(_, known)| *known == name);
                if let Some(slot) = slot.and_then(|at| block.texts.get_mut(at)) {
                    *slot = value;
                }
            }
        }
    }
    field::number(block.texts[CPU].as_bytes()).map(|_| block)
}

fn put(block: &Block<'_>, round: &mut Round<'_>) {
    let mut labels = LABELS;
    for (label, value) in labels.iter_mut().zip(block.texts) {
        label.1 = value;
    }
    round.put(&INFO, &labels, 1.0);
    if let Some(megahertz) = block.megahertz.and_then(|text| field::decimal(text.as_bytes())) {
        let [package, core, cpu, ..] = labels;
        round.put(&FREQUENCY, &[package, core, cpu], megahertz * 1e6);
    }
}

fn put_features(block: &Block<'_>, round: &mut Round<'_>) {
    for flag in block.flags.split_ascii_whitespace().filter(|flag| FLAGS.contains(flag)) {
        round.put(&FLAG, &[("flag", flag)], 1.0);
    }
    let is_dear =
        |bug: &&str| *bug == "cpu_meltdown" || *bug == "mds" || bug.starts_with("spectre_");
    for bug in block.bugs.split_ascii_whitespace().filter(is_dear) {
        round.put(&BUG, &[("bug", bug)], 1.0);
    }
}

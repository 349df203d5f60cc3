//! A sysfs tree with InfiniBand ports, one per adapter, written from the kernel's ABI document
//! (Documentation/ABI/stable/sysfs-class-infiniband).

use anyhow::{Context, Result};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Most ports an agent reads.
pub const PORTS_MAX: usize = 64;

/// Every state is padded to this length, so that a change is one write and a reader never sees half of it.
const PADDED: usize = 32;

/// The tree.
pub struct Fabric {
    root: PathBuf,
    ports: usize,
}

impl Fabric {
    /// Writes a tree of `ports` active ports below `root`.
    pub fn create(root: &Path, ports: usize) -> Result<Self> {
        let fabric = Self { root: root.to_owned(), ports };
        for port in 0..ports {
            let device = fabric.device(port);
            std::fs::create_dir_all(device.join("ports/1/counters"))?;
            for (file, text) in
                [("fw_ver", "16.35.2000"), ("board_id", "MT_0000000010"), ("hca_type", "MT4119")]
            {
                std::fs::write(device.join(file), format!("{text}\n"))?;
            }
            let counters = ["ports/1/counters/symbol_error", "ports/1/counters/link_downed"];
            for (file, text) in
                [("ports/1/rate", "100 Gb/sec (4X EDR)"), ("ports/1/link_layer", "InfiniBand")]
                    .into_iter()
                    .chain(counters.map(|counter| (counter, "0")))
            {
                std::fs::write(device.join(file), format!("{text}\n"))?;
            }
            fabric.set(port, "5: LinkUp", "4: ACTIVE")?;
        }
        Ok(fabric)
    }

    /// How many ports there are.
    pub fn ports(&self) -> usize {
        self.ports
    }

    /// Name of the adapter of a port.
    pub fn device_name(port: usize) -> String {
        format!("mlx5_{port}")
    }

    /// Takes the link of a port down, in place: readers keep these files open.
    pub fn break_link(&self, port: usize) -> Result<()> {
        self.set(port, "2: Polling", "1: DOWN")
    }

    /// Brings the link of a port up again.
    pub fn mend_link(&self, port: usize) -> Result<()> {
        self.set(port, "5: LinkUp", "4: ACTIVE")
    }

    /// Lets a port run at a quarter of its width.
    pub fn degrade(&self, port: usize) -> Result<()> {
        self.write(port, [("rate", "25 Gb/sec (1X EDR)")])
    }

    fn set(&self, port: usize, physical: &str, logical: &str) -> Result<()> {
        self.write(port, [("phys_state", physical), ("state", logical)])
    }

    fn write<const N: usize>(&self, port: usize, files: [(&str, &str); N]) -> Result<()> {
        for (file, text) in files {
            let path = self.device(port).join("ports/1").join(file);
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
            let file = file.with_context(|| path.display().to_string())?;
            file.write_all_at(format!("{text:\n<PADDED$}").as_bytes(), 0)?;
        }
        Ok(())
    }

    fn device(&self, port: usize) -> PathBuf {
        self.root.join("sys/class/infiniband").join(Self::device_name(port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a port goes down. Guarantees: its files change in place and keep their length, the other port stays.
    #[test]
    fn links_break_in_place() {
        let dir = tempfile::tempdir().unwrap();
        let fabric = Fabric::create(dir.path(), 2).unwrap();
        let state = |port: usize| {
            std::fs::read_to_string(fabric.device(port).join("ports/1/state")).unwrap()
        };
        assert_eq!(state(1).trim(), "4: ACTIVE");
        fabric.break_link(1).unwrap();
        assert_eq!(
            (state(0).trim(), state(1).trim(), state(1).len()),
            ("4: ACTIVE", "1: DOWN", PADDED)
        );
    }
}

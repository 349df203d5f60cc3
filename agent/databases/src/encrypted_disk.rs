//! Whether a server's data lie on an encrypted disk (clause 3.5 存储加密): device mapper's own word, read below the file system.

use agent_probe::{ProbeError, Sink};
use shared_model::Metric;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Layers between a file system and its disks; more than any sane stack has.
const LAYERS_MAX: u32 = 8;

/// Rounds between two looks: it changes with a file system.
const ROUNDS: u32 = 900;

/// The disk of a folder, and what is known of it.
#[derive(Debug)]
pub(crate) struct EncryptedDisk {
    folder: PathBuf,
    /// What the last look said, and how many rounds ago that was.
    known: Option<(Option<bool>, u32)>,
}

impl EncryptedDisk {
    /// The disk of a folder.
    pub(crate) fn of(folder: PathBuf) -> Self {
        Self { folder, known: None }
    }

    /// Puts whether it is encrypted, where that is known.
    pub(crate) fn put(
        &mut self,
        metric: &'static Metric,
        sink: &mut Sink,
    ) -> Result<(), ProbeError> {
        let (is_known, rounds) = match self.known {
            Some((is_known, rounds)) if rounds < ROUNDS => (is_known, rounds + 1),
            _ => {
                let read = is_encrypted(Path::new("/sys"), &self.folder);
                let error = |source| ProbeError::Read { path: self.folder.clone(), source };
                (read.map_err(error)?, 1)
            }
        };
        self.known = Some((is_known, rounds));
        if let Some(is_encrypted) = is_known {
            sink.put(metric, &[], f64::from(u8::from(is_encrypted)));
        }
        Ok(())
    }
}

/// Whether everything below the file system of `folder` is encrypted; `None` for one that is on no block device of this kernel, such as a
/// network's. `sys` is `/sys`.
fn is_encrypted(sys: &Path, folder: &Path) -> io::Result<Option<bool>> {
    let device = fs::metadata(folder)?.dev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let block = sys.join(format!("dev/block/{major}:{minor}"));
    Ok(block.exists().then(|| is_below(&block, LAYERS_MAX)))
}

/// A layer of LUKS, or one whose every lower layer has one. Other encryption, as of disks by themselves, is not seen.
fn is_below(block: &Path, layers: u32) -> bool {
    let uuid = fs::read_to_string(block.join("dm/uuid")).unwrap_or_default();
    if uuid.starts_with("CRYPT-") {
        return true;
    }
    let lower: Vec<_> =
        fs::read_dir(block.join("slaves")).into_iter().flatten().flatten().collect();
    layers > 0 && !lower.is_empty() && lower.iter().all(|entry| is_below(&entry.path(), layers - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    /// Devices of a `/sys`, each with its identity and what is below it, and the file system of the folder on the first.
    fn sys(devices: &[(&str, &str, &[&str])]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let sys = dir.path().join("sys");
        for (name, uuid, lower) in devices {
            let block = sys.join("block").join(name);
            fs::create_dir_all(block.join("slaves")).unwrap();
            if !uuid.is_empty() {
                fs::create_dir_all(block.join("dm")).unwrap();
                fs::write(block.join("dm/uuid"), uuid).unwrap();
            }
            for below in *lower {
                symlink(sys.join("block").join(below), block.join("slaves").join(below)).unwrap();
            }
        }
        fs::create_dir_all(sys.join("dev/block")).unwrap();
        if let Some((first, ..)) = devices.first() {
            let device = fs::metadata(dir.path()).unwrap().dev();
            let number = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
            symlink(sys.join("block").join(first), sys.join("dev/block").join(number)).unwrap();
        }
        (dir, sys)
    }

    /// Scenario: a plain disk, LUKS on a disk, a volume on LUKS, a volume over two disks of which one is not encrypted, layers in a
    /// circle, a file system that is on no block device. Guarantees: encrypted only where every layer's way down is; unknown is not no.
    #[test]
    fn every_way_down_counts() {
        for (devices, expected) in [
            (&[("sda1", "", &[][..])][..], Some(false)),
            (&[("dm-0", "CRYPT-LUKS2-1-data", &["sda"]), ("sda", "", &[])], Some(true)),
            (
                &[
                    ("dm-1", "LVM-1", &["dm-0"]),
                    ("dm-0", "CRYPT-LUKS2-1", &["sda"]),
                    ("sda", "", &[]),
                ],
                Some(true),
            ),
            (
                &[
                    ("dm-1", "LVM-1", &["dm-0", "sdb"]),
                    ("dm-0", "CRYPT-LUKS2-1", &["sda"]),
                    ("sdb", "", &[]),
                ],
                Some(false),
            ),
            (&[("dm-0", "LVM-1", &["dm-0"])], Some(false)),
            (&[], None),
        ] {
            let (dir, sys) = sys(devices);
            assert_eq!(is_encrypted(&sys, dir.path()).unwrap(), expected, "{devices:?}");
        }
        assert!(is_encrypted(Path::new("/sys"), Path::new("/nowhere")).is_err());
    }
}

//! Folders and one-line files of sysfs that are read seldom, so that nothing of them stays open.

use agent_probe::{HostFile, ProbeError};
use std::path::Path;

/// Most entries of a folder that are looked at: far above any appliance, so that a folder gone wild costs no memory.
const MAX_ENTRIES: usize = 4096;

/// The names in a folder, sorted so that series keep their order.
///
/// # Errors
/// The folder cannot be listed; `is_not_found` when there is none.
pub(crate) fn names(folder: &Path) -> Result<Vec<Box<str>>, ProbeError> {
    let failed = |source| ProbeError::Read { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)?.take(MAX_ENTRIES) {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into());
    }
    names.sort_unstable();
    Ok(names)
}

/// The content of a one-line file without the blanks around it; `None` when there is no such file.
///
/// # Errors
/// The file is there and cannot be read, or is not UTF-8.
pub(crate) fn line(path: &Path) -> Result<Option<Box<str>>, ProbeError> {
    match HostFile::new(path.to_owned()).read_text() {
        Ok(text) => Ok(Some(text.trim().into())),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The content of a one-line file for a label: empty when it cannot be read.
pub(crate) fn label(path: &Path) -> Box<str> {
    line(path).ok().flatten().unwrap_or_default()
}

/// The number after a prefix: `nvme3` is 3 after `nvme`.
pub(crate) fn numbered(name: &str, prefix: &str) -> Option<u32> {
    let digits = name.strip_prefix(prefix)?;
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}

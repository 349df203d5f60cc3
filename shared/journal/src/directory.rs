//! The names in a log's directory and the lock on it.

use crate::{Io, JournalError, Lsn};
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Path of the segment that starts with `first`.
pub(crate) fn segment_path(dir: &Path, first: Lsn) -> PathBuf {
    dir.join(format!("{:020}.seg", first.0))
}

/// First numbers of all segments, ascending. Other files are not ours and are left alone.
pub(crate) fn segments(io: &dyn Io, dir: &Path) -> Result<Vec<Lsn>, JournalError> {
    let names = io.names(dir).map_err(JournalError::read(dir))?;
    let mut firsts: Vec<Lsn> =
        names.iter().filter_map(|name| name.to_str().and_then(first_of)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

fn first_of(name: &str) -> Option<Lsn> {
    let digits = name.strip_suffix(".seg")?;
    let shaped = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    let number = digits.parse().ok().filter(|n| *n >= Lsn::FIRST.0)?;
    shaped.then_some(Lsn(number))
}

/// Takes the directory for writing until the file is dropped or the process ends.
pub(crate) fn lock(dir: &Path) -> Result<File, JournalError> {
    let path = dir.join("lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let file = options.open(&path).map_err(JournalError::write(&path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(JournalError::Locked(dir.to_owned())),
        Err(errno) => Err(JournalError::write(path)(io::Error::from(errno))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: names in a log's directory. Guarantees: only exact segment names count.
    #[test]
    fn only_exact_names_are_segments() {
        for (name, first) in [
            ("00000000000000000001.seg", Some(Lsn(1))),
            ("18446744073709551615.seg", Some(Lsn(u64::MAX))),
            ("18446744073709551616.seg", None),
            ("00000000000000000000.seg", None),
            ("0000000000000000001.seg", None),
            ("+0000000000000000001.seg", None),
            ("00000000000000000001.tmp", None),
            ("lock", None),
        ] {
            assert_eq!(first_of(name), first, "{name}");
        }
    }
}

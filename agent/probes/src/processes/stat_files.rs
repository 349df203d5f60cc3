//! `/proc/PID/stat` of every process, through descriptors that stay open from round to round.
//!
//! Opening such a file costs the kernel more than making its text. A descriptor belongs to its process, not to the number:
//! once the process has ended it answers `ESRCH` for ever, also when another process has been given that number.

use crate::field;
use rustix::fs::{Mode, OFlags, RawDir, SeekFrom};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Descriptors kept at most: each holds some 5 KiB of the kernel's memory. What more processes a node has is opened each
/// round.
const MAX_KEPT: usize = 512;

/// Share of the process's own limit on descriptors that may be kept, the rest is for everything else.
const LIMIT_SHARE: u64 = 2;

/// A line of `/proc/PID/stat` up to field 22 fits: a name of at most 64 bytes and twenty numbers.
const LINE_BYTES: usize = 1024;

/// Entries of the folder that are asked for at once; 1000 processes or so.
const LISTING_BYTES: usize = 32 << 10;

/// The files, and what is kept of them.
pub(super) struct StatFiles {
    path: PathBuf,
    folder: Option<OwnedFd>,
    kept: BTreeMap<u64, Kept>,
    most: usize,
    /// Counts the rounds, so that files of processes that are no longer listed are found.
    round: u64,
    /// Where the kernel writes the listing; always empty as a vector.
    listing: Vec<u8>,
}

struct Kept {
    file: OwnedFd,
    /// The last round that listed its process.
    round: u64,
}

impl StatFiles {
    /// The files below `path`, which is `/proc`. Opens nothing.
    pub(super) fn below(path: PathBuf) -> Self {
        let soft = getrlimit(Resource::Nofile).current;
        let share =
            soft.map_or(MAX_KEPT, |soft| usize::try_from(soft / LIMIT_SHARE).unwrap_or(usize::MAX));
        Self {
            path,
            folder: None,
            kept: BTreeMap::new(),
            most: share.min(MAX_KEPT),
            round: 0,
            listing: Vec::new(),
        }
    }

    /// Where they are.
    pub(super) fn folder(&self) -> &Path {
        &self.path
    }

    /// Hands `take` the id of every process and the beginning of its line, up to field 22 at least. A process that ends
    /// between the listing and its reading is left out.
    ///
    /// # Errors
    /// The folder cannot be listed, or what `take` answered.
    pub(super) fn each(
        &mut self,
        take: impl FnMut(u64, io::Result<&[u8]>) -> io::Result<()>,
    ) -> io::Result<()> {
        let done = self.list(take);
        if done.is_err() {
            self.folder = None;
        }
        let round = self.round;
        self.kept.retain(|_, kept| kept.round == round);
        done
    }

    fn list(
        &mut self,
        mut take: impl FnMut(u64, io::Result<&[u8]>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.round += 1;
        let Self { path, folder, kept, most, round, listing } = self;
        let folder = match folder {
            Some(folder) => {
                rustix::fs::seek(&*folder, SeekFrom::Start(0))?;
                folder
            }
            None => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                folder.insert(rustix::fs::open(&*path, flags, Mode::empty())?)
            }
        };
        listing.reserve_exact(LISTING_BYTES);
        let mut entries = RawDir::new(folder.as_fd(), listing.spare_capacity_mut());
        let mut line = [0; LINE_BYTES];
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            let Some(pid) = field::number(name) else { continue };
            if let Some(kept) = kept.get_mut(&pid) {
                kept.round = *round;
                if let Ok(line) = read(&kept.file, &mut line) {
                    take(pid, Ok(line))?;
                    continue;
                }
            }
            // It has ended; the number may be another's by now.
            kept.remove(&pid);
            match open(folder.as_fd(), name).and_then(|file| read_opened(file, &mut line)) {
                Ok((file, line)) => {
                    take(pid, Ok(line))?;
                    if kept.len() < *most {
                        kept.insert(pid, Kept { file, round: *round });
                    }
                }
                // It ended between the listing and now (ESRCH once the file was open).
                Err(Errno::NOENT | Errno::SRCH) => {}
                Err(errno) => take(pid, Err(errno.into()))?,
            }
        }
        Ok(())
    }
}

fn open(folder: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    let path = [name, b"/stat"].concat();
    rustix::fs::openat(folder, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

fn read_opened(file: OwnedFd, into: &mut [u8; LINE_BYTES]) -> Result<(OwnedFd, &[u8]), Errno> {
    read(&file, into).map(|line| (file, line))
}

/// One call: the kernel makes the whole line and hands out as much of it as fits.
fn read<'a>(file: &OwnedFd, into: &'a mut [u8; LINE_BYTES]) -> Result<&'a [u8], Errno> {
    let length = rustix::io::retry_on_intr(|| rustix::io::pread(file, &mut into[..], 0))?;
    Ok(into.get(..length).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    /// The lines of one round by process.
    fn round(files: &mut StatFiles) -> BTreeMap<u64, Vec<u8>> {
        let mut lines = BTreeMap::new();
        let listed = files.each(|pid, line| {
            lines.insert(pid, line.expect("a line").to_owned());
            Ok(())
        });
        listed.expect("a listing");
        lines
    }

    /// Scenario: a process over two rounds, before its end and after it, with room to keep every file, one, and none.
    /// Guarantees: each round reads its present line and no other's, it is gone as soon as it has ended, and no more
    /// descriptors are kept than there is room for, none of them of a process that is gone.
    #[test]
    fn descriptors_follow_their_processes() {
        for most in [MAX_KEPT, 1, 0] {
            let mut child = Command::new("cat")
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .expect("a process");
            let pid = u64::from(child.id());
            let mut files = StatFiles::below(PathBuf::from("/proc"));
            files.most = most;
            for _ in 0..2 {
                let lines = round(&mut files);
                let own = lines.get(&pid).expect("the process is listed");
                assert!(own.starts_with(format!("{pid} (").as_bytes()), "{own:?}");
                assert!(files.kept.len() <= most);
                assert!(files.kept.keys().all(|kept| lines.contains_key(kept)));
            }
            child.kill().expect("a signal");
            child.wait().expect("its end");
            assert!(!round(&mut files).contains_key(&pid));
            assert!(!files.kept.contains_key(&pid));
        }
    }

    /// Scenario: a file whose process is gone and whose number another one has. Guarantees: the line of the present
    /// process is read, through a descriptor of its own.
    #[test]
    fn numbers_that_are_used_again_are_opened_anew() {
        let gone = {
            let mut child = Command::new("true").spawn().expect("a process");
            let path = format!("/proc/{}/stat", child.id());
            let file = std::fs::File::open(path).expect("an ended process before it is waited for");
            child.wait().expect("its end");
            file
        };
        let own = u64::from(std::process::id());
        let mut files = StatFiles::below(PathBuf::from("/proc"));
        files.kept.insert(own, Kept { file: gone.into(), round: 0 });
        for _ in 0..2 {
            assert!(round(&mut files)[&own].starts_with(format!("{own} (").as_bytes()));
        }
    }
}

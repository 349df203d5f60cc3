//! Records of `/dev/kmsg` one after the other, never waiting for one.

use agent_probe::HostRoot;
use rustix::fs::OFlags;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The longest record: `PRINTK_MESSAGE_MAX` in kernel/printk/internal.h is 2 KiB; escapes make four of each byte.
const RECORD_BYTES: usize = 16 << 10;

/// Overwritten records in a row before a round gives up: each is one step of the kernel to its oldest record.
const MAX_OVERRUNS: usize = 16;

/// Where the records come from.
pub(super) struct Reader {
    path: PathBuf,
    is_live: bool,
    file: Option<File>,
    buffer: Vec<u8>,
    /// Of a captured tree: all of its records, read once.
    captured: Option<VecDeque<Vec<u8>>>,
}

impl Reader {
    pub(super) fn new(root: &HostRoot) -> Self {
        Self {
            path: root.host("dev/kmsg"),
            is_live: root.is_live(),
            file: None,
            buffer: Vec::new(),
            captured: None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Readable once there is a further record; `None` before the first reading, and of a captured tree.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(AsFd::as_fd)
    }

    /// The next record; `None` when there is no further one now.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        match self.is_live {
            true => self.next_live(),
            false => self.next_captured(),
        }
    }

    fn next_live(&mut self) -> io::Result<Option<&[u8]>> {
        self.buffer.resize(RECORD_BYTES, 0);
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(open(&self.path)?),
        };
        for _ in 0..MAX_OVERRUNS {
            match file.read(&mut self.buffer) {
                Ok(0) => return Ok(None),
                Ok(length) => return Ok(self.buffer.get(..length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Overwritten; the next call gives the oldest that is left, and its number tells how many were lost.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                Err(error) => {
                    self.file = None;
                    return Err(error);
                }
            }
        }
        Ok(None)
    }

    fn next_captured(&mut self) -> io::Result<Option<&[u8]>> {
        let records = match &mut self.captured {
            Some(records) => records,
            None => self.captured.insert(split(&std::fs::read(&self.path)?)),
        };
        Ok(match records.pop_front() {
            Some(record) => {
                self.buffer = record;
                Some(&self.buffer)
            }
            None => None,
        })
    }
}

/// Opens the log at its first record.
fn open(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// The records of a file; lines that begin with a blank belong to the record before.
fn split(text: &[u8]) -> VecDeque<Vec<u8>> {
    let mut records: VecDeque<Vec<u8>> = VecDeque::new();
    for line in text.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        match records.back_mut().filter(|_| line.starts_with(b" ")) {
            Some(record) => {
                record.push(b'\n');
                record.extend_from_slice(line);
            }
            None => records.push_back(line.to_owned()),
        }
    }
    records
}

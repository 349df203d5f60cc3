//! Files that are kept open between rounds.

use crate::ProbeError;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The largest file a probe reads, so that a runaway `/proc` file cannot eat the node's memory.
const LIMIT_BYTES: usize = 4 << 20;

/// A `/proc` or `/sys` file that stays open and is read from its start each round into the same buffer.
///
/// Opening dominates the cost of reading a small kernel file, and a node out of file descriptors can still be watched.
#[derive(Debug)]
pub struct HostFile {
    path: PathBuf,
    file: Option<File>,
    buffer: Vec<u8>,
}

impl HostFile {
    /// A file that is opened at the first read.
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None, buffer: Vec::new() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its content now. A handle that went bad (device re-added) is reopened once.
    pub fn read(&mut self) -> Result<&[u8], ProbeError> {
        let had_handle = self.file.is_some();
        match self.fill() {
            Ok(()) => {}
            Err(_) if had_handle => {
                self.file = None;
                self.fill().map_err(|source| self.error(source))?;
            }
            Err(source) => return Err(self.error(source)),
        }
        Ok(&self.buffer)
    }

    /// Its content now, which must be UTF-8.
    pub fn read_text(&mut self) -> Result<&str, ProbeError> {
        let path = self.path.clone();
        let bytes = self.read()?;
        std::str::from_utf8(bytes).map_err(|_| ProbeError::Parse {
            path,
            line: 0,
            expected: "UTF-8",
        })
    }

    fn error(&mut self, source: io::Error) -> ProbeError {
        self.file = None;
        ProbeError::Read { path: self.path.clone(), source }
    }

    fn fill(&mut self) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(File::open(&self.path)?),
        };
        if self.buffer.capacity() == 0 {
            self.buffer.reserve(4096);
        }
        self.buffer.clear();
        self.buffer.resize(self.buffer.capacity(), 0);
        let mut filled = 0;
        loop {
            let target = self.buffer.get_mut(filled..).unwrap_or_default();
            match file.read_at(target, filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
            if filled == self.buffer.len() {
                if filled >= LIMIT_BYTES {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "file larger than 4 MiB",
                    ));
                }
                self.buffer.resize(filled * 2, 0);
            }
        }
        self.buffer.truncate(filled);
        Ok(())
    }
}

//! File calls for the spool's journal that never wait for the disk's confirmation: what should be synced is noted, and a
//! background task syncs it when the spool needs that, at most each second. A node that loses power loses at most that
//! second of what the collector has not confirmed, and says so.
//!
//! A file is removed only after what was written before its removal is on disk, so that a declared loss is never less
//! durable than the loss.

use shared_journal::Io;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What waits to be synced, over the calls that do it. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct LazySync {
    io: Arc<dyn Io>,
    pending: Arc<Mutex<Pending>>,
}

#[derive(Debug, Default)]
struct Pending {
    /// At most one per segment begun since the last sync, and the active one.
    files: Vec<File>,
    /// Folders in which names changed: the log and the reserve.
    dirs: BTreeSet<PathBuf>,
    /// To be removed after the next sync.
    removals: Vec<PathBuf>,
    /// To be removed after the sync that runs.
    doomed: Vec<PathBuf>,
}

impl LazySync {
    /// Nothing waits yet.
    pub(crate) fn over(io: Arc<dyn Io>) -> Self {
        Self { io, pending: Arc::default() }
    }

    /// Syncs and removes all that was noted so far; blocks. A sync that failed is not tried again, because a repeated one
    /// may answer success without having written anything; what should be removed then stays until the next.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let (files, dirs) = {
            let mut pending = self.lock();
            let removals = std::mem::take(&mut pending.removals);
            pending.doomed.extend(removals);
            (std::mem::take(&mut pending.files), std::mem::take(&mut pending.dirs))
        };
        let mut result = Ok(());
        for file in files {
            result = result.and(self.io.sync_data(&file));
        }
        result?;
        let mut result = Ok(());
        {
            // Held while removing, so that no file of the same name is created in between.
            let mut pending = self.lock();
            for path in std::mem::take(&mut pending.doomed) {
                match self.io.remove(&path) {
                    Err(e) if e.kind() != io::ErrorKind::NotFound => result = Err(e),
                    _ => {}
                }
            }
        }
        for dir in dirs {
            result = result.and(self.io.sync_dir(&dir));
        }
        result
    }

    /// Whether a file is to be removed.
    pub(crate) fn has_removals(&self) -> bool {
        let pending = self.lock();
        !pending.removals.is_empty() || !pending.doomed.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Io for LazySync {
    fn create(&self, path: &Path) -> io::Result<File> {
        let mut pending = self.lock();
        pending.removals.retain(|removal| removal != path);
        pending.doomed.retain(|removal| removal != path);
        self.io.create(path)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.io.write_at(file, bytes, offset)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        let file = file.try_clone()?;
        self.lock().files.push(file);
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.lock().dirs.insert(dir.to_owned());
        Ok(())
    }

    fn set_len(&self, file: &File, bytes: u64) -> io::Result<()> {
        self.io.set_len(file, bytes)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.lock().removals.push(path.to_owned());
        Ok(())
    }

    fn names(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        self.io.names(dir)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        self.io.open(path)
    }

    fn bytes(&self, file: &File) -> io::Result<u64> {
        self.io.bytes(file)
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.io.read_at(file, buffer, offset)
    }
}

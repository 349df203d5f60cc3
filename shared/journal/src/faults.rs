//! File calls that fail.

use crate::properties::{Records, options, read, record, reopen};
use crate::{Disk, Io, Item, JournalError, Log, Lsn};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Lets one call fail: the `n`-th of those that are counted.
#[derive(Debug)]
struct Failing {
    left: AtomicU32,
    syncs_only: bool,
}

impl Failing {
    fn call(&self, counted: bool) -> io::Result<()> {
        if counted && self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            return Err(io::Error::other("injected"));
        }
        Ok(())
    }
}

impl Io for Failing {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.call(!self.syncs_only)?;
        Disk.create(path)
    }
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err(e) = self.call(!self.syncs_only) {
            Disk.write_at(file, &bytes[..bytes.len() / 2], offset)?;
            return Err(e);
        }
        Disk.write_at(file, bytes, offset)
    }
    fn sync_data(&self, file: &File) -> io::Result<()> {
        self.call(self.syncs_only)?;
        Disk.sync_data(file)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.call(self.syncs_only)?;
        Disk.sync_dir(dir)
    }
    fn set_len(&self, file: &File, bytes: u64) -> io::Result<()> {
        self.call(!self.syncs_only)?;
        Disk.set_len(file, bytes)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(!self.syncs_only)?;
        Disk.remove(path)
    }
}

/// Scenario: the n-th create, write or remove fails, half of it done; the caller repeats what failed.
/// Guarantees: every accepted record is read, once and right, before and after a restart.
#[test]
fn a_failed_write_loses_nothing() {
    for nth in 1..40 {
        let dir = tempfile::tempdir().unwrap();
        let failing = Failing { left: AtomicU32::new(nth), syncs_only: false };
        let Ok((mut log, _)) = Log::open_with(Arc::new(failing), dir.path(), options(100)) else {
            reopen(dir.path(), 100);
            continue;
        };
        let mut written = Records::new();
        for i in 0..12u8 {
            let payload = vec![i; usize::from(i % 5) * 6];
            if log.append(i, &payload).is_ok() {
                written.push((i, payload));
            }
            if i % 3 == 2 && log.flush().is_err() {
                log.flush().unwrap();
            }
        }
        log.sync().or_else(|_| log.sync()).unwrap();
        let expected: Vec<Item> = written.iter().enumerate().map(|(i, r)| record(i, r)).collect();
        assert!(expected.len() >= 11, "{nth}");
        assert_eq!(read(log.reader(Lsn(1))), expected, "{nth}");
        drop(log);
        let (log, recovery) = Log::open(dir.path(), options(100)).unwrap();
        assert!(recovery.damaged.is_empty() && recovery.torn.is_none(), "{nth}: {recovery:?}");
        assert_eq!(read(log.reader(Lsn(1))), expected, "{nth}");
    }
}

/// Scenario: the n-th fsync fails. Guarantees: that call says so, nothing is accepted afterwards, and `durable` does
/// not pass the failure; a new open finds a sound log.
#[test]
fn a_failed_fsync_stops_the_log() {
    for nth in 1..12 {
        let dir = tempfile::tempdir().unwrap();
        let failing = Failing { left: AtomicU32::new(nth), syncs_only: true };
        let opened = Log::open_with(Arc::new(failing), &dir.path().join("log"), options(100));
        let Ok((mut log, _)) = opened else {
            assert!(matches!(opened, Err(JournalError::Sync { .. })));
            continue;
        };
        let failed = (0..20u8).find_map(|i| {
            let durable = log.durable();
            let step = log.append(i, &[i; 30]).and_then(|_| log.sync());
            step.err().map(|e| (e, durable))
        });
        let (error, durable) = failed.unwrap();
        assert!(matches!(error, JournalError::Sync { .. }), "{error}");
        assert!(matches!(log.append(0, b""), Err(JournalError::Poisoned { .. })));
        assert!(matches!(log.flush(), Err(JournalError::Poisoned { .. })));
        assert!(matches!(log.sync(), Err(JournalError::Poisoned { .. })));
        assert!(log.durable() <= durable.next());
        drop(log);
        assert!(reopen(&dir.path().join("log"), 100).next() >= durable);
    }
}

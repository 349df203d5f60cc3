//! File calls that fail: each of those that a scenario makes, in turn.

use crate::properties::{Records, assert_right_or_named, options, read, write};
use crate::{Disk, Io, Item, JournalError, Log, Lsn, Reader};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

const SEGMENT_BYTES: u64 = 100;

/// Counts the calls and lets one of them fail, half of it done.
#[derive(Debug, Default)]
struct Failing {
    calls: AtomicU32,
    syncs: AtomicU32,
    /// The call that fails, from 1; 0 for none.
    at: u32,
}

impl Failing {
    fn call(&self) -> io::Result<()> {
        match self.calls.fetch_add(1, Ordering::Relaxed) + 1 == self.at {
            true => Err(io::Error::other("injected")),
            false => Ok(()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.call()
    }
}

impl Io for Failing {
    fn create(&self, path: &Path) -> io::Result<File> {
        if let Err(error) = self.call() {
            drop(Disk.create(path)?);
            return Err(error);
        }
        Disk.create(path)
    }
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = self.call() {
            Disk.write_at(file, &bytes[..bytes.len() / 2], offset)?;
            return Err(error);
        }
        Disk.write_at(file, bytes, offset)
    }
    fn sync_data(&self, file: &File) -> io::Result<()> {
        self.sync().and_then(|()| Disk.sync_data(file))
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.sync().and_then(|()| Disk.sync_dir(dir))
    }
    fn set_len(&self, file: &File, bytes: u64) -> io::Result<()> {
        self.call().and_then(|()| Disk.set_len(file, bytes))
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call().and_then(|()| Disk.remove(path))
    }
    fn names(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        self.call().and_then(|()| Disk.names(dir))
    }
    fn open(&self, path: &Path) -> io::Result<File> {
        self.call().and_then(|()| Disk.open(path))
    }
    fn bytes(&self, file: &File) -> io::Result<u64> {
        self.call().and_then(|()| Disk.bytes(file))
    }
    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.call().and_then(|()| Disk.read_at(file, buffer, offset))
    }
}

/// A log of four records whose end is torn, so that opening it cuts.
fn torn(dir: &Path) -> Records {
    let records: Records = (0..4u8).map(|i| (i, vec![i; 20])).collect();
    write(dir, SEGMENT_BYTES, &records);
    let last = crate::properties::segment_files(dir).pop().unwrap();
    let mut bytes = fs::read(&last).unwrap();
    bytes.extend([1, 2, 3]);
    fs::write(&last, bytes).unwrap();
    records
}

/// What a run came to.
enum Ran {
    Whole,
    /// A call other than a sync failed and was repeated.
    Repeated,
    /// A sync failed.
    Stopped,
    /// The log did not open.
    Unopened,
}

/// Appends, flushes, syncs, skips, drops and evicts. What fails with a write error is repeated and must then succeed.
fn run(dir: &Path, io: &Arc<Failing>) -> Ran {
    let mut written = torn(dir);
    let opened = Log::open_with(Arc::clone(io) as Arc<dyn Io>, dir, options(SEGMENT_BYTES));
    let mut log = match opened {
        Ok((log, _)) => log,
        Err(JournalError::Read { .. } | JournalError::Write { .. } | JournalError::Sync { .. }) => {
            let items = read(Reader::open(dir, Lsn(1)));
            assert_eq!(items.len(), written.len(), "call {}", io.at);
            assert_right_or_named(&items, &written);
            Log::open(dir, options(SEGMENT_BYTES)).unwrap();
            return Ran::Unopened;
        }
        Err(other) => panic!("call {}: {other}", io.at),
    };
    let mut ran = Ran::Whole;
    for step in 0..40u8 {
        let payload = vec![step; usize::from(step % 5) * 6];
        let mut act = |log: &mut Log| match step {
            12 => log.drop_before(Lsn(4)).map(drop),
            25 => log.evict_oldest().map(drop),
            30 => log.skip_to(Lsn(log.next().0.max(written.len() as u64 + 3))),
            s if s % 7 == 6 => log.sync(),
            s if s % 3 == 2 => log.flush(),
            s => log.append(s, &payload).map(|lsn| {
                // Numbers that were skipped hold nothing.
                written.resize(lsn.0 as usize - 1, (0, b"skipped".to_vec()));
                written.push((s, payload.clone()));
            }),
        };
        match act(&mut log) {
            Ok(()) => {}
            Err(JournalError::Write { .. }) => {
                act(&mut log).unwrap_or_else(|e| panic!("call {}, step {step}: {e}", io.at));
                ran = Ran::Repeated;
            }
            Err(JournalError::Sync { .. }) => {
                stopped(&mut log, io);
                assert_durable(dir, log, &written);
                return Ran::Stopped;
            }
            Err(other) => panic!("call {}, step {step}: {other}", io.at),
        }
    }
    if log.flush().is_err() {
        log.flush().unwrap();
        ran = Ran::Repeated;
    }
    let first = log.first();
    assert_whole(read(Reader::open(dir, first)), first, &written, io.at);
    drop(log);
    let (log, recovery) = Log::open(dir, options(SEGMENT_BYTES)).unwrap();
    assert!(recovery.torn.is_none(), "call {}: {recovery:?}", io.at);
    assert_whole(read(log.reader(first)), first, &written, io.at);
    ran
}

/// Every record that was accepted is there, once and right; only what was skipped is not.
fn assert_whole(items: Vec<Item>, first: Lsn, written: &Records, at: u32) {
    let expected = written.iter().enumerate().skip(first.0 as usize - 1);
    let expected: Vec<u64> =
        expected.filter(|(_, r)| r.1 != b"skipped").map(|(i, _)| i as u64 + 1).collect();
    let mut found = Vec::new();
    for item in items {
        if let Item::Record { lsn, kind, payload } = item {
            assert_eq!((kind, payload), written[lsn.0 as usize - 1], "call {at}: {lsn}");
            found.push(lsn.0);
        }
    }
    assert_eq!(found, expected, "call {at}");
}

/// After a failed sync every call that changes the log is refused, and none syncs again.
fn stopped(log: &mut Log, io: &Failing) {
    let syncs = io.syncs.load(Ordering::Relaxed);
    for refused in [
        log.append(0, b"").map(drop),
        log.flush(),
        log.sync(),
        log.skip_to(Lsn(u64::MAX)),
        log.drop_before(Lsn(u64::MAX)).map(drop),
        log.evict_oldest().map(drop),
    ] {
        assert!(matches!(refused, Err(JournalError::Poisoned { .. })), "call {}", io.at);
    }
    assert_eq!(io.syncs.load(Ordering::Relaxed), syncs, "a failed fsync is not repeated");
}

/// What was told to be durable before the failure is there for the next process.
fn assert_durable(dir: &Path, log: Log, written: &Records) {
    let (first, durable) = (log.first(), log.durable());
    drop(log);
    let (log, _) = Log::open(dir, options(SEGMENT_BYTES)).unwrap();
    assert!(log.next() >= durable);
    let items = read(log.reader(first));
    let there = items.iter().filter_map(|item| match item {
        Item::Record { lsn, kind, payload } => {
            assert_eq!(
                (*kind, payload),
                (written[lsn.0 as usize - 1].0, &written[lsn.0 as usize - 1].1)
            );
            Some(*lsn)
        }
        _ => None,
    });
    let there: Vec<Lsn> = there.collect();
    for lsn in (first.0..durable.0).map(Lsn) {
        let skipped = written.get(lsn.0 as usize - 1).is_none_or(|r| r.1 == b"skipped");
        assert!(skipped || there.contains(&lsn), "{lsn} was durable");
    }
}

/// Scenario: a log with a torn end is opened and used in every way; the n-th of its file calls fails, half done, for
/// every n. Guarantees: a failed create, write, cut or removal loses nothing and may be repeated; a failed fsync of file
/// or folder stops the log, is never repeated, and loses nothing that was told to be durable; a log that cannot be read at
/// open does not open, and nothing of it is cut.
#[test]
fn every_call_may_fail() {
    let counting = Arc::new(Failing::default());
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(run(dir.path(), &counting), Ran::Whole));
    let calls = counting.calls.load(Ordering::Relaxed);
    let (mut repeated, mut stopped, mut unopened) = (0, 0, 0);
    for at in 1..=calls {
        let dir = tempfile::tempdir().unwrap();
        let failing = Arc::new(Failing { at, ..Failing::default() });
        match run(dir.path(), &failing) {
            Ran::Whole => panic!("call {at} did not fail"),
            Ran::Repeated => repeated += 1,
            Ran::Stopped => stopped += 1,
            Ran::Unopened => unopened += 1,
        }
    }
    assert!(repeated > 10 && stopped > 10 && unopened > 5, "{repeated} {stopped} {unopened}");
    println!("{calls} calls: {repeated} repeated, {stopped} stopped the log, {unopened} at open");
}

/// Scenario: a log of several segments is read to its end and then as it grows; the n-th of the reader's calls fails, for
/// every n. Guarantees: the failure is told once, and what comes next is what would have come: no record is left out,
/// doubled or taken for damage.
#[test]
fn every_read_may_fail() {
    let pass = |at: u32| {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, _) = Log::open(dir.path(), options(SEGMENT_BYTES)).unwrap();
        let io = Arc::new(Failing { at, ..Failing::default() });
        let mut reader = Reader::bounded(Arc::clone(&io) as Arc<dyn Io>, dir.path(), Lsn(1), None);
        let (mut written, mut found, mut failures) = (Records::new(), Vec::new(), 0);
        // The last two rounds bring nothing new: what a failure kept back in one comes in the next.
        for round in 0..7u8 {
            for step in 0..if round < 5 { 4u8 } else { 0 } {
                let record = (step, vec![round; 20]);
                log.append(record.0, &record.1).unwrap();
                written.push(record);
            }
            log.flush().unwrap();
            for item in reader.by_ref() {
                match item {
                    Ok(item) => found.push(item),
                    Err(JournalError::Read { .. }) => failures += 1,
                    Err(other) => panic!("call {at}: {other}"),
                }
            }
        }
        assert_whole(found, Lsn(1), &written, at);
        assert_eq!(failures, u32::from(at != 0), "call {at}");
        io.calls.load(Ordering::Relaxed)
    };
    let calls = pass(0);
    assert!(calls > 20, "{calls}");
    (1..=calls).for_each(|at| _ = pass(at));
}

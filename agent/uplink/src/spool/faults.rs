//! The spool on disks that fail: every call in turn, for a while and for good, and a look at the folder before each call.
//! Whatever happens, every number is confirmed, readable with its own content, or declared lost.

use super::tests::{again, batch, event, token_of};
use super::*;
use shared_journal::{Disk, Io};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Mutex;

/// Small enough that the scenario evicts, in batches and in the reserve.
const TIGHT: SpoolLimits =
    SpoolLimits { max_bytes: 256 << 10, max_share_ratio: 0.05, min_free_ratio: 0.10 };

/// File calls that can fail, and that are counted.
#[derive(Debug, Default)]
struct Faulty {
    calls: AtomicU64,
    /// The first call that fails, from 1; 0 for none.
    from: u64,
    /// How many calls fail.
    span: u64,
    kind: Option<io::ErrorKind>,
    /// Copies of `dir` as it was before each call go here.
    copies: Option<(PathBuf, PathBuf)>,
    /// What the collector and the test know at each copy.
    known: Mutex<Vec<Known>>,
    now: Mutex<Known>,
}

/// What the outside knows at one moment.
#[derive(Clone, Debug, Default)]
struct Known {
    given: BTreeMap<Seq, u64>,
    events: BTreeMap<Seq, i64>,
    held: SeqSet,
}

impl Faulty {
    fn call(&self) -> io::Result<()> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some((dir, copies)) = &self.copies {
            copy(dir, &copies.join(call.to_string()));
            self.known.lock().unwrap().push(self.now.lock().unwrap().clone());
        }
        let fails = self.from > 0 && (self.from..self.from + self.span).contains(&call);
        match self.kind.filter(|_| fails) {
            Some(kind) => Err(kind.into()),
            None => Ok(()),
        }
    }
}

impl Io for Faulty {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.call().and_then(|()| Disk.create(path))
    }
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = self.call() {
            Disk.write_at(file, &bytes[..bytes.len() / 2], offset)?;
            return Err(error);
        }
        Disk.write_at(file, bytes, offset)
    }
    fn sync_data(&self, file: &File) -> io::Result<()> {
        self.call().and_then(|()| Disk.sync_data(file))
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.call().and_then(|()| Disk.sync_dir(dir))
    }
    fn set_len(&self, file: &File, bytes: u64) -> io::Result<()> {
        self.call().and_then(|()| Disk.set_len(file, bytes))
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call().and_then(|()| Disk.remove(path))
    }
    fn names(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        Disk.names(dir)
    }
    fn open(&self, path: &Path) -> io::Result<File> {
        Disk.open(path)
    }
    fn bytes(&self, file: &File) -> io::Result<u64> {
        Disk.bytes(file)
    }
    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        Disk.read_at(file, buffer, offset)
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

fn open_on(dir: &Path, io: Arc<dyn Io>) -> Result<Spool, SpoolError> {
    again(move || Spool::open(dir, [1; 16], TIGHT, Box::new(|| None), Arc::clone(&io)))
}

/// Rounds and events through more than the budget, an answer of the collector in between, syncs, and a last round on a
/// sound disk.
fn scenario(spool: &mut Spool, io: &Faulty) {
    let mut known = Known::default();
    for step in 1..=60u64 {
        if step % 6 == 0 {
            let seq = spool.push_event(event(step as i64)).unwrap();
            assert_eq!(known.events.insert(seq, step as i64), None, "{seq} was given twice");
        } else {
            let seq = spool.push(batch(step, 9_000)).unwrap();
            assert_eq!(known.given.insert(seq, step), None, "{seq} was given twice");
        }
        *io.now.lock().unwrap() = known.clone();
        if step == 20 {
            // The collector has some in the middle, so that what is evicted is not one range.
            for seq in (5..=9).map(Seq) {
                known.held.insert(seq);
            }
            *io.now.lock().unwrap() = known.clone();
            spool.ack(&known.held).unwrap();
        }
        if step % 4 == 0 {
            // A sync that fails is not repeated; the spool goes on.
            let synced = spool.prepare_sync().unwrap().run();
            spool.synced(synced.err().map(|error| error.to_string()));
        }
    }
}

/// Everything that was given is readable with its content, held by the collector, or declared lost; no event is lost.
fn check(spool: &Spool, known: &Known, what: &str) {
    let mut covered = known.held.clone();
    let records: BTreeMap<Seq, Record> =
        (1..spool.next().0).filter_map(|n| Some((Seq(n), spool.record(Seq(n))?))).collect();
    // A declaration that is neither held nor still to be sent counts for nothing.
    for (seq, record) in &records {
        let counts = known.held.contains(*seq) || !spool.settled.contains(*seq);
        if let (Record::Gap(gap), true) = (record, counts) {
            covered.insert_range(gap.lost);
        }
    }
    spool.owed.iter().for_each(|gap| covered.insert_range(gap.lost));
    for (seq, token) in &known.given {
        match records.get(seq) {
            Some(Record::Batch(found)) => assert_eq!(token_of(found), *token, "{what}: {seq}"),
            other => {
                assert!(covered.contains(*seq), "{what}: {seq} is lost without a word: {other:?}");
            }
        }
    }
    for (seq, step) in known.events.iter().filter(|(seq, _)| !known.held.contains(**seq)) {
        assert_eq!(records.get(seq), Some(&Record::Event(event(*step))), "{what}: event {seq}");
    }
}

/// The scenario with `span` calls failing from `from` on; afterwards the disk is sound.
fn with_fault(from: u64, span: u64, kind: io::ErrorKind) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let io = Arc::new(Faulty { from, span, kind: Some(kind), ..Faulty::default() });
    let what = format!("{kind:?} from call {from} for {span}");
    let Ok(mut spool) = open_on(dir.path(), Arc::clone(&io) as Arc<dyn Io>) else {
        // It could not begin: the folder must be usable all the same once the disk is sound.
        open_on(dir.path(), Arc::new(Disk)).unwrap_or_else(|e| panic!("{what}: {e:?}"));
        return io.calls.load(Ordering::Relaxed);
    };
    scenario(&mut spool, &io);
    let known = io.now.lock().unwrap().clone();
    // The disk is sound again, or the fault outlasts the scenario: then all is in memory.
    check(&spool, &known, &what);
    let sound = io.calls.load(Ordering::Relaxed) >= from + span;
    if sound {
        spool.prepare_sync().unwrap().run().unwrap();
        assert!(spool.memory.is_none(), "{what}: {:?}", spool.memory);
        check(&spool, &known, &what);
        drop(spool);
        let mut again = open_on(dir.path(), Arc::new(Disk)).unwrap();
        again.welcome(&known.held).unwrap();
        check(&again, &known, &format!("{what}, opened again"));
    }
    io.calls.load(Ordering::Relaxed)
}

fn stride(calls: u64) -> usize {
    match std::env::var("WARDROUND_TESTS").as_deref() {
        Ok("long") => 1,
        _ => (calls as usize / 40).max(1),
    }
}

/// Scenario: the n-th file call fails, alone, with the next ten, or with all that follow; with no room, on a read-only
/// disk, and with an error of the device. Guarantees: rounds and events are taken all the same; once the disk is sound,
/// every number is held by the collector, readable or declared lost, also for the next process.
#[test]
fn every_call_may_fail() {
    let calls = with_fault(0, 0, io::ErrorKind::Other);
    let mut cases = 0;
    for kind in
        [io::ErrorKind::StorageFull, io::ErrorKind::ReadOnlyFilesystem, io::ErrorKind::Other]
    {
        for span in [1, 10, u64::from(u32::MAX)] {
            for from in (1..=calls).step_by(stride(calls)) {
                with_fault(from, span, kind);
                cases += 1;
            }
        }
    }
    assert!(calls > 50, "the scenario makes {calls} calls");
    println!("{calls} calls, {cases} cases");
}

/// Scenario: the process dies before each file call: the folder is copied there, and opened by the next process, of the
/// same boot and after a loss of power. Guarantees: every number given out by then is held by the collector, readable or
/// declared lost; also between the declaration of an evicted segment and its removal.
#[test]
fn a_death_before_any_call_loses_nothing_silently() {
    let dir = tempfile::tempdir().unwrap();
    let copies = tempfile::tempdir().unwrap();
    let paths = Some((dir.path().to_owned(), copies.path().to_owned()));
    let io = Arc::new(Faulty { copies: paths, ..Faulty::default() });
    let mut spool = open_on(dir.path(), Arc::clone(&io) as Arc<dyn Io>).unwrap();
    scenario(&mut spool, &io);
    let known = io.known.lock().unwrap().clone();
    let mut opened = 0;
    for (at, known) in known.iter().enumerate().step_by(stride(known.len() as u64)) {
        for boot in [1u8, 2] {
            let folder = copies.path().join((at + 1).to_string());
            let used = tempfile::tempdir().unwrap();
            copy(&folder, used.path());
            let disk: Arc<dyn Io> = Arc::new(Disk);
            let mut next =
                Spool::open(used.path(), [boot; 16], TIGHT, Box::new(|| None), disk).unwrap();
            next.welcome(&known.held).unwrap();
            check(&next, known, &format!("copy {}, boot {boot}", at + 1));
            opened += 1;
        }
    }
    println!("{} copies, {opened} opened", known.len());
}

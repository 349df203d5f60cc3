//! Disks that are full or read-only: by a switch in the file calls, and by real file systems.

use super::tests::{again, batch, event, token_of};
use super::*;
use shared_journal::{Disk, Io};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

const LIMITS: SpoolLimits =
    SpoolLimits { max_bytes: 64 << 20, max_share_ratio: 1.0, min_free_ratio: 0.0 };

/// File calls that change nothing while a fault is set.
#[derive(Debug, Default)]
struct Switch(Mutex<Option<io::ErrorKind>>);

impl Switch {
    fn set(&self, fault: Option<io::ErrorKind>) {
        *self.0.lock().unwrap() = fault;
    }

    fn check(&self) -> io::Result<()> {
        match *self.0.lock().unwrap() {
            Some(kind) => Err(kind.into()),
            None => Ok(()),
        }
    }
}

impl Io for Switch {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.check().and_then(|()| Disk.create(path))
    }
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.check().and_then(|()| Disk.write_at(file, bytes, offset))
    }
    fn sync_data(&self, file: &File) -> io::Result<()> {
        self.check().and_then(|()| Disk.sync_data(file))
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.check().and_then(|()| Disk.sync_dir(dir))
    }
    fn set_len(&self, file: &File, bytes: u64) -> io::Result<()> {
        self.check().and_then(|()| Disk.set_len(file, bytes))
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.check().and_then(|()| Disk.remove(path))
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

/// Every record that is there, and the numbers that are declared lost.
fn contents(spool: &Spool) -> (BTreeMap<Seq, Record>, SeqSet) {
    let there = (1..spool.next().0).filter_map(|n| Some((Seq(n), spool.record(Seq(n))?)));
    let there: BTreeMap<Seq, Record> = there.collect();
    let gaps =
        there.values().filter_map(|r| if let Record::Gap(g) = r { Some(g.lost) } else { None });
    let lost = gaps.collect();
    (there, lost)
}

/// Each round is there with its content or declared lost, and each event is there. Yields how many rounds are there.
fn check(spool: &Spool, rounds: &BTreeMap<Seq, u64>, events: &BTreeMap<Seq, i64>) -> usize {
    let (there, lost) = contents(spool);
    for (seq, step_us) in events {
        assert_eq!(there.get(seq), Some(&Record::Event(event(*step_us))), "event {seq}");
    }
    let mut kept = 0;
    for (seq, token) in rounds {
        match there.get(seq) {
            Some(Record::Batch(found)) => {
                assert_eq!(token_of(found), *token, "{seq}");
                kept += 1;
            }
            other => assert!(lost.contains(*seq), "{seq} is lost without a word: {other:?}"),
        }
    }
    kept
}

/// Scenario: no call succeeds, for want of room or on a read-only disk, for longer than the memory lasts; rounds and
/// events go on, some are confirmed meanwhile; then the disk works again.
/// Guarantees: nothing is refused; the newest four mebibytes of rounds and all events are kept and sent from memory; the
/// spool says that it is degraded while it is; what had to go is declared afterwards, and the next process finds it so.
#[test]
fn the_spool_goes_on_in_memory() {
    for fault in [io::ErrorKind::StorageFull, io::ErrorKind::ReadOnlyFilesystem] {
        let dir = tempfile::tempdir().unwrap();
        let switch = Arc::new(Switch::default());
        let io: Arc<dyn Io> = Arc::clone(&switch) as Arc<dyn Io>;
        let mut spool = Spool::open(dir.path(), [0; 16], LIMITS, Box::new(|| None), io).unwrap();
        let (mut rounds, mut events) = (BTreeMap::new(), BTreeMap::new());
        rounds.insert(spool.push(batch(1, 100)).unwrap(), 1);
        assert_eq!(spool.degraded(), None);
        switch.set(Some(fault));
        for token in 2..=600u64 {
            rounds.insert(spool.push(batch(token, 10_000)).unwrap(), token);
            if token % 50 == 0 {
                let step_us = token as i64;
                events.insert(spool.push_event(event(step_us)).unwrap(), step_us);
            }
            assert!(spool.degraded().is_some());
        }
        let newest = spool.next_unsettled(Seq(spool.next().0 - 3)).unwrap();
        assert!(spool.at_hand(newest).is_some(), "the session sends from memory");
        // The collector has confirmed one of those in memory.
        let confirmed: SeqSet = [SeqRange { from: newest, to: newest }].into_iter().collect();
        spool.ack(&confirmed).unwrap();
        rounds.remove(&newest);
        events.remove(&newest);
        assert!(spool.close().is_err(), "what is in memory only is not closed in order");
        switch.set(None);
        rounds.insert(spool.push(batch(601, 100)).unwrap(), 601);
        assert_eq!(spool.degraded(), None);
        let kept = check(&spool, &rounds, &events);
        assert!((400..430).contains(&kept), "{kept} rounds of 10 kB fit 4 MiB");
        spool.prepare_sync().unwrap().run().unwrap();
        drop(spool);
        let io: Arc<dyn Io> = Arc::new(Disk);
        let open = || Spool::open(dir.path(), [0; 16], LIMITS, Box::new(|| None), Arc::clone(&io));
        let mut again = again(open).unwrap();
        again.welcome(&confirmed).unwrap();
        assert_eq!(check(&again, &rounds, &events), kept);
    }
}

/// A file system of its own, taken away at the end.
struct Mounted {
    at: PathBuf,
    _image: tempfile::TempDir,
}

impl Mounted {
    /// ext4 of eight mebibytes in a loop device.
    fn ext4() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (image, at) = (folder.path().join("image"), folder.path().join("disk"));
        File::create(&image).unwrap().set_len(8 << 20).unwrap();
        std::fs::create_dir(&at).unwrap();
        run("mkfs.ext4", &["-q", "-m", "0", &image.to_string_lossy()]);
        run(
            "mount",
            &["-o", "loop,errors=remount-ro", &image.to_string_lossy(), &at.to_string_lossy()],
        );
        Self { at, _image: folder }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run("umount", &["-l", &self.at.to_string_lossy()]);
    }
}

fn run(program: &str, arguments: &[&str]) {
    let done = Command::new(program).args(arguments).output().unwrap();
    assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Scenario: another program fills an ext4 of 8 MiB to the last block under a spool with rounds and events, then frees it.
/// Guarantees: rounds and events are taken all the time; afterwards each is there or declared lost, events are there, and
/// the spool is on its disk again.
#[test]
fn a_full_file_system_is_survived() {
    let disk = Mounted::ext4();
    let dir = disk.at.join("spool");
    let space = || None;
    let io: Arc<dyn Io> = Arc::new(Disk);
    let mut spool = Spool::open(&dir, [0; 16], LIMITS, Box::new(space), io).unwrap();
    let (mut rounds, mut events) = (BTreeMap::new(), BTreeMap::new());
    let mut both = |spool: &mut Spool, tokens: std::ops::RangeInclusive<u64>| {
        for token in tokens {
            rounds.insert(spool.push(batch(token, 10_000)).unwrap(), token);
            if token % 10 == 0 {
                let step_us = token as i64;
                events.insert(spool.push_event(event(step_us)).unwrap(), step_us);
            }
        }
        (rounds.clone(), events.clone())
    };
    both(&mut spool, 1..=50);
    spool.prepare_sync().unwrap().run().unwrap();
    let filler = disk.at.join("filler");
    let filled = std::fs::write(&filler, vec![1; 8 << 20]);
    assert_eq!(filled.unwrap_err().kind(), io::ErrorKind::StorageFull);
    // The kernel may have set blocks aside for the log before, some hundred rounds of them.
    both(&mut spool, 51..=400);
    assert!(spool.degraded().is_some(), "there is no block left");
    std::fs::remove_file(&filler).unwrap();
    // The kernel gives freed blocks back with its next commit.
    let (mut rounds, mut events) = both(&mut spool, 401..=401);
    for token in 402..=450 {
        if spool.degraded().is_none() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
        (rounds, events) = both(&mut spool, token..=token);
    }
    assert_eq!(spool.degraded(), None);
    let kept = check(&spool, &rounds, &events);
    spool.close().unwrap();
    drop(spool);
    let io: Arc<dyn Io> = Arc::new(Disk);
    let open = || Spool::open(&dir, [0; 16], LIMITS, Box::new(space), Arc::clone(&io));
    let mut again = again(open).unwrap();
    again.welcome(&SeqSet::default()).unwrap();
    assert_eq!(check(&again, &rounds, &events), kept);
    println!("{kept} of {} rounds kept, {} events", rounds.len(), events.len());
}

/// Scenario: the kernel gives up on an ext4 (`remount,abort`) under a spool, which from then on is read-only.
/// Guarantees: rounds and events are taken and can be sent from memory; nothing that was on disk is given up.
#[test]
fn a_read_only_file_system_is_survived() {
    let disk = Mounted::ext4();
    let dir = disk.at.join("spool");
    let io: Arc<dyn Io> = Arc::new(Disk);
    let mut spool = Spool::open(&dir, [0; 16], LIMITS, Box::new(|| None), io).unwrap();
    let mut rounds = BTreeMap::new();
    (1..=20).for_each(|token| _ = rounds.insert(spool.push(batch(token, 10_000)).unwrap(), token));
    spool.prepare_sync().unwrap().run().unwrap();
    run("mount", &["-o", "remount,abort", &disk.at.to_string_lossy()]);
    (21..=60).for_each(|token| _ = rounds.insert(spool.push(batch(token, 10_000)).unwrap(), token));
    let stepped = spool.push_event(event(7)).unwrap();
    assert!(spool.degraded().is_some(), "the file system is read-only");
    let events = BTreeMap::from([(stepped, 7)]);
    assert_eq!(check(&spool, &rounds, &events), 60);
    assert_eq!(spool.spooled().count(), 61);
}

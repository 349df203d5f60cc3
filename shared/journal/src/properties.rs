//! The log against a plain list of records, its limits, and what its tests share.

use crate::{Item, JournalError, Log, Lsn, Options, Reader, verify};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) type Records = Vec<(u8, Vec<u8>)>;

pub(crate) fn options(segment_bytes: u64) -> Options {
    Options { segment_bytes, max_record_bytes: 1 << 16, ..Options::default() }
}

pub(crate) fn reopen(dir: &Path, segment_bytes: u64) -> Log {
    Log::open(dir, options(segment_bytes)).unwrap().0
}

pub(crate) fn write(dir: &Path, segment_bytes: u64, records: &Records) {
    let mut log = reopen(dir, segment_bytes);
    for (kind, payload) in records {
        log.append(*kind, payload).unwrap();
    }
    log.sync().unwrap();
}

pub(crate) fn read(reader: Reader) -> Vec<Item> {
    reader.map(Result::unwrap).collect()
}

pub(crate) fn record(index: usize, record: &(u8, Vec<u8>)) -> Item {
    Item::Record { lsn: Lsn(index as u64 + 1), kind: record.0, payload: record.1.clone() }
}

pub(crate) fn segment_files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "seg"))
        .collect();
    files.sort();
    files
}

/// Every item is a record as it was written or names the numbers it lost, and no number is skipped.
pub(crate) fn assert_right_or_named(items: &[Item], written: &Records) {
    let mut expected = Lsn(1);
    for item in items {
        let (from, to) = match item {
            Item::Record { lsn, .. } => {
                assert_eq!(item, &record(lsn.0 as usize - 1, &written[lsn.0 as usize - 1]));
                (*lsn, *lsn)
            }
            Item::Damaged { from, to, .. } | Item::Dropped { from, to } => (*from, *to),
        };
        assert_eq!(from, expected, "{items:?}");
        expected = to.next();
    }
}

pub(crate) fn three_segments() -> Records {
    let payload = |i: u8| (0..i * 3).map(|b| b ^ i).collect();
    (0..9).map(|i| (i, payload(i))).collect()
}

#[derive(Clone, Debug)]
enum Step {
    Append(u8, Vec<u8>),
    Flush,
    Sync,
    Reopen,
    DropBefore(u64),
    Evict,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (any::<u8>(), prop::collection::vec(any::<u8>(), 0..60))
            .prop_map(|(kind, payload)| Step::Append(kind, payload)),
        2 => Just(Step::Flush),
        1 => Just(Step::Sync),
        1 => Just(Step::Reopen),
        1 => (0u64..80).prop_map(Step::DropBefore),
        1 => Just(Step::Evict),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Scenario: appends, flushes, restarts and removals in any order, with a reader that lives through all of them.
    /// Guarantees: what was flushed is read as it was written, removed numbers are named, nothing flushed is missing.
    #[test]
    fn equals_a_plain_list(steps in prop::collection::vec(step(), 0..80), segment in 64u64..400) {
        let dir = tempfile::tempdir().unwrap();
        let mut log = reopen(dir.path(), segment);
        let mut written: Records = Vec::new();
        let mut tailing = Reader::open(dir.path(), Lsn(1));
        let mut tailed = Vec::new();
        for step in steps {
            match step {
                Step::Append(kind, payload) => {
                    let lsn = log.append(kind, &payload).unwrap();
                    written.push((kind, payload));
                    prop_assert_eq!(lsn, Lsn(written.len() as u64));
                }
                Step::Flush => log.flush().unwrap(),
                Step::Sync => {
                    log.sync().unwrap();
                    prop_assert_eq!(log.durable(), log.next());
                }
                Step::Reopen => {
                    // Only what was flushed survives the writer.
                    drop(log);
                    log = reopen(dir.path(), segment);
                    written.truncate(log.next().0 as usize - 1);
                }
                Step::DropBefore(lsn) => {
                    let removed = log.drop_before(Lsn(lsn)).unwrap();
                    prop_assert!(removed.is_none_or(|r| r.to < Lsn(lsn)));
                }
                Step::Evict => {
                    log.evict_oldest().unwrap();
                }
            }
            tailed.extend(tailing.by_ref().map(Result::unwrap));
        }
        log.flush().unwrap();
        tailed.extend(tailing.map(Result::unwrap));
        assert_right_or_named(&tailed, &written);
        let items = read(log.reader(log.first()));
        let first = log.first().0 as usize - 1;
        let kept: Vec<Item> = (first..written.len()).map(|i| record(i, &written[i])).collect();
        prop_assert_eq!(&items, &kept);
        let on_disk: u64 = segment_files(dir.path()).iter().map(|f| f.metadata().unwrap().len()).sum();
        prop_assert_eq!(log.bytes(), on_disk);
        prop_assert_eq!(log.segments(), segment_files(dir.path()).len());
        prop_assert!(verify(dir.path()).unwrap().damaged.is_empty());
    }
}

/// Scenario: two writers on one directory. Guarantees: the second is refused, and may come once the first is gone.
#[test]
fn a_log_has_one_writer() {
    let dir = tempfile::tempdir().unwrap();
    let first = reopen(dir.path(), 1_000);
    let second = Log::open(dir.path(), options(1_000));
    assert!(matches!(second, Err(JournalError::Locked(_))));
    drop(first);
    reopen(dir.path(), 1_000);
}

/// Scenario: payloads just below, at and above the limit, and options out of range. Guarantees: refused by name.
#[test]
fn limits_are_enforced() {
    let dir = tempfile::tempdir().unwrap();
    let limited = Options { max_record_bytes: 10, ..options(64) };
    let mut log = Log::open(dir.path(), limited).unwrap().0;
    for (bytes, fits) in [(9, true), (10, true), (11, false)] {
        assert_eq!(log.append(0, &vec![1; bytes]).is_ok(), fits, "{bytes}");
    }
    assert_eq!(log.next(), Lsn(3));
    for wrong in [options(63), Options { max_record_bytes: (64 << 20) + 1, ..options(64) }] {
        let opened = Log::open(&dir.path().join("other"), wrong);
        assert!(matches!(opened, Err(JournalError::Option(_))));
    }
}

/// Scenario: a budget with the log just at and just over it. Guarantees: only over it the oldest segment is offered,
/// and never the active one.
#[test]
fn budget_offers_the_oldest_segment() {
    let dir = tempfile::tempdir().unwrap();
    // Two records of 20 bytes of payload fill a segment: 24 + 2 * 37 = 98.
    let limited = Options { budget_bytes: Some(98 + 98), ..options(100) };
    let mut log = Log::open(dir.path(), limited).unwrap().0;
    assert_eq!(log.over_budget(), None);
    for _ in 0..4 {
        log.append(0, &[7; 20]).unwrap();
    }
    assert_eq!((log.bytes(), log.over_budget()), (196, None));
    log.append(0, &[7; 20]).unwrap();
    let oldest = Lsn(1).until(Lsn(3));
    assert_eq!(log.over_budget(), oldest);
    assert_eq!(log.evict_oldest().unwrap(), oldest);
    assert_eq!((log.over_budget(), log.first()), (None, Lsn(3)));
    assert_eq!(log.drop_before(Lsn(99)).unwrap(), Lsn(3).until(Lsn(5)));
    assert_eq!(log.evict_oldest().unwrap(), None);
    assert_eq!(log.segments(), 1);
}

/// Scenario: numbers were given away before a power loss. Guarantees: they are skipped, named, and never used again.
#[test]
fn skipped_numbers_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = reopen(dir.path(), 1_000);
    log.append(0, b"a").unwrap();
    log.skip_to(Lsn(5)).unwrap();
    assert!(matches!(log.skip_to(Lsn(4)), Err(JournalError::SkipBack { .. })));
    assert_eq!(log.append(0, b"b").unwrap(), Lsn(5));
    log.flush().unwrap();
    let items = read(log.reader(Lsn(1)));
    assert!(matches!(items[1], Item::Damaged { from: Lsn(2), to: Lsn(4), .. }), "{items:?}");
    assert_eq!(items.len(), 3);
    drop(log);
    assert_eq!(reopen(dir.path(), 1_000).next(), Lsn(6));
}

/// Scenario: a reader in another thread while the log is written, cut into segments and flushed in groups.
/// Guarantees: it sees every record once, in order.
#[test]
fn a_reader_follows_a_writer() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = reopen(dir.path(), 2_000);
    let mut readers = vec![log.reader(Lsn(1)), Reader::open(dir.path(), Lsn(1))];
    std::thread::scope(|scope| {
        for reader in &mut readers {
            scope.spawn(move || {
                let mut expected = 1;
                while expected <= 3_000 {
                    let Some(item) = reader.next() else {
                        std::thread::yield_now();
                        continue;
                    };
                    let payload = expected.to_string().into_bytes();
                    let record = Item::Record { lsn: Lsn(expected), kind: 3, payload };
                    assert_eq!(item.unwrap(), record);
                    expected += 1;
                }
            });
        }
        for i in 1..=3_000u64 {
            log.append(3, i.to_string().as_bytes()).unwrap();
            if i % 7 == 0 {
                log.flush().unwrap();
            }
        }
        log.flush().unwrap();
    });
}

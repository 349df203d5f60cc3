//! The spool against a model: whatever happens, every number is confirmed, readable with its own content, or declared
//! lost, and none is given twice.

use super::*;
use bytes::Bytes;
use proptest::prelude::*;
use proto::EncodedBody;
use shared_journal::Disk;
use shared_model::{BootTime, EventContent, Kind, SeriesDef, Unit};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::AtomicU64;

const TIGHT: SpoolLimits =
    SpoolLimits { max_bytes: 256 << 10, max_share_ratio: 0.05, min_free_ratio: 0.10 };

pub(super) fn batch(token: u64, bytes: usize) -> BatchRecord {
    let mut content = token.to_le_bytes().to_vec();
    content.resize(bytes.max(8), 7);
    let at = Timestamp::from_secs(token as i64);
    let body = EncodedBody { zbody: Bytes::from(content), crc32c: 1, raw_len: 2 };
    BatchRecord { generation: 1, first: at, last: at, body }
}

pub(super) fn event(step_us: i64) -> Event {
    let (at, boot) = (Timestamp::from_secs(step_us), BootTime::default());
    Event { at, boot, key: "".into(), content: EventContent::ClockStep { step_us } }
}

pub(super) fn token_of(batch: &BatchRecord) -> u64 {
    u64::from_le_bytes(batch.body.zbody[..8].try_into().unwrap())
}

fn open(dir: &Path, boot: u8) -> Spool {
    again(|| Spool::open(dir, [boot; 16], TIGHT, Box::new(|| None), Arc::new(Disk))).unwrap()
}

/// Opens a spool that was open before in this process. A child of another test has all our files, the lock among them, until
/// it becomes the program that it was started for.
pub(super) fn again(open: impl Fn() -> Result<Spool, SpoolError>) -> Result<Spool, SpoolError> {
    for _ in 0..10_000 {
        match open() {
            Err(SpoolError::Journal(JournalError::Locked(_))) => {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            other => return other,
        }
    }
    open()
}

/// What the test knows of a stream.
#[derive(Default)]
struct Model {
    /// Content by number, for every number ever given to a batch.
    given: BTreeMap<Seq, u64>,
    /// Events by number.
    events: BTreeMap<Seq, i64>,
    /// Numbers the collector has confirmed, and those it was told are lost.
    covered: SeqSet,
    tokens: u64,
    boot: u8,
}

impl Model {
    fn push(&mut self, spool: &mut Spool, bytes: usize) {
        self.tokens += 1;
        let seq = spool.push(batch(self.tokens, bytes)).unwrap();
        assert_eq!(self.given.insert(seq, self.tokens), None, "{seq} was given twice");
    }

    fn push_event(&mut self, spool: &mut Spool) {
        self.tokens += 1;
        let step_us = self.tokens as i64;
        let seq = spool.push_event(event(step_us)).unwrap();
        assert_eq!(self.events.insert(seq, step_us), None, "{seq} was given twice");
    }

    fn ack(&mut self, spool: &mut Spool, range: SeqRange) {
        for seq in (range.from.0..=range.to.0).map(Seq) {
            let Some(record) = spool.record(seq) else { continue };
            self.covered.insert(seq);
            if let Record::Gap(gap) = record {
                self.covered.insert_range(gap.lost);
            }
        }
        spool.ack(&range_set(range)).unwrap();
    }

    /// Every number is covered, declared, or readable with its content; no event is lost.
    fn check(&self, spool: &Spool) {
        let mut covered = self.covered.clone();
        let numbers = (1..spool.next().0).map(Seq);
        let readable = readable(spool);
        for record in readable.values() {
            if let Record::Gap(gap) = record {
                covered.insert_range(gap.lost);
            }
        }
        for (seq, step_us) in &self.events {
            let there = readable.get(seq) == Some(&Record::Event(event(*step_us)));
            assert!(there || self.covered.contains(*seq), "event {seq} is lost");
        }
        for seq in numbers {
            let content = readable.get(&seq);
            match content {
                Some(Record::Batch(b)) => {
                    assert_eq!(self.given.get(&seq), Some(&token_of(b)), "{seq}");
                }
                Some(_) => assert_eq!(self.given.get(&seq), None, "{seq} is no batch"),
                None => assert!(covered.contains(seq), "{seq} is lost without a word"),
            }
        }
    }
}

/// Every record that can be read, from memory or disk.
fn readable(spool: &Spool) -> BTreeMap<Seq, Record> {
    let mut records: BTreeMap<Seq, Record> = spool.recent.iter().cloned().collect();
    for item in spool.reader(Seq(1)) {
        if let Item::Record { lsn, kind, payload } = item.unwrap()
            && let Some(record) = Record::decode(kind, payload)
        {
            records.insert(Seq(lsn.0), record);
        }
    }
    let all = SeqRange { from: Seq(1), to: spool.next() };
    let waiting = spool.memory.as_ref().map(Memory::numbers).unwrap_or_default();
    let kept = spool.reserve.numbers(all, false).filter(|seq| !spool.settled.contains(*seq));
    for seq in kept.chain(waiting) {
        records.insert(seq, spool.record(seq).unwrap());
    }
    records
}

fn range_set(range: SeqRange) -> SeqSet {
    [range].into_iter().collect()
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    Event,
    Ack(u64, u64),
    Sync,
    Kill,
    Stop,
    PowerLoss(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (8usize..24_000).prop_map(Step::Push),
        2 => Just(Step::Event),
        3 => (0u64..12, 0u64..12).prop_map(|(from, len)| Step::Ack(from, len)),
        2 => Just(Step::Sync),
        1 => Just(Step::Kill),
        1 => Just(Step::Stop),
        1 => any::<prop::sample::Index>().prop_map(Step::PowerLoss),
    ]
}

/// Cuts the last segment as a loss of power may, but not what was synced before.
fn cut_tail(dir: &Path, synced_bytes: &BTreeMap<PathBuf, u64>, at: prop::sample::Index) {
    let files = std::fs::read_dir(dir.join("log")).unwrap().map(|e| e.unwrap().path());
    let mut segments: Vec<_> = files.filter(|p| p.metadata().unwrap().len() > 0).collect();
    segments.sort();
    let Some(last) = segments.last() else { return };
    let len = last.metadata().unwrap().len();
    // The file header is written when a segment begins, synced with the first second.
    let safe = synced_bytes.get(last).copied().unwrap_or(0).max(64).min(len);
    let keep = safe + at.index((len - safe + 1) as usize) as u64;
    File::options().write(true).open(last).unwrap().set_len(keep).unwrap();
}

fn sizes(dir: &Path) -> BTreeMap<PathBuf, u64> {
    let files = std::fs::read_dir(dir.join("log")).unwrap().map(|e| e.unwrap().path());
    files.map(|path| (path.clone(), path.metadata().unwrap().len())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Scenario: rounds, confirmations, full budget, deaths of the process, orderly ends and losses of power, in any
    /// order. Guarantees: no number is given twice; each is confirmed, readable with its content, or declared lost; the
    /// budget holds but for the active segment.
    #[test]
    fn nothing_is_lost_without_a_word(steps in prop::collection::vec(step(), 1..80)) {
        let dir = tempfile::tempdir().unwrap();
        let mut model = Model::default();
        let mut spool = open(dir.path(), 0);
        let mut synced = sizes(dir.path());
        for step in steps {
            let pushed = matches!(step, Step::Push(_));
            match step {
                Step::Push(bytes) => model.push(&mut spool, bytes),
                Step::Event => model.push_event(&mut spool),
                Step::Ack(from, len) => {
                    let first = spool.next_unsettled(Seq(1)).unwrap_or(spool.next());
                    let from = Seq(first.0 + from);
                    let to = Seq((from.0 + len).min(spool.next().0 - 1));
                    if let Some(range) = SeqRange::new(from, to) {
                        model.ack(&mut spool, range);
                    }
                }
                Step::Sync => {
                    spool.prepare_sync().unwrap().run().unwrap();
                    synced = sizes(dir.path());
                }
                Step::Kill => {
                    drop(spool);
                    spool = open(dir.path(), model.boot);
                }
                Step::Stop => {
                    spool.close().unwrap();
                    drop(spool);
                    synced = sizes(dir.path());
                    spool = open(dir.path(), model.boot);
                }
                Step::PowerLoss(at) => {
                    drop(spool);
                    cut_tail(dir.path(), &synced, at);
                    model.boot += 1;
                    spool = open(dir.path(), model.boot);
                    synced = sizes(dir.path());
                }
            }
            prop_assert!(!pushed || spool.bytes() <= TIGHT.max_bytes + 1_000);
        }
        model.check(&spool);
        // What was evicted is gone only now.
        spool.prepare_sync().unwrap().run().unwrap();
        model.check(&spool);
    }
}

/// Scenario: the process dies between rounds, several times. Guarantees: the next number continues and every record is
/// still there, unconfirmed.
#[test]
fn numbers_continue_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = Model::default();
    for _ in 0..4 {
        let mut spool = open(dir.path(), 0);
        (0..5).for_each(|_| model.push(&mut spool, 100));
    }
    let spool = open(dir.path(), 0);
    assert_eq!(spool.next(), Seq(21));
    assert_eq!(spool.spooled().ranges(), [SeqRange { from: Seq(1), to: Seq(20) }]);
    assert_eq!(spool.starts(), 5);
    model.check(&spool);
}

/// Scenario: power goes after records were sent but before they were on disk; the collector holds them.
/// Guarantees: the numbers promised ahead are skipped and declared, so that none is given twice.
#[test]
fn promised_numbers_are_skipped_after_a_loss_of_power() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path(), 0);
    (0..3).for_each(|n| _ = spool.push(batch(n, 100)).unwrap());
    drop(spool);
    let spool = open(dir.path(), 1);
    let lost = SeqRange { from: Seq(4), to: Seq(RESERVE) };
    let expected = Gap { lost, reason: GapReason::Unsynced, first: None, last: None };
    assert_eq!(spool.record(Seq(RESERVE + 1)), Some(Record::Gap(expected)));
    assert_eq!(spool.next(), Seq(RESERVE + 2));
    let unsettled = [
        SeqRange { from: Seq(1), to: Seq(3) },
        SeqRange { from: Seq(RESERVE + 1), to: Seq(RESERVE + 1) },
    ];
    assert_eq!(spool.spooled().ranges(), unsettled);
}

/// Scenario: the collector holds numbers that this spool gives out only now (a disk that was set back).
/// Guarantees: what was pushed under them is there again under numbers above, with the same content.
#[test]
fn numbers_the_collector_holds_are_not_used_again() {
    for (held, pushed) in [(5u64, 3u64), (2, 3), (3, 3)] {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = open(dir.path(), 0);
        (1..=pushed).for_each(|token| _ = spool.push(batch(token, 50)).unwrap());
        let range = SeqRange { from: Seq(1), to: Seq(held) };
        spool.welcome(&range_set(range)).unwrap();
        let unsettled = spool.spooled();
        assert!(unsettled.ranges().iter().all(|r| r.from > Seq(held)), "{unsettled:?}");
        let numbers = unsettled.ranges().iter().flat_map(|r| r.from.0..=r.to.0);
        let tokens: Vec<u64> = numbers
            .filter_map(|n| match spool.record(Seq(n)) {
                Some(Record::Batch(batch)) => Some(token_of(&batch)),
                _ => None,
            })
            .collect();
        assert_eq!(tokens, (1..=pushed).collect::<Vec<_>>(), "held {held}");
        spool.welcome(&range_set(range)).unwrap();
        assert_eq!(spool.spooled(), unsettled, "a second welcome changes nothing");
    }
}

/// Scenario: rounds that are confirmed in time, left unconfirmed, and synced; numbers that come near the end of their
/// promise; segments that are no longer needed. Guarantees: a sync is asked for exactly while there is something on no
/// disk, or something that only a sync brings about.
#[test]
fn a_sync_is_for_what_is_on_no_disk() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, mut model) = (open(dir.path(), 1), Model::default());
    let ack = |spool: &mut Spool, from: u64, to: u64| {
        spool.ack(&range_set(SeqRange { from: Seq(from), to: Seq(to) })).unwrap();
    };
    let sync = |spool: &mut Spool| spool.prepare_sync().unwrap().run().unwrap();
    assert!(!spool.needs_sync());
    model.push(&mut spool, 8);
    assert!(spool.needs_sync());
    ack(&mut spool, 1, 1);
    assert!(!spool.needs_sync(), "it is on the collector's disk");
    model.push(&mut spool, 8);
    model.push(&mut spool, 8);
    ack(&mut spool, 3, 3);
    assert!(spool.needs_sync(), "2 is on no disk");
    sync(&mut spool);
    assert!(!spool.needs_sync(), "2 is on this disk");

    while !spool.promise_is_low() {
        assert!(!spool.needs_sync());
        model.push(&mut spool, 8);
        let last = spool.next().0 - 1;
        ack(&mut spool, last, last);
    }
    assert!(spool.needs_sync(), "no number beyond the promise may be given");
    sync(&mut spool);
    assert!(!spool.needs_sync());

    while spool.log.segments() < 2 {
        model.push(&mut spool, 8_000);
    }
    let last = spool.next().0 - 1;
    ack(&mut spool, 1, last);
    assert!(spool.needs_sync(), "a segment is to be removed");
    sync(&mut spool);
    assert!(!spool.needs_sync());
}

/// Scenario: an outage that fills the budget several times over.
/// Guarantees: the oldest records go; one declaration covers them all, with their times; the newest stay.
#[test]
fn eviction_declares_one_growing_loss() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path(), 0);
    for token in 1..=200 {
        spool.push(batch(token, 10_000)).unwrap();
        spool.prepare_sync().unwrap().run().unwrap();
    }
    assert!(spool.bytes() <= TIGHT.max_bytes);
    let mut kept = readable(&spool);
    kept.retain(|seq, _| !spool.settled.contains(*seq));
    let gaps: Vec<&Gap> =
        kept.values().filter_map(|r| if let Record::Gap(g) = r { Some(g) } else { None }).collect();
    let (first_kept, _) = kept.first_key_value().unwrap();
    let lost: SeqSet = gaps.iter().map(|gap| gap.lost).collect();
    assert_eq!(lost.ranges(), [SeqRange { from: Seq(1), to: Seq(first_kept.0 - 1) }]);
    assert!(gaps.len() <= 6, "{} declarations", gaps.len());
    assert!(gaps.iter().all(|g| g.reason == GapReason::Budget));
    assert_eq!(gaps.iter().filter_map(|g| g.first).min(), Some(Timestamp::from_secs(1)));
    let tokens: Vec<u64> = kept
        .values()
        .filter_map(|r| if let Record::Batch(b) = r { Some(token_of(b)) } else { None })
        .collect();
    assert!(tokens.len() >= 12 && tokens.last() == Some(&200) && tokens.is_sorted(), "{tokens:?}");
}

/// Scenario: the file system fills up around the spool. Guarantees: it shrinks to the active segment, and grows again.
#[test]
fn a_filling_disk_shrinks_the_spool() {
    let dir = tempfile::tempdir().unwrap();
    let free = Arc::new(AtomicU64::new(1 << 30));
    let seen = Arc::clone(&free);
    let space =
        move || Some(Space { total_bytes: 5 << 30, available_bytes: seen.load(Ordering::Relaxed) });
    let mut spool =
        Spool::open(dir.path(), [0; 16], TIGHT, Box::new(space), Arc::new(Disk)).unwrap();
    (1..=20).for_each(|token| _ = spool.push(batch(token, 10_000)).unwrap());
    assert!(spool.bytes() > 150_000);
    free.store(400 << 20, Ordering::Relaxed);
    spool.push(batch(21, 10_000)).unwrap();
    assert!(spool.bytes() < 2 * (64 << 10), "{} bytes on a full disk", spool.bytes());
    free.store(1 << 30, Ordering::Relaxed);
    (22..=40).for_each(|token| _ = spool.push(batch(token, 10_000)).unwrap());
    assert!(spool.bytes() > 150_000);
}

/// Scenario: a batch and a declaration are refused for good. Guarantees: the batch's loss is declared with its times;
/// a declaration stays.
#[test]
fn refused_batches_become_losses() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path(), 0);
    let seq = spool.push(batch(7, 10)).unwrap();
    assert!(spool.refuse(seq));
    let at = Some(Timestamp::from_secs(7));
    let lost = SeqRange { from: seq, to: seq };
    let gap = Gap { lost, reason: GapReason::Refused, first: at, last: at };
    assert_eq!(spool.record(Seq(2)), Some(Record::Gap(gap)));
    assert!(!spool.refuse(Seq(2)));
    assert_eq!(spool.next_unsettled(Seq(1)), Some(Seq(2)));
}

fn catalog(generation: u32, base: u32, references: std::ops::RangeInclusive<u32>) -> Catalog {
    let series = references.map(|reference| SeriesDef {
        reference,
        name: format!("m{reference}").into(),
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: vec![],
    });
    Catalog { generation, base, series: series.collect(), sets: vec![] }
}

/// Scenario: catalogs that grow, repeat, redefine and fall back, across a restart.
/// Guarantees: growth is kept on disk and yields the message to send; a repeat yields none; the rest is refused.
#[test]
fn catalogs_only_grow() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path(), 0);
    assert!(spool.catalog_version().is_none());
    assert!(spool.extend_catalog(&catalog(1, 0, 1..=2)).unwrap().is_some());
    assert!(spool.extend_catalog(&catalog(1, 0, 1..=2)).unwrap().is_none());
    let delta = spool.extend_catalog(&catalog(2, 1, 3..=3)).unwrap().unwrap();
    assert_eq!((delta.generation, delta.base_generation), (2, 1));
    assert!(spool.extend_catalog(&catalog(3, 0, 1..=4)).unwrap().is_some());
    for bad in
        [catalog(3, 0, 1..=5), catalog(2, 0, 1..=4), catalog(9, 7, 5..=5), catalog(0, 0, 1..=4)]
    {
        assert!(spool.extend_catalog(&bad).is_err(), "{bad:?}");
    }
    let version = spool.catalog_version().unwrap();
    drop(spool);
    let spool = open(dir.path(), 0);
    assert_eq!(spool.catalog(), &catalog(3, 0, 1..=4));
    assert_eq!(spool.catalog_version(), Some(version));
    assert_eq!(spool.catalog_message().unwrap().base_generation, 0);
}

/// Scenario: a whole catalog that leaves out what was defined, while a record is still to be sent, when it is confirmed, and
/// after a loss of power. Guarantees: refused, then taken with no record left in the files that the old one explains, and
/// the numbers of records go on.
#[test]
fn a_catalog_is_replaced_only_when_nothing_is_to_be_sent() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path(), 1);
    spool.extend_catalog(&catalog(1, 0, 1..=3)).unwrap();
    let seq = spool.push(batch(1, 64)).unwrap();
    assert!(spool.extend_catalog(&catalog(2, 0, 1..=1)).is_err());
    assert_eq!(spool.catalog(), &catalog(1, 0, 1..=3));
    spool.ack(&range_set(SeqRange { from: seq, to: seq })).unwrap();
    assert!(spool.extend_catalog(&catalog(1, 0, 1..=1)).is_err(), "no later generation");
    let message = spool.extend_catalog(&catalog(2, 0, 1..=1)).unwrap().unwrap();
    assert_eq!((message.base_generation, message.generation), (0, 2));
    assert_eq!(spool.catalog(), &catalog(2, 0, 1..=1));
    let after = spool.push(batch(2, 64)).unwrap();
    assert_eq!(after, Seq(seq.0 + 1));
    drop(spool);
    let spool = open(dir.path(), 2);
    assert_eq!(spool.catalog(), &catalog(2, 0, 1..=1));
    let kept: Vec<u64> = readable(&spool)
        .values()
        .filter_map(|record| match record {
            Record::Batch(batch) => Some(token_of(batch)),
            _ => None,
        })
        .collect();
    assert_eq!(kept, [2]);
}

/// Scenario: the catalog file is damaged. Guarantees: the records it would explain are declared lost, and numbering of
/// series begins anew above every generation that was used.
#[test]
fn a_damaged_catalog_declares_its_records_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path(), 0);
    spool.extend_catalog(&catalog(1, 0, 1..=2)).unwrap();
    spool.push(batch(1, 10)).unwrap();
    drop(spool);
    std::fs::write(dir.path().join("catalog"), b"nonsense").unwrap();
    let mut spool = open(dir.path(), 0);
    assert_eq!(spool.spooled().ranges(), [SeqRange { from: Seq(2), to: Seq(2) }]);
    assert!(matches!(spool.record(Seq(2)), Some(Record::Gap(g)) if g.reason == GapReason::Damaged));
    assert_eq!(spool.catalog().generation, 1);
    assert!(spool.extend_catalog(&catalog(2, 1, 1..=1)).unwrap().is_some());
}

/// Scenario: a spool read by another process while it is open. Guarantees: its records, in order, and its numbers.
#[test]
fn a_dump_shows_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(&spool_dir(dir.path()), 0);
    spool.push(batch(1, 10)).unwrap();
    spool.declare(SeqRange { from: Seq(1), to: Seq(1) }, GapReason::Refused, None);
    let items: Vec<SpoolItem> = dump(dir.path()).unwrap().map(Result::unwrap).collect();
    assert!(
        matches!(&items[..], [SpoolItem::Batch(Seq(1), Err(_)), SpoolItem::Gap(Seq(2), _)]),
        "{items:?}"
    );
    let found = summary(dir.path()).unwrap();
    assert_eq!((found.stream, found.next, found.batches), (spool.stream_id(), Seq(3), 1));
    assert_eq!(found.gaps, BTreeMap::from([("refused", (1, 1))]));
}

/// Scenario: a loss of power takes a declared loss and an event from the log, not from the reserve; then their place in the
/// log is evicted. Guarantees: the event is still there, and what the declaration spoke of is declared anew.
#[test]
fn a_declaration_that_only_the_reserve_has_is_passed_on() {
    let dir = tempfile::tempdir().unwrap();
    let (mut model, mut spool) = (Model::default(), open(dir.path(), 0));
    while spool.log.first() == Lsn::FIRST {
        model.push(&mut spool, 16_000);
    }
    model.push_event(&mut spool);
    drop(spool);
    let header = 24;
    let last = sizes(dir.path()).into_iter().rfind(|(_, bytes)| *bytes > 0).unwrap().0;
    File::options().write(true).open(last).unwrap().set_len(header).unwrap();
    model.boot += 1;
    let mut spool = open(dir.path(), model.boot);
    let began = Lsn(spool.next().0);
    while spool.log.first() < began {
        model.push(&mut spool, 16_000);
    }
    // What was evicted is gone only now.
    spool.prepare_sync().unwrap().run().unwrap();
    model.check(&spool);
}

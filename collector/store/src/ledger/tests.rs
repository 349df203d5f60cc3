//! Appending, replaying, and every way to tamper.

use super::*;
use collector_domain::{Actor, Condition, EntryKind, IncidentId};
use shared_model::{Labels, Level, Timestamp};
use std::fs;
use std::path::PathBuf;

pub(super) fn entry(i: u64) -> Entry {
    let kind = match i % 4 {
        0 => EntryKind::Opened {
            cause: "db.down".into(),
            subject: Labels::from_pairs([("host", "db-1"), ("instance", "10.0.0.1:5432")]),
            clause: "2.2/3.1".parse().unwrap(),
            level: Level::One,
            occurred: Timestamp::from_secs(1_000),
            value: Some(0.1 + i as f64),
            response_due: Timestamp::from_secs(1_300),
            resolution_due: Timestamp::from_secs(8_200),
            onsite_due: None,
            started: None,
            evidence: vec!["主库不可连接".to_owned(), "\"quoted\"\n".to_owned()],
            late: i % 8 == 4,
        },
        1 => EntryKind::Acknowledged { in_time: true },
        2 => EntryKind::Condition {
            condition: Condition::Unknown,
            at_event: Timestamp::from_secs(5),
            value: None,
        },
        _ => EntryKind::Closed,
    };
    Entry {
        at: Timestamp::from_micros(1_763_867_045_678_901 + i as i64),
        incident: IncidentId(i),
        actor: Actor::Person("王工".to_owned()),
        kind,
    }
}

pub(super) fn ledger(dir: &Path, entries: u64) -> Ledger {
    let mut ledger = Ledger::open(dir).unwrap();
    for i in 0..entries {
        ledger.append(&entry(i)).unwrap();
    }
    ledger.sync().unwrap();
    ledger
}

fn file(dir: &Path) -> PathBuf {
    dir.join("00000000000000000001.seg")
}

/// Start and end of each record in the only segment, as the log's documentation has it.
fn records(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut at = 24;
    let mut found = Vec::new();
    while at < bytes.len() {
        let len = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        found.push(at..at + 17 + len);
        at += 17 + len;
    }
    found
}

fn broken_at(dir: &Path) -> Option<u64> {
    match verify(dir) {
        Ok(_) => None,
        Err(LedgerError::Broken { number, .. }) => Some(number),
        Err(e) => panic!("{e}"),
    }
}

/// Scenario: entries of several kinds, a restart, more entries.
/// Guarantees: read back as they were, by number and in order, with an unbroken chain.
#[test]
fn entries_come_back_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let head = ledger(dir.path(), 5).head();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    assert_eq!((ledger.head(), ledger.len()), (head, 5));
    let stored = ledger.append(&entry(5)).unwrap();
    assert_eq!(ledger.get(6).unwrap(), None, "not synced yet");
    ledger.sync().unwrap();
    let all: Vec<_> = ledger.iter().map(Result::unwrap).collect();
    assert_eq!(all.len(), 6);
    for (i, (stored, found)) in all.iter().enumerate() {
        assert_eq!((stored.number, found), (i as u64 + 1, &entry(i as u64)));
        assert_eq!(ledger.get(stored.number).unwrap(), Some((*stored, found.clone())));
    }
    assert_eq!((ledger.get(0).unwrap(), ledger.get(7).unwrap()), (None, None));
    let report = verify(dir.path()).unwrap();
    assert_eq!((report.entries, report.head), ledger.head());
    assert_eq!(all[5].0, stored);
}

/// Scenario: a value that is not a number. Guarantees: stored as missing, the chain holds.
#[test]
fn a_value_that_is_not_a_number_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    for value in [f64::NAN, f64::INFINITY] {
        let kind = EntryKind::Condition {
            condition: Condition::Breached,
            at_event: Timestamp::from_secs(1),
            value: Some(value),
        };
        ledger.append(&Entry { kind, ..entry(0) }).unwrap();
    }
    ledger.sync().unwrap();
    for read in ledger.iter() {
        let kind = read.unwrap().1.kind;
        assert!(matches!(kind, EntryKind::Condition { value: None, .. }));
    }
    assert_eq!(verify(dir.path()).unwrap().entries, 2);
}

/// Scenario: one bit of every byte flipped. Guarantees: the entry it belongs to is named, by `verify` and by `open`,
/// and `open` changes nothing; only a damaged file header, which carries no entry, is no break.
#[test]
fn a_flipped_byte_names_its_entry() {
    let dir = tempfile::tempdir().unwrap();
    drop(ledger(dir.path(), 4));
    let sound = fs::read(file(dir.path())).unwrap();
    let records = records(&sound);
    for offset in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[offset] ^= 0x04;
        fs::write(file(dir.path()), &bytes).unwrap();
        let number = records.iter().position(|r| r.contains(&offset));
        let number = number.map(|n| n as u64 + 1);
        assert_eq!(broken_at(dir.path()), number, "byte {offset}");
        let length_of_last = (0..4).contains(&(offset.wrapping_sub(records[3].start)));
        if number.is_some() && !length_of_last {
            let opened = Ledger::open(dir.path()).map(|l| l.len());
            assert!(
                matches!(opened, Err(LedgerError::Broken { number: n, .. }) if Some(n) == number)
            );
            assert_eq!(fs::read(file(dir.path())).unwrap(), bytes);
        }
    }
}

/// Scenario: each record dropped, swapped with its neighbour, or cut short. Guarantees: the first entry that is not
/// proved is named. (Whole records taken off the end need an earlier head: see the next test.)
#[test]
fn dropped_swapped_and_cut_records_are_named() {
    let dir = tempfile::tempdir().unwrap();
    drop(ledger(dir.path(), 4));
    let sound = fs::read(file(dir.path())).unwrap();
    let records = records(&sound);
    for (i, record) in records.iter().enumerate() {
        let number = i as u64 + 1;
        let last = i + 1 == records.len();
        let mut dropped = sound.clone();
        dropped.drain(record.clone());
        fs::write(file(dir.path()), &dropped).unwrap();
        assert_eq!(broken_at(dir.path()), (!last).then_some(number), "dropped {number}");
        if !last {
            let next = records[i + 1].clone();
            let mut swapped = sound[..record.start].to_vec();
            swapped.extend_from_slice(&sound[next.clone()]);
            swapped.extend_from_slice(&sound[record.clone()]);
            swapped.extend_from_slice(&sound[next.end..]);
            fs::write(file(dir.path()), &swapped).unwrap();
            assert_eq!(broken_at(dir.path()), Some(number), "swapped {number}");
        }
        for cut in [record.start + 1, record.start + 20, record.end - 1] {
            fs::write(file(dir.path()), &sound[..cut]).unwrap();
            assert_eq!(broken_at(dir.path()), Some(number), "cut at {cut}");
            assert_eq!(Ledger::open(dir.path()).unwrap().len(), i as u64);
        }
    }
}

/// Scenario: a forger who writes sound log records: one entry changed, one taken out, one moved, one off the end.
/// Guarantees: the first three are named; the last changes the head.
#[test]
fn forgeries_in_sound_records_are_named() {
    let origin = tempfile::tempdir().unwrap();
    let head = ledger(origin.path(), 5).head();
    let payloads: Vec<Vec<u8>> = shared_journal::Reader::open(origin.path(), Lsn::FIRST)
        .filter_map(|item| match item.unwrap() {
            Item::Record { payload, .. } => Some(payload),
            _ => None,
        })
        .collect();
    let mut changed = payloads.clone();
    *changed[2].last_chunk_mut::<3>().unwrap() = *b" }}";
    let mut rehashed = payloads.clone();
    let json = String::from_utf8(payloads[1][32..].to_vec()).unwrap();
    let json = json.replace("true", "false");
    let mut sha = <sha2::Sha256 as sha2::Digest>::new();
    sha2::Digest::update(&mut sha, b"wardround ledger v1\n");
    sha2::Digest::update(&mut sha, json.as_bytes());
    rehashed[1] = [&sha2::Digest::finalize(sha)[..], json.as_bytes()].concat();
    let mut taken = payloads.clone();
    taken.remove(1);
    let mut moved = payloads.clone();
    moved.swap(2, 3);
    for (case, forged, expected) in [
        ("untouched", payloads.clone(), None),
        ("changed", changed, Some(3)),
        // Its own hash is right again: the entry after it gives it away.
        ("changed and hashed", rehashed, Some(3)),
        ("taken out", taken, Some(2)),
        ("moved", moved, Some(3)),
        ("off the end", payloads[..4].to_vec(), None),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::open(dir.path(), Options::default()).unwrap().0;
        for payload in &forged {
            log.append(RECORD_KIND, payload).unwrap();
        }
        log.sync().unwrap();
        assert_eq!(broken_at(dir.path()), expected, "{case}");
        if expected.is_none() {
            let report = verify(dir.path()).unwrap();
            assert_eq!((report.entries, report.head) == head, case == "untouched", "{case}");
        }
    }
}

/// Scenario: a replay of stored entries, then one more; a replay that yields another entry, and one that skips.
/// Guarantees: equal ones pass, the next is appended, the others are refused by number and change nothing.
#[test]
fn a_replay_is_held_against_the_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = ledger(dir.path(), 3);
    for i in 0..3 {
        assert_eq!(ledger.check_or_append(i + 1, &entry(i)).unwrap().number, i + 1);
    }
    let other = ledger.check_or_append(2, &entry(7));
    assert!(matches!(other, Err(LedgerError::Diverged { number: 2 })));
    for number in [0, 5] {
        let skipped = ledger.check_or_append(number, &entry(0));
        assert!(matches!(skipped, Err(LedgerError::Gap { len: 3, .. })), "{number}");
    }
    assert_eq!(ledger.len(), 3);
    assert_eq!(ledger.check_or_append(4, &entry(3)).unwrap().number, 4);
    ledger.sync().unwrap();
    assert_eq!(verify(dir.path()).unwrap().entries, 4);
}

//! Appending, reading, and every way to tamper.

use super::*;
use collector_domain::{AuditAction, AuditOutcome};
use shared_model::Timestamp;
use std::fs;

fn entry(i: u64) -> AuditEntry {
    let refused = i % 2 == 1;
    AuditEntry {
        event: AuditEvent {
            at: Timestamp::from_micros(1_763_867_045_678_901 + i as i64),
            who: format!("王工{i}"),
            from: Some("10.0.0.7".to_owned()),
            action: if refused { AuditAction::SignIn } else { AuditAction::Act },
            object: format!("W-{i:06}"),
            outcome: if refused { AuditOutcome::Refused } else { AuditOutcome::Done },
            detail: if refused { "wrong name or password".to_owned() } else { String::new() },
        },
        count: 1 + i % 3,
        lost: i % 4,
    }
}

fn written(dir: &Path, entries: u64) -> AuditLog {
    let mut log = AuditLog::open(dir).unwrap();
    for i in 0..entries {
        log.append(&entry(i)).unwrap();
    }
    log.sync().unwrap();
    log
}

/// Start and end of each record in the first segment, as the log's documentation has it.
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
        Err(AuditError::Broken { number, .. }) => Some(number),
        Err(e) => panic!("{e}"),
    }
}

/// Scenario: entries, a restart, more entries over several segments, pages of every size from every place.
/// Guarantees: read back as they were, in both directions, with an unbroken chain and the same head.
#[test]
fn entries_come_back_after_a_restart() {
    const ENTRIES: u64 = 9_000;
    let dir = tempfile::tempdir().unwrap();
    let head = written(dir.path(), 5).head();
    let mut log = AuditLog::open(dir.path()).unwrap();
    assert_eq!((log.head(), head.0), (head, 5));
    for i in 5..ENTRIES {
        assert_eq!(log.append(&entry(i)).unwrap(), i + 1);
    }
    log.sync().unwrap();
    assert!(fs::read_dir(dir.path()).unwrap().count() > 3, "one segment would prove less");
    let report = verify(dir.path()).unwrap();
    assert_eq!((report.entries, report.head), log.head());
    drop(log);
    assert_eq!(AuditLog::open(dir.path()).unwrap().head(), (report.entries, report.head));
    for (i, found) in iter(dir.path()).enumerate() {
        assert_eq!(found.unwrap(), (i as u64 + 1, entry(i as u64)));
    }
    for (before, limit, expected) in [
        (ENTRIES + 1, 3, vec![ENTRIES, ENTRIES - 1, ENTRIES - 2]),
        (ENTRIES, 1, vec![ENTRIES - 1]),
        (3, 500, vec![2, 1]),
        (1, 500, vec![]),
        (ENTRIES + 1, 0, vec![]),
    ] {
        let page = newest(dir.path(), before, limit).unwrap();
        let numbers: Vec<u64> = page.iter().map(|(n, _)| *n).collect();
        assert_eq!(numbers, expected, "{before} {limit}");
        assert!(page.iter().all(|(n, found)| *found == entry(n - 1)));
    }
}

/// Scenario: one bit of every byte flipped. Guarantees: the entry it belongs to is named, by `verify` and by `open`, and
/// `open` changes nothing; only a damaged file header, which carries no entry, is no break.
#[test]
fn a_flipped_byte_names_its_entry() {
    let dir = tempfile::tempdir().unwrap();
    drop(written(dir.path(), 4));
    let file = dir.path().join("00000000000000000001.seg");
    let sound = fs::read(&file).unwrap();
    let records = records(&sound);
    for offset in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[offset] ^= 0x04;
        fs::write(&file, &bytes).unwrap();
        let number = records.iter().position(|r| r.contains(&offset)).map(|n| n as u64 + 1);
        assert_eq!(broken_at(dir.path()), number, "byte {offset}");
        let length_of_last = (0..4).contains(&(offset.wrapping_sub(records[3].start)));
        // Opening syncs, so it is tried at some bytes of every field only.
        if number.is_some() && !length_of_last && offset % 5 == 0 {
            let opened = AuditLog::open(dir.path()).map(|l| l.head().0);
            let named =
                matches!(opened, Err(AuditError::Broken { number: n, .. }) if Some(n) == number);
            assert!(named, "byte {offset}: {opened:?}");
            assert_eq!(fs::read(&file).unwrap(), bytes);
        }
    }
}

/// Scenario: each record taken out, doubled, or swapped with the next; the last cut short. Guarantees: the first entry
/// that is not proved is named, and an entry of the ledger's chain never passes for one of this.
#[test]
fn moved_and_foreign_records_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let report = written(dir.path(), 4).head();
    let payloads: Vec<Vec<u8>> = shared_journal::Reader::open(dir.path(), Lsn::FIRST)
        .map(|item| chain::payload(item.unwrap()).unwrap())
        .collect();
    let refused = |payloads: &[Vec<u8>]| {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, _) = Log::open(dir.path(), Options::default()).unwrap();
        for payload in payloads {
            log.append(RECORD_KIND, payload).unwrap();
        }
        log.sync().unwrap();
        broken_at(dir.path())
    };
    let with = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut moved = payloads.clone();
        change(&mut moved);
        refused(&moved)
    };
    assert_eq!(with(&|_| {}), None);
    for i in 0..3 {
        let number = i as u64 + 1;
        assert_eq!(with(&|p| drop(p.remove(i))), Some(number));
        assert_eq!(with(&|p| p.swap(i, i + 1)), Some(number));
        assert_eq!(with(&|p| p.insert(i, p[i].clone())), Some(number + 1));
    }
    let (_, foreign) = chain::seal(b"wardround ledger v1\n", 5, report.1, &entry(4)).unwrap();
    assert_eq!(with(&|p| p.push(foreign.clone())), Some(5));
    let file = dir.path().join("00000000000000000001.seg");
    let sound = fs::read(&file).unwrap();
    fs::write(&file, &sound[..sound.len() - 1]).unwrap();
    assert_eq!(broken_at(dir.path()), Some(4));
    assert_eq!(
        AuditLog::open(dir.path()).unwrap().head().0,
        3,
        "a torn one was never answered for"
    );
}

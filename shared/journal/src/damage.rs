//! Cut files, flipped bytes and missing segments: data is right or the damage is named.

use crate::properties::{
    assert_right_or_named, options, read, record, segment_files, three_segments, write,
};
use crate::{Item, JournalError, Log, Lsn, Options, Reader, Scan, Tail, verify};
use std::fs;

/// Scenario: the last segment cut at each of its bytes, as a crash may leave it.
/// Guarantees: the records before the cut are there, the rest is reported, and appending goes on after them.
#[test]
fn a_tail_cut_anywhere_is_repaired() {
    let records = three_segments();
    let origin = tempfile::tempdir().unwrap();
    write(origin.path(), 160, &records);
    let files = segment_files(origin.path());
    assert!(files.len() >= 3, "{files:?}");
    let last = fs::read(files.last().unwrap()).unwrap();
    for cut in 0..last.len() {
        let dir = tempfile::tempdir().unwrap();
        for file in &files {
            fs::copy(file, dir.path().join(file.file_name().unwrap())).unwrap();
        }
        let path = dir.path().join(files.last().unwrap().file_name().unwrap());
        fs::write(&path, &last[..cut]).unwrap();
        let (mut log, recovery) = Log::open(dir.path(), options(160)).unwrap();
        assert!(recovery.damaged.is_empty(), "cut {cut}: {recovery:?}");
        let kept = log.next().0 as usize - 1;
        let cut_bytes = recovery.torn.map_or(0, |t| t.bytes);
        let left = path.metadata().unwrap().len();
        assert!(cut < 24 || left + cut_bytes == cut as u64, "{cut}");
        // The next record would not have fitted before the cut.
        let next_ends = left as usize + 17 + records.get(kept).map_or(0, |r| r.1.len());
        assert!(next_ends > cut, "{cut}");
        log.append(99, b"after").unwrap();
        log.sync().unwrap();
        let mut model = records[..kept].to_vec();
        model.push((99, b"after".to_vec()));
        let expected: Vec<Item> = model.iter().enumerate().map(|(i, r)| record(i, r)).collect();
        assert_eq!(read(log.reader(Lsn(1))), expected, "cut {cut}");
    }
}

/// Scenario: each bit of each byte of any segment flipped, and all bits of each.
/// Guarantees: readers, `verify` and `open` give right records or name the damage, and never panic.
#[test]
fn a_flipped_byte_anywhere_is_named() {
    let records = three_segments();
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 160, &records);
    for path in segment_files(dir.path()) {
        let sound = fs::read(&path).unwrap();
        for (offset, mask) in
            (0..sound.len()).flat_map(|o| (0..8).map(move |b| (o, 1 << b)).chain([(o, 0xff)]))
        {
            let mut bytes = sound.clone();
            bytes[offset] ^= mask;
            fs::write(&path, &bytes).unwrap();
            let items = read(Reader::open(dir.path(), Lsn(1)));
            assert_right_or_named(&items, &records);
            let summary = verify(dir.path()).unwrap();
            assert!(
                !summary.damaged.is_empty() || summary.torn.is_some(),
                "byte {offset} of {path:?} went unnoticed"
            );
            let read = items.iter().filter(|i| matches!(i, Item::Record { .. }));
            assert_eq!(summary.records, read.count() as u64);
            // At most the record of the byte is lost, and none for a byte of the header.
            let at_most = u64::from(offset >= 24);
            assert!(summary.records + at_most >= records.len() as u64, "{offset} {mask:x}");
        }
        fs::write(&path, &sound).unwrap();
    }
}

/// Scenario: a byte of the last segment flipped, then the log opened and written to.
/// Guarantees: records behind the damage are kept; only a bad end is cut; new records are read back.
#[test]
fn damage_before_good_records_is_not_cut() {
    let records = three_segments();
    let origin = tempfile::tempdir().unwrap();
    write(origin.path(), 1 << 20, &records);
    let file = segment_files(origin.path()).remove(0);
    let sound = fs::read(&file).unwrap();
    for offset in 24..sound.len() {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = sound.clone();
        bytes[offset] ^= 0x40;
        fs::write(dir.path().join(file.file_name().unwrap()), &bytes).unwrap();
        let (mut log, recovery) = Log::open(dir.path(), options(1 << 20)).unwrap();
        assert_ne!(recovery.damaged.is_empty(), recovery.torn.is_none(), "{offset}");
        let mut model = records.clone();
        model.truncate(log.next().0 as usize - 1);
        assert!(model.len() + 1 >= records.len(), "{offset}");
        log.append(1, b"new").unwrap();
        model.push((1, b"new".to_vec()));
        log.flush().unwrap();
        let items = read(log.reader(Lsn(1)));
        assert_right_or_named(&items, &model);
        assert_eq!(items.last(), Some(&record(model.len() - 1, &model[model.len() - 1])));
    }
}

/// Scenario: a whole segment gone from the middle, and one from the front.
/// Guarantees: the first is damage, the second a removal; both are named with their numbers.
#[test]
fn missing_segments_are_named() {
    let records = three_segments();
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 100, &records);
    let files = segment_files(dir.path());
    fs::remove_file(&files[1]).unwrap();
    let items = read(Reader::open(dir.path(), Lsn(1)));
    assert_right_or_named(&items, &records);
    assert!(items.iter().any(|i| matches!(i, Item::Damaged { .. })));
    let (log, recovery) = Log::open(dir.path(), options(100)).unwrap();
    assert_eq!(recovery.damaged.len(), 1);
    assert_eq!(log.next(), Lsn(10));
    fs::remove_file(&files[0]).unwrap();
    let items = read(log.reader(Lsn(1)));
    assert_right_or_named(&items, &records);
    assert!(matches!(items[0], Item::Dropped { from: Lsn(1), .. }));
}

/// Scenario: a record whose payload is itself the image of the next records, with its length field damaged or its
/// payload damaged. Guarantees: with the length intact the image is never taken for records.
#[test]
fn an_image_of_records_in_a_payload_is_not_taken_for_records() {
    let mut image = Vec::new();
    crate::format::encode_record(&mut image, 9, Lsn(2), b"forged");
    image.extend_from_slice(b"tail");
    let records = vec![(1, image), (2, b"second".to_vec())];
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 1 << 20, &records);
    let file = segment_files(dir.path()).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    let last_of_payload = 24 + 17 + records[0].1.len() - 1;
    bytes[last_of_payload] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let items = read(Reader::open(dir.path(), Lsn(1)));
    assert_right_or_named(&items, &records);
    assert_eq!(items[1], record(1, &records[1]));
}

/// Scenario: a last record that is whole but damaged, and one that is cut, opened in both ways.
/// Guarantees: `CutIncomplete` refuses the first and changes nothing; it cuts the second.
#[test]
fn a_strict_tail_refuses_a_damaged_record() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 1_000, &vec![(1, b"one".to_vec()), (1, b"two".to_vec())]);
    let file = segment_files(dir.path()).remove(0);
    let strict = Options { tail: Tail::CutIncomplete, scan: Scan::Last, ..options(1_000) };
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, &bytes).unwrap();
    let refused = Log::open(dir.path(), strict);
    assert!(matches!(refused, Err(JournalError::DamagedTail { lsn: Lsn(2), .. })));
    assert_eq!(fs::read(&file).unwrap(), bytes);
    fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    let (log, recovery) = Log::open(dir.path(), strict).unwrap();
    assert_eq!(log.next(), Lsn(2));
    assert_eq!(recovery.torn.map(|t| (t.whole, t.bytes)), Some((false, 19)));
}

/// Scenario: each record of a segment taken out, the rest closed up. Guarantees: exactly that record is named.
#[test]
fn a_record_taken_out_is_named_alone() {
    let records = three_segments();
    let origin = tempfile::tempdir().unwrap();
    write(origin.path(), 1 << 20, &records);
    let file = segment_files(origin.path()).remove(0);
    let sound = fs::read(&file).unwrap();
    let mut at = 24;
    for (index, (_, payload)) in records.iter().enumerate() {
        let end = at + 17 + payload.len();
        fs::write(&file, [&sound[..at], &sound[end..]].concat()).unwrap();
        let items = read(Reader::open(origin.path(), Lsn(1)));
        assert_right_or_named(&items, &records);
        let kept = items.iter().filter(|i| matches!(i, Item::Record { .. }));
        assert_eq!(kept.count(), records.len() - 1, "record {}", index + 1);
        at = end;
    }
}

//! Damage of more than a byte: ranges that were zeroed or overwritten over several records, cut segments, swapped ones.

use crate::properties::{
    Records, assert_right_or_named, options, read, segment_files, three_segments, write,
};
use crate::{Item, Log, Lsn, Reader, verify};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

const HEADER: usize = 24;
const HEAD: usize = 17;

/// A log of several segments and where each record lies: segment, first byte, byte after the last.
struct Laid {
    dir: tempfile::TempDir,
    records: Records,
    files: Vec<PathBuf>,
    sound: Vec<Vec<u8>>,
    places: Vec<(usize, usize, usize)>,
}

fn laid() -> Laid {
    let (dir, records) = (tempfile::tempdir().unwrap(), three_segments());
    write(dir.path(), 160, &records);
    let files = segment_files(dir.path());
    let sound: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    let mut places = Vec::new();
    let (mut segment, mut at) = (0, HEADER);
    for (_, payload) in &records {
        if at == sound[segment].len() {
            (segment, at) = (segment + 1, HEADER);
        }
        let end = at + HEAD + payload.len();
        places.push((segment, at, end));
        at = end;
    }
    Laid { dir, records, files, sound, places }
}

impl Laid {
    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Reads the damaged log: what lies outside the damage is there, what lies in it is named, and nothing is wrong.
    fn check(&self, segment: usize, from: usize, to: usize, bytes: &[u8], what: &str) {
        fs::write(&self.files[segment], bytes).unwrap();
        let items = read(Reader::open(self.path(), Lsn(1)));
        assert_right_or_named(&items, &self.records);
        let there: Vec<u64> = items
            .iter()
            .filter_map(|item| if let Item::Record { lsn, .. } = item { Some(lsn.0) } else { None })
            .collect();
        for (index, (at, start, end)) in self.places.iter().enumerate() {
            let touched = *at == segment && *start < to && from < *end;
            let lsn = index as u64 + 1;
            assert!(touched || there.contains(&lsn), "{what}: {lsn} lies outside the damage");
        }
        let summary = verify(self.path()).unwrap();
        let changed = bytes != self.sound[segment];
        assert_eq!(
            changed,
            !summary.damaged.is_empty() || summary.torn.is_some(),
            "{what}: {summary:?}"
        );
        fs::write(&self.files[segment], &self.sound[segment]).unwrap();
    }
}

fn long() -> bool {
    std::env::var("WARDROUND_TESTS").as_deref() == Ok("long")
}

/// Scenario: every range of every segment filled with zeros, as a file system leaves it after a power loss, and with ones.
/// Guarantees: the records outside the range are read, those in it are named; in the short run every fifth range.
#[test]
fn a_range_filled_over_loses_no_more_than_itself() {
    let laid = laid();
    let mut cases = 0u64;
    for (segment, sound) in laid.sound.iter().enumerate() {
        for from in 0..sound.len() {
            for to in (from + 1..=sound.len()).filter(|to| long() || (from * 7 + to) % 23 == 0) {
                for filler in [0x00, 0xff] {
                    let mut bytes = sound.clone();
                    bytes[from..to].fill(filler);
                    let what = format!("segment {segment}, bytes {from}..{to} are {filler:#x}");
                    laid.check(segment, from, to, &bytes, &what);
                    cases += 1;
                }
            }
        }
    }
    println!("{cases} ranges");
}

/// Scenario: each segment cut at each of its bytes, the ones behind it whole.
/// Guarantees: the records before the cut and those of the other segments are read; the rest is named.
#[test]
fn a_cut_segment_is_named() {
    let laid = laid();
    let mut cases = 0;
    for (segment, sound) in laid.sound.iter().enumerate() {
        for cut in 0..sound.len() {
            fs::write(&laid.files[segment], &sound[..cut]).unwrap();
            let items = read(Reader::open(laid.path(), Lsn(1)));
            assert_right_or_named(&items, &laid.records);
            let kept = laid.places.iter().filter(|(at, _, end)| *at != segment || *end <= cut);
            let found = items.iter().filter(|item| matches!(item, Item::Record { .. }));
            assert_eq!(found.count(), kept.count(), "segment {segment} cut at {cut}");
            fs::write(&laid.files[segment], sound).unwrap();
            cases += 1;
        }
    }
    println!("{cases} cuts");
}

/// Scenario: the contents of every two segments exchanged. Guarantees: no record appears under another number; what is in
/// neither place is named; opening such a log for writing keeps that promise.
#[test]
fn swapped_segments_are_named() {
    let laid = laid();
    for one in 0..laid.files.len() {
        for other in one + 1..laid.files.len() {
            fs::write(&laid.files[one], &laid.sound[other]).unwrap();
            fs::write(&laid.files[other], &laid.sound[one]).unwrap();
            let items = read(Reader::open(laid.path(), Lsn(1)));
            assert_right_or_named(&items, &laid.records);
            let outside = laid.places.iter().filter(|(at, ..)| *at != one && *at != other);
            let found = items.iter().filter(|item| matches!(item, Item::Record { .. }));
            // Of the two, a reader may still find what stands behind the numbers it looks for.
            assert!(found.count() >= outside.count(), "{one} and {other}");
            let summary = verify(laid.path()).unwrap();
            assert!(!summary.damaged.is_empty(), "{summary:?}");
            let (log, _) = Log::open(laid.path(), options(160)).unwrap();
            assert_right_or_named(&read(log.reader(Lsn(1))), &laid.records);
            drop(log);
            for (file, sound) in laid.files.iter().zip(&laid.sound) {
                fs::write(file, sound).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if long() { 20_000 } else { 300 }))]

    /// Scenario: any bytes written over any place of any segment, over the ends of records and of the file.
    /// Guarantees: the records outside are read, the rest is named, nothing is wrong.
    #[test]
    fn a_range_overwritten_loses_no_more_than_itself(segment: prop::sample::Index, at: prop::sample::Index, over in prop::collection::vec(any::<u8>(), 1..90)) {
        let laid = laid();
        let segment = segment.index(laid.files.len());
        let mut bytes = laid.sound[segment].clone();
        let from = at.index(bytes.len());
        let to = (from + over.len()).min(bytes.len());
        bytes[from..to].copy_from_slice(&over[..to - from]);
        laid.check(segment, from, to, &bytes, &format!("segment {segment}, {from}..{to}"));
    }
}

//! The collector's journal, read from its files: which record of which stream is there, and how often.

use shared_journal::{Item, Lsn, Reader};
use std::collections::BTreeMap;
use std::path::Path;

/// Kind bytes and heads of the records that the books need; documented in `collector/src/engine/record.rs`.
const SOURCE: u8 = 2;
const BATCH: u8 = 4;
/// A node's event has a number of its own among the batches. Gaps are not counted: who reads the books expects none.
const EVENT: u8 = 13;

/// What the books need of a record that is a MessagePack map.
#[derive(serde::Deserialize)]
struct Numbered {
    source: u32,
    seq: u64,
}

/// How often each sequence number of each stream was journalled.
#[derive(Debug, Default)]
pub struct Books {
    /// Stream number -> sequence number -> how often.
    pub batches: BTreeMap<u32, BTreeMap<u64, u32>>,
    /// How many streams were ever opened.
    pub streams: u32,
}

/// Reads the whole journal in `dir`; damage fails the test.
pub fn read(dir: &Path) -> Books {
    let mut books = Books::default();
    for item in Reader::open(dir, Lsn::FIRST) {
        let Item::Record { kind, payload, .. } = item.unwrap() else {
            panic!("the journal is damaged")
        };
        match kind {
            SOURCE => books.streams += 1,
            BATCH => {
                let source = u32::from_le_bytes(payload[..4].try_into().unwrap());
                let seq = u64::from_le_bytes(payload[4..12].try_into().unwrap());
                *books.batches.entry(source).or_default().entry(seq).or_default() += 1;
            }
            EVENT => {
                let Numbered { source, seq } = rmp_serde::from_slice(&payload).unwrap();
                *books.batches.entry(source).or_default().entry(seq).or_default() += 1;
            }
            _ => {}
        }
    }
    books
}

impl Books {
    /// Fails unless every stream holds 1..=highest, each once.
    pub fn expect_each_once(&self) {
        assert!(!self.batches.is_empty(), "nothing was journalled");
        for (stream, seqs) in &self.batches {
            let highest = *seqs.keys().next_back().unwrap();
            let missing: Vec<u64> = (1..=highest).filter(|n| !seqs.contains_key(n)).collect();
            let twice: Vec<_> = seqs.iter().filter(|(_, times)| **times != 1).collect();
            assert!(
                missing.is_empty() && twice.is_empty(),
                "stream {stream}: missing {missing:?}, not once {twice:?}"
            );
            println!("stream {stream}: 1..={highest} each once");
        }
    }
}

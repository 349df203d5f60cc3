//! The collector's journal, read from its files: which record of which stream is there, and how often.

use prost::Message;
use proto::{BodyDecoder, decode_catalog, wire};
use shared_journal::{Item, Lsn, Reader};
use shared_model::NodeIdentity;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Kind bytes and heads of the records that the books need; documented in `collector/src/engine/record.rs`.
const SOURCE: u8 = 2;
const CATALOG: u8 = 3;
const BATCH: u8 = 4;
/// A node's event has a number of its own among the batches. Gaps are not counted: who reads the books expects none.
const EVENT: u8 = 13;

/// What the books need of a record that is a MessagePack map.
#[derive(serde::Deserialize)]
struct Numbered {
    source: u32,
    seq: u64,
}

/// What [`times_of`] needs of a stream's record.
#[derive(serde::Deserialize)]
struct Stream {
    source: u32,
    node: NodeIdentity,
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

/// When each sample of the metric `name`, which has no labels of its own, was taken on the node called `node`, as the journal
/// has it: milliseconds, in the order of the journal.
pub fn times_of(dir: &Path, node: &str, name: &str) -> Vec<i64> {
    let mut streams = BTreeSet::new();
    // Stream and set -> the metric's column and the number of columns. References of a stream keep their meaning.
    let mut references: BTreeSet<(u32, u32)> = BTreeSet::new();
    let mut columns: BTreeMap<(u32, u32), (usize, usize)> = BTreeMap::new();
    let mut decoder = BodyDecoder::new().unwrap();
    let mut times = Vec::new();
    for item in Reader::open(dir, Lsn::FIRST) {
        let Item::Record { kind, payload, .. } = item.unwrap() else {
            panic!("the journal is damaged")
        };
        if kind == SOURCE {
            let stream: Stream = rmp_serde::from_slice(&payload).unwrap();
            streams.extend((stream.node.node() == node).then_some(stream.source));
        }
        let number = |from: usize| u32::from_le_bytes(payload[from..from + 4].try_into().unwrap());
        if !matches!(kind, CATALOG | BATCH) || !streams.contains(&number(0)) {
            continue;
        }
        let source = number(0);
        if kind == CATALOG {
            let catalog = wire::Catalog::decode(&payload[4..]).unwrap();
            let catalog = decode_catalog(&catalog).unwrap();
            let named = catalog.series.iter().filter(|def| &*def.name == name);
            references.extend(named.map(|def| (source, def.reference)));
            for set in &catalog.sets {
                let at = set.references.iter().position(|r| references.contains(&(source, *r)));
                columns.extend(at.map(|at| ((source, set.id), (at, set.references.len()))));
            }
            continue;
        }
        let batch = decoder.decode(&payload[45..], number(33), number(37), number(29)).unwrap();
        for block in &batch.blocks {
            let Some(&(at, width)) = columns.get(&(source, block.set)) else { continue };
            let rows = block.times.iter().zip(block.values.chunks(width));
            let rows = rows.filter(|(_, row)| row[at].is_some());
            times.extend(rows.map(|(time, _)| time.as_millis()));
        }
    }
    times
}

//! `ledger replay`: folds a collector's journal again from its files alone and holds the outcome against the ledger.

use super::fold::{Fold, SampleSink};
use super::record::Record;
use super::recovery::{self, Beginning};
use anyhow::{Context, bail};
use collector_standards::Pack;
use collector_store::ledger::{Hash, Replay};
use collector_store::series::GroupId;
use shared_journal::{Item, Lsn, Reader};
use shared_model::{Labels, Timestamp};
use std::path::Path;
use std::sync::Arc;

/// What a replay came to.
pub(crate) struct Replayed {
    /// Where it began, in words.
    pub(crate) from: String,
    /// Journal records folded.
    pub(crate) records: u64,
    /// Ledger entries that they yielded, each the same bytes as the written one.
    pub(crate) entries: u64,
    /// Yielded entries that are not written: a crash between journal and ledger leaves them, and the next start adds them.
    pub(crate) unwritten: u64,
    /// Number and hash of the last entry.
    pub(crate) head: (u64, Hash),
}

/// Replays the files in `data`, from the journal's start when that is there, otherwise from the oldest kept state. Changes
/// nothing.
pub(crate) fn replay(data: &Path) -> anyhow::Result<Replayed> {
    let pack = Arc::new(Pack::builtin().context("the built-in standards pack")?);
    let journal = data.join("journal");
    let summary = shared_journal::verify(&journal).context("read the journal")?;
    if let Some(damage) = summary.damaged.iter().find(|d| d.lost.is_some()) {
        bail!(
            "the journal is damaged at byte {} of {}: what its lost records led to cannot be replayed",
            damage.offset,
            damage.path.display()
        );
    }
    let Beginning { mut fold, next, ledgered, from } = if summary.first == Lsn::FIRST {
        recovery::from_nothing(&pack)?
    } else {
        recovery::oldest_kept(&data.join("state"), &pack, summary.first, summary.next)?
    };
    let mut ledger = Replay::open(&data.join("ledger"), ledgered).context("read the ledger")?;
    let mut sink = Nowhere::default();
    fold.bind_all(&mut sink);
    let records = fold_all(&journal, next, &mut fold, &mut sink, &mut ledger)?;
    let head = ledger.head();
    if head.0 < ledger.written() {
        bail!(
            "the ledger has {} entries and the journal yields {}: entries were written that nothing led to",
            ledger.written(),
            head.0
        );
    }
    let (entries, unwritten) = (head.0 - ledgered, head.0 - ledger.written());
    Ok(Replayed { from, records, entries, unwritten, head })
}

fn fold_all(
    journal: &Path,
    next: Lsn,
    fold: &mut Fold,
    sink: &mut Nowhere,
    ledger: &mut Replay,
) -> anyhow::Result<u64> {
    let mut records = 0;
    for item in Reader::open(journal, next) {
        let (lsn, kind, payload) = match item.context("read the journal")? {
            Item::Record { lsn, kind, payload } => (lsn, kind, payload),
            Item::Damaged { from, to, .. } | Item::Dropped { from, to } => {
                bail!("journal records {from} to {to} are missing")
            }
        };
        let record =
            Record::decode(kind, payload).with_context(|| format!("journal record {lsn}"))?;
        for entry in &fold.apply(lsn, &record, None, sink).entries {
            ledger.next(entry).with_context(|| format!("journal record {lsn}"))?;
        }
        records += 1;
    }
    Ok(records)
}

/// Samples of a replay go nowhere: decisions do not read them back.
#[derive(Default)]
struct Nowhere {
    groups: u32,
}

impl SampleSink for Nowhere {
    fn group(&mut self, _series: &[Labels]) -> Result<GroupId, String> {
        self.groups += 1;
        Ok(GroupId(self.groups))
    }

    fn row(&mut self, _group: GroupId, _at: Timestamp, _values: &[Option<f64>], _lsn: Lsn) {}
}

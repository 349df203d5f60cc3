//! Start: the state file, then the rest of the journal through the same fold, held against the ledger.

use super::fold::Fold;
use super::publish::{Published, Totals};
use super::record::{Record, Started};
use super::run::{Engine, Sink};
use super::settings::Settings;
use super::state_file;
use super::steady::Stamp;
use crate::config::Config;
use anyhow::{Context, anyhow, bail};
use collector_incidents::Machine;
use collector_standards::{Evaluator, Pack};
use collector_store::ledger::{Ledger, LedgerError};
use collector_store::series::{SeriesOptions, SeriesStore};
use collector_store::snapshot::{self, Loaded};
use shared_journal::{Item, Log, Lsn, Options};
use shared_model::Clock;
use std::path::Path;
use std::sync::Arc;

/// Name and version that a state file must carry to be read.
const ENGINE_VERSION: &str = concat!("wardround-collector ", env!("CARGO_PKG_VERSION"));
const JOURNAL_SEGMENT_BYTES: u64 = 64 << 20;

/// Opens everything the engine stands on and brings its state to where it was.
pub(crate) fn open(
    config: &Config,
    settings: Settings,
    clock: Arc<dyn Clock>,
    boot_id: String,
) -> anyhow::Result<Engine> {
    let data = config.data_dir();
    let pack = Arc::new(Pack::builtin().context("the built-in standards pack")?);
    let options = Options {
        segment_bytes: JOURNAL_SEGMENT_BYTES,
        budget_bytes: Some(config.store.journal_max.get()),
        ..Options::default()
    };
    let (journal, found) = Log::open(&data.join("journal"), options).context("open the journal")?;
    if let Some(torn) = &found.torn {
        tracing::warn!(
            bytes = torn.bytes,
            "cut the unfinished end of the journal; nothing in it was acknowledged"
        );
    }
    let ledger = Ledger::open(&data.join("ledger")).context("open the ledger")?;
    let series = SeriesOptions {
        retention: config.store.retention.get(),
        series_max: config.store.series_max,
        ..SeriesOptions::default()
    };
    let (store, damage) =
        SeriesStore::open(&data.join("series"), series).context("open the series store")?;
    for damage in &damage {
        tracing::error!(?damage, "stored samples are damaged; the others are kept");
    }
    let state_path = data.join("state");
    let (fold, next, ledgered) = restore(&state_path, &pack, &journal)?;
    let mut engine = Engine {
        boot_id,
        clock,
        settings,
        sink: Sink::new(store),
        journal,
        ledger,
        fold,
        state_path,
        version: ENGINE_VERSION,
        published: Published::default(),
        totals: Totals::default(),
        snapshot_every: config.store.snapshot_every.get(),
    };
    engine.fold.bind_all(&mut engine.sink);
    replay(&mut engine, next, ledgered)?;
    let started = Record::Started(Box::new(Started {
        stamp: Stamp { wall: engine.clock.wall(), boot: engine.clock.boot() },
        boot_id: engine.boot_id.clone(),
        version: ENGINE_VERSION.to_owned(),
        pack: pack.digest().to_owned(),
        contract: config.contract(),
        topology: config.topology(),
        notify: config.notify(),
    }));
    engine.commit_alone(&started)?;
    Ok(engine)
}

fn restore(path: &Path, pack: &Arc<Pack>, journal: &Log) -> anyhow::Result<(Fold, Lsn, u64)> {
    match snapshot::read(path).context("read the state file")? {
        Loaded::Absent => {}
        Loaded::Damaged(why) => {
            tracing::warn!(why, "the state file is damaged; the journal is replayed instead");
        }
        Loaded::Sound(kept) => match state_file::read(&kept.payload, pack) {
            Ok(fold) => return Ok((fold, kept.journal.next(), kept.ledger)),
            Err(why) => tracing::warn!(
                why,
                written_by = kept.engine,
                "the state file does not fit this version"
            ),
        },
    }
    if journal.first() != Lsn::FIRST {
        bail!(
            "the journal in {} begins at record {} and no state file covers what was before it: restore {} from a backup",
            journal.dir().display(),
            journal.first(),
            path.display()
        );
    }
    let contract = collector_domain::Contract::default();
    let evaluator = Evaluator::new(Arc::clone(pack), &contract);
    let machine = Machine::new(pack.rules(), contract, collector_domain::Topology::default());
    let fold = Fold::new(Arc::clone(pack), evaluator, machine).context("make the engine")?;
    Ok((fold, Lsn::FIRST, 0))
}

fn replay(engine: &mut Engine, from: Lsn, mut ledgered: u64) -> anyhow::Result<()> {
    let mut replayed = 0u64;
    for item in engine.journal.reader(from) {
        let (lsn, kind, payload) = match item.context("read the journal")? {
            Item::Record { lsn, kind, payload } => (lsn, kind, payload),
            Item::Damaged { from, to, path, offset } => {
                tracing::error!(%from, %to, path = %path.display(), offset, "the journal is damaged: these records are lost");
                continue;
            }
            Item::Dropped { from, to } => {
                bail!("journal records {from} to {to} were dropped before the state covered them")
            }
        };
        let record =
            Record::decode(kind, payload).with_context(|| format!("journal record {lsn}"))?;
        let folded = engine.fold.apply(lsn, &record, None, &mut engine.sink);
        for entry in &folded.entries {
            ledgered += 1;
            match engine.ledger.check_or_append(ledgered, entry) {
                Ok(_) => {}
                Err(LedgerError::Diverged { number }) => {
                    tracing::error!(
                        number,
                        "replaying the journal yields another ledger entry than the one written; the written one stands"
                    );
                }
                Err(error) => return Err(anyhow!(error)).context("write the ledger"),
            }
        }
        replayed += 1;
    }
    engine.ledger.sync().context("sync the ledger")?;
    if replayed > 0 {
        tracing::info!(
            records = replayed,
            incidents = engine.fold.machine.incidents().len(),
            "state restored from the journal"
        );
    }
    Ok(())
}

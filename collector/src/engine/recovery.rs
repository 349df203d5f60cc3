//! Start: the state file, then the rest of the journal through the same fold, held against the ledger.

use super::clock_watch::ClockWatch;
use super::fold::Fold;
use super::publish::{Published, Totals};
use super::record::{Record, Started};
use super::revisions::Revisions;
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
    let Beginning { fold, next, ledgered, .. } = restore(&state_path, &pack, &journal)?;
    let kept_before = older_of(&state_path, next)?;
    let collector = (&*config.identity.hospital, &*config.identity.appliance);
    let mut engine = Engine {
        boot_id,
        clock,
        settings,
        sink: Sink::new(store),
        journal,
        ledger,
        fold,
        clock_watch: ClockWatch::new(collector, None),
        state_path,
        kept_before,
        needed: Lsn(0),
        version: ENGINE_VERSION,
        published: Published::default(),
        revisions: Revisions::default(),
        totals: Totals::default(),
        snapshot_every: config.store.snapshot_every.get(),
    };
    engine.fold.bind_all(&mut engine.sink);
    replay(&mut engine, next, ledgered)?;
    // Synced by the replay, so that all of it is seen.
    engine.revisions = Revisions::read(&engine.ledger)?;
    engine.clock_watch = ClockWatch::new(collector, engine.fold.steady.last(&engine.boot_id));
    let started = Record::Started(Box::new(Started {
        stamp: Stamp { wall: engine.clock.wall(), boot: engine.clock.boot() },
        boot_id: engine.boot_id.clone(),
        version: ENGINE_VERSION.to_owned(),
        pack: pack.digest().to_owned(),
        contract: config.contract.contract()?,
        topology: config.topology(),
        reconnect_window: collector_ingest::reconnect_window(
            config.agents.reconnect_window.get(),
            engine.fold.streams.len(),
        ),
        notify: config.notify(),
    }));
    engine.commit_alone(&started)?;
    Ok(engine)
}

/// Where a replay of the journal begins.
pub(super) struct Beginning {
    pub(super) fold: Fold,
    /// First record to fold.
    pub(super) next: Lsn,
    /// Ledger entries that the state before it led to.
    pub(super) ledgered: u64,
    /// In words.
    pub(super) from: String,
}

/// The newest kept state that fits the journal, else the journal's start.
fn restore(path: &Path, pack: &Arc<Pack>, journal: &Log) -> anyhow::Result<Beginning> {
    if let Some(newest) = kept(path, pack, journal.first(), journal.next())?.next() {
        return Ok(newest);
    }
    if journal.first() == Lsn::FIRST {
        return from_nothing(pack);
    }
    bail!(
        "the journal in {} begins at record {} and no kept state covers what was before it: put {} or {} back from a backup \
         ('wardround-collector restore'), or restore the whole data folder from one",
        journal.dir().display(),
        journal.first(),
        path.display(),
        snapshot::paths(path)[2].display(),
    )
}

/// The kept states that fit a journal of the records `first` up to, not including, `end`, newest first.
fn kept<'a>(
    path: &'a Path,
    pack: &'a Arc<Pack>,
    first: Lsn,
    end: Lsn,
) -> anyhow::Result<impl DoubleEndedIterator<Item = Beginning> + 'a> {
    let mut ahead = None;
    let mut fitting = Vec::new();
    for (file, loaded) in snapshot::generations(path).context("read the kept states")? {
        let kept = match loaded {
            Loaded::Absent => continue,
            Loaded::Damaged(why) => {
                let file = file.display();
                tracing::warn!(%file, why, "a kept state is damaged; an older one and more of the journal do");
                continue;
            }
            Loaded::Sound(kept) => kept,
        };
        if kept.journal.next() > end {
            ahead.get_or_insert((file, kept.journal));
        } else if kept.journal.next() < first {
            let file = file.display();
            tracing::warn!(%file, record = %kept.journal, "the journal does not reach back to a kept state");
        } else {
            fitting.push((file, kept));
        }
    }
    if let (Some((file, record)), true) = (ahead, fitting.is_empty()) {
        bail!(
            "the kept state {} goes up to journal record {record}, but the journal ends before it: put the journal back from a \
             backup, or restore the whole data folder from one",
            file.display()
        );
    }
    Ok(fitting.into_iter().filter_map(move |(file, kept)| {
        match state_file::read(&kept.payload, pack) {
            Ok(fold) => Some(Beginning {
                fold,
                next: kept.journal.next(),
                ledgered: kept.ledger,
                from: format!("the kept state {} after record {}", file.display(), kept.journal),
            }),
            Err(why) => {
                let (file, written_by) = (file.display(), kept.engine);
                tracing::warn!(%file, why, written_by, "a kept state does not fit this version");
                None
            }
        }
    }))
}

/// The oldest kept state that fits the journal.
pub(super) fn oldest_kept(
    path: &Path,
    pack: &Arc<Pack>,
    first: Lsn,
    end: Lsn,
) -> anyhow::Result<Beginning> {
    let oldest = kept(path, pack, first, end)?.next_back();
    oldest.with_context(|| {
        format!("the journal begins at record {first} and no kept state covers what was before it")
    })
}

/// The journal's start, with nothing folded.
pub(super) fn from_nothing(pack: &Arc<Pack>) -> anyhow::Result<Beginning> {
    let contract = collector_domain::Contract::default();
    let evaluator = Evaluator::new(Arc::clone(pack), &contract);
    let machine = Machine::new(pack.rules(), contract, collector_domain::Topology::default());
    let fold = Fold::new(Arc::clone(pack), evaluator, machine).context("make the engine")?;
    let from = "the journal's start".to_owned();
    Ok(Beginning { fold, next: Lsn::FIRST, ledgered: 0, from })
}

/// The journal record up to which the kept state goes that becomes the older one at the next writing: that of the newest
/// file, when it was good enough to start from. `None` keeps the whole journal until there are two.
fn older_of(path: &Path, next: Lsn) -> anyhow::Result<Option<Lsn>> {
    let newest = snapshot::read(path).context("read the kept state")?.sound();
    Ok(newest.map(|kept| kept.journal).filter(|last| last.next() == next))
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

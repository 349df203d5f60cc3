//! Opening the spool: after an orderly end, the death of the process, or a loss of power.

use super::reserve::Reserve;
use super::stream::{RESERVE, Stream};
use super::{LazySync, Record, Spool, SpoolError, SpoolLimits, catalog_file, space, without};
use proto::{catalog_digest, limits::MAX_MESSAGE_BYTES};
use shared_journal::{Io, Item, Log, Lsn, Options, Scan};
use shared_model::{Catalog, GapReason, Seq, SeqRange, SeqSet};
use shared_runtime::FileError;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Answers how much room the file system has, `None` when that is unknown.
pub(crate) type SpaceProbe = Box<dyn Fn() -> Option<space::Space> + Send>;

/// Segments: large enough that one holds an hour, small enough that dropping one is a small loss.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = 64 << 10..=8 << 20;

impl Spool {
    /// Opens or creates the spool in `dir`. `boot_id` tells the death of the process from a restart of the machine.
    pub(crate) fn open(
        dir: &Path,
        boot_id: [u8; 16],
        limits: SpoolLimits,
        space: SpaceProbe,
        io: Arc<dyn Io>,
    ) -> Result<Self, SpoolError> {
        let log_dir = dir.join("log");
        std::fs::create_dir_all(&log_dir)
            .map_err(|source| FileError { path: log_dir.clone(), source })?;
        let lazy = LazySync::over(io);
        let allowed = space::allowed_bytes(limits, space(), 0);
        let options = Options {
            segment_bytes: (allowed / 8).clamp(*SEGMENT_BYTES.start(), *SEGMENT_BYTES.end()),
            // The oldest segment can always be asked for; how much is allowed changes with the disk.
            budget_bytes: Some(0),
            max_record_bytes: MAX_MESSAGE_BYTES,
            scan: Scan::Last,
            ..Options::default()
        };
        let (log, recovery) = Log::open_with(Arc::new(lazy.clone()), &log_dir, options)?;
        let path = Stream::path(dir);
        let before = match Stream::read(&path)? {
            Some(stream) => stream,
            // Records without the file that names their stream cannot be sent.
            None if log.next() > Lsn::FIRST => return Err(SpoolError::Stream(path)),
            None => Stream::create(boot_id)?,
        };
        let (reserve, declared) =
            Reserve::open(Arc::new(lazy.clone()), &dir.join("reserve"), allowed)?;
        let declared: SeqSet = declared.iter().map(|(_, gap)| gap.lost).collect();
        let (settled, unaccounted) = missing(Seq(log.first().0), &reserve, declared);
        let mut spool = Self {
            dir: dir.to_owned(),
            unconfirmed_from: Some(Seq(log.next().0)),
            synced_to: Seq(log.next().0),
            log,
            reserve,
            lazy,
            limits,
            space,
            stream: before.clone(),
            catalog: Catalog::default(),
            digest: catalog_digest(&Catalog::default()),
            settled,
            recent: VecDeque::new(),
            recent_bytes: 0,
            owed: Vec::new(),
            declared: Vec::new(),
            memory: None,
            sync_failure: None,
            promised: Arc::new(AtomicU64::new(before.reserved)),
            unaccounted,
        };
        spool.skip_promised(&before, boot_id)?;
        spool.adopt()?;
        for damage in recovery.damaged {
            if let Some(lost) = damage.lost.and_then(|l| SeqRange::new(Seq(l.from.0), Seq(l.to.0)))
            {
                tracing::warn!(path = %damage.path.display(), offset = damage.offset, %lost, "damaged records in the spool");
                spool.declare(lost, GapReason::Damaged, None);
            }
        }
        spool.load_catalog()?;
        let reserved = spool.next().0.max(before.reserved) + RESERVE;
        let starts = before.starts + 1;
        spool.stream = Stream { boot_id, starts, reserved, clean: false, ..before };
        match spool.stream.write(&path) {
            Ok(()) => spool.promised.store(reserved, Ordering::Release),
            // Readings matter more than the promise, which is made as soon as there is room.
            Err(SpoolError::Write(error)) if is_full(&error) => {
                spool.degrade(spool.next(), error.source.to_string());
            }
            Err(error) => return Err(error),
        }
        Ok(spool)
    }

    /// Gives the log what it lost at its end, or never got, and the reserve has.
    fn adopt(&mut self) -> Result<(), SpoolError> {
        let mut holes = Vec::new();
        for (seq, record) in self.reserve.from(self.next()) {
            holes.extend(SeqRange::new(self.next(), Seq(seq.0 - 1)));
            self.fill_to(seq)?;
            let (kind, payload) = record.encode();
            self.log.append(kind, &payload)?;
            self.log.flush()?;
            self.unconfirmed_from = Some(self.next());
        }
        for hole in holes {
            self.declare(hole, GapReason::Unsynced, None);
        }
        Ok(())
    }

    /// After a loss of power the numbers promised before it may have reached the collector without reaching this disk.
    fn skip_promised(&mut self, before: &Stream, boot_id: [u8; 16]) -> Result<(), SpoolError> {
        let same_boot = before.boot_id == boot_id;
        if before.clean || same_boot || before.reserved <= self.next().0 {
            return Ok(());
        }
        let lost = SeqRange { from: self.next(), to: Seq(before.reserved - 1) };
        tracing::warn!(%lost, "the machine stopped without notice: numbers that may have been given out are skipped");
        self.log.skip_to(Lsn(before.reserved))?;
        self.unconfirmed_from = Some(self.next());
        self.declare(lost, GapReason::Unsynced, None);
        Ok(())
    }

    /// A damaged catalog makes the records unreadable for anyone who does not have it: they are declared lost, and the
    /// numbering of series begins anew under a generation that was not used before.
    fn load_catalog(&mut self) -> Result<(), SpoolError> {
        match catalog_file::read(&self.dir) {
            Ok(catalog) => self.catalog = catalog,
            Err(error @ SpoolError::Catalog { .. }) => {
                tracing::error!(%error, "the spool's catalog is lost; unsent records are declared lost");
                self.catalog.generation = self.last_generation()?;
                if let Some(all) = SeqRange::new(Seq(1), Seq(self.next().0 - 1)) {
                    self.declare(all, GapReason::Damaged, None);
                }
            }
            Err(other) => return Err(other),
        }
        self.digest = catalog_digest(&self.catalog);
        Ok(())
    }

    /// The latest generation that a record in the spool names.
    fn last_generation(&self) -> Result<u32, SpoolError> {
        let mut latest = 0;
        let mut reader = self.log.reader(self.log.first());
        while let Some(item) = reader.next().transpose()? {
            if let Item::Record { kind, payload, .. } = item
                && let Some(Record::Batch(batch)) = Record::decode(kind, payload)
            {
                latest = latest.max(batch.generation);
            }
        }
        Ok(latest)
    }
}

fn is_full(error: &FileError) -> bool {
    matches!(error.source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Numbers below `first` are in the log no more. Yields what need not be sent, and what of it nobody has accounted for.
fn missing(first: Seq, reserve: &Reserve, declared: SeqSet) -> (SeqSet, SeqSet) {
    let (mut settled, mut unaccounted) = (declared, SeqSet::default());
    let gone = SeqRange::new(Seq(1), Seq(first.0 - 1));
    let kept = gone.iter().flat_map(|gone| reserve.numbers(*gone, false));
    let kept: SeqSet = kept.map(|seq| SeqRange { from: seq, to: seq }).collect();
    for missing in gone.iter().flat_map(|gone| without(*gone, &kept)) {
        without(missing, &settled).into_iter().for_each(|r| unaccounted.insert_range(r));
        settled.insert_range(missing);
    }
    (settled, unaccounted)
}

//! The series store: samples in compressed blocks, one folder per UTC day.
//!
//! A *group* is a fixed list of series that are sampled together, such as what one probe of one node reads each second.
//! Its rows wait in memory, 120 or 10 minutes of them, and are then sealed into a block: one column of times and one
//! compressed column per series, bit for bit what was appended. Folders are self-contained and removed whole when their
//! day is over the retention.
//!
//! Nothing is synced as it comes: the caller's journal holds every sample until [`SeriesStore::oldest_unsealed`] has
//! passed it, and re-appends the tail after a restart. Re-appending is harmless: a group has one row of a time at most,
//! late rows included.

mod block;
mod column;
mod day;
mod error;
mod frame;
mod group;
mod load;
mod pack;
mod registry;
mod rows;
mod view;

pub use collector_domain::SeriesId;
pub use error::SeriesError;
pub use load::SeriesDamage;
pub use view::SeriesView;

use day::{Day, Days, SyncedMarks};
use group::{Group, Sealer};
use registry::Registry;
use shared_journal::Lsn;
use shared_model::{Labels, Timestamp};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// 0001-01-01 to 9999-12-31, the days that have a name of ten characters.
const CALENDAR_MICROS: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;

/// The store's number for a group, dense from 0. Stable within one run of the collector only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupId(pub u32);

/// What became of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Appended {
    /// It is in the store.
    Stored,
    /// The group has a row of this time; this one was ignored.
    Duplicate,
    /// Its day is over the retention; it was ignored.
    Expired,
}

/// Limits of the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeriesOptions {
    /// How long a day is kept after its end.
    pub retention: Duration,
    /// Most series. One takes about half a KiB of memory beside its waiting samples.
    pub series_max: usize,
    /// Rows of a block. Longer blocks are smaller on disk and hold more in memory.
    pub rows_max: usize,
    /// Longest time that rows wait for their block.
    pub age_max: Duration,
}

impl Default for SeriesOptions {
    /// 35 days, a million series, blocks of 120 rows or 10 minutes.
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(35 * 86_400),
            series_max: 1_000_000,
            rows_max: 120,
            age_max: Duration::from_secs(600),
        }
    }
}

/// The store, open for appending. Methods take `&self`: groups may be appended to from several threads.
#[derive(Debug)]
pub struct SeriesStore(Arc<Inner>);

/// Lock order: marks, one group, days, registry, groups.
#[derive(Debug)]
struct Inner {
    root: PathBuf,
    options: SeriesOptions,
    registry: RwLock<Registry>,
    groups: RwLock<Vec<Arc<Mutex<Group>>>>,
    days: Mutex<Days>,
    /// First day that is kept.
    first_day: AtomicI64,
    /// One sync at a time, so that the marks of an earlier one never replace those of a later one.
    marks: Mutex<BTreeMap<String, u64>>,
    damaged_reads: AtomicU64,
}

impl SeriesStore {
    /// Opens the store in `dir`, created when missing. What a crash left half-written is cut; damaged places are
    /// skipped and listed. The caller holds the lock of its data directory.
    ///
    /// # Errors
    /// [`SeriesError::Read`], [`SeriesError::Write`]; [`SeriesError::TooManySeries`] when the limit was lowered below
    /// what is stored.
    pub fn open(
        dir: &Path,
        options: SeriesOptions,
    ) -> Result<(Self, Vec<SeriesDamage>), SeriesError> {
        fs::create_dir_all(dir).map_err(SeriesError::write(dir))?;
        let inner = Inner {
            root: dir.to_owned(),
            options,
            registry: RwLock::new(Registry::new(options.series_max)),
            groups: RwLock::default(),
            days: Mutex::new(Days::new(dir)),
            first_day: AtomicI64::new(i64::MIN),
            marks: Mutex::default(),
            damaged_reads: AtomicU64::new(0),
        };
        let mut loader = load::Loader::new(&inner);
        loader.load()?;
        let damaged = loader.damaged;
        Ok((Self(Arc::new(inner)), damaged))
    }

    /// A reader.
    pub fn view(&self) -> SeriesView {
        SeriesView(Arc::clone(&self.0))
    }

    /// The number of a series; the same labels always get the same number.
    ///
    /// # Errors
    /// [`SeriesError::TooManySeries`].
    pub fn define(&self, labels: Labels) -> Result<SeriesId, SeriesError> {
        self.0.define(labels)
    }

    /// The number of the group with these columns; the same list always gets the same number.
    ///
    /// # Errors
    /// [`SeriesError::GroupSize`], [`SeriesError::UnknownSeries`], [`SeriesError::DuplicateColumn`],
    /// [`SeriesError::TooManyColumns`].
    pub fn define_group(&self, series: &[SeriesId]) -> Result<GroupId, SeriesError> {
        self.0.define_group(series)
    }

    /// Takes in one row of a group: a value, or none, for each of its series. `lsn` is the journal record that it came
    /// with.
    ///
    /// # Errors
    /// [`SeriesError::UnknownGroup`], [`SeriesError::RowWidth`], [`SeriesError::Time`], and write errors of a block that had to be sealed
    /// first: the row is then not in the store, and may be appended again.
    pub fn append_row(
        &self,
        group: GroupId,
        at: Timestamp,
        values: &[Option<f64>],
        lsn: Lsn,
    ) -> Result<Appended, SeriesError> {
        let micros = at.as_micros();
        if !CALENDAR_MICROS.contains(&micros) {
            return Err(SeriesError::Time { micros });
        }
        if Day::of(at) < self.0.first_day() {
            return Ok(Appended::Expired);
        }
        let found = self.0.group(group).ok_or(SeriesError::UnknownGroup(group))?;
        self.0.sealing(|seal| lock(&found).append(at, values, lsn, seal))
    }

    /// Seals the rows that wait for longer than the options allow at `now`. To be called about once a minute, for
    /// groups that went silent.
    ///
    /// # Errors
    /// [`SeriesError::Write`], [`SeriesError::Compress`].
    pub fn seal_aged(&self, now: Timestamp) -> Result<(), SeriesError> {
        self.each_group(|group, seal| group.seal_aged(now, seal))
    }

    /// Seals all rows and syncs them, for an orderly stop.
    ///
    /// # Errors
    /// [`SeriesError::Write`], [`SeriesError::Compress`], [`SeriesError::Sync`].
    pub fn seal_all(&self) -> Result<(), SeriesError> {
        self.each_group(|group, seal| {
            group.seal(false, seal)?;
            group.seal(true, seal)
        })?;
        self.sync()
    }

    /// Puts the sealed blocks on disk. Only this lets [`SeriesStore::oldest_unsealed`] advance.
    ///
    /// # Errors
    /// [`SeriesError::Sync`]: never tried again, the store must be opened anew and the journal replayed.
    pub fn sync(&self) -> Result<(), SeriesError> {
        let mut marks = lock(&self.0.marks);
        let dirty = lock(&self.0.days).begin_sync()?;
        let synced = dirty.iter().try_for_each(|(file, _)| file.sync());
        lock(&self.0.days).end_sync(synced)?;
        if dirty.is_empty() {
            return Ok(());
        }
        for (file, end) in dirty {
            marks.insert(file.day.name()?, end);
        }
        SyncedMarks::write(&self.0.root, &marks)
    }

    /// The first journal record with samples that are not on disk yet; `None` when all that were appended are. The
    /// journal may be dropped before it.
    pub fn oldest_unsealed(&self) -> Option<Lsn> {
        // Groups first: what moves from a group to the files meanwhile is then seen in one of them.
        let groups: Vec<_> = read(&self.0.groups).iter().map(Arc::clone).collect();
        let waiting = groups.iter().filter_map(|group| lock(group).oldest_waiting());
        let waiting = waiting.min();
        day::earliest(waiting, lock(&self.0.days).oldest_unsynced())
    }

    /// Removes the days that ended longer than the retention before `now`. Returns their names.
    ///
    /// # Errors
    /// [`SeriesError::Write`] when a folder could not be removed; it is tried again at the next call.
    pub fn retain(&self, now: Timestamp) -> Result<Vec<String>, SeriesError> {
        let first = Day::of(now.minus(self.0.options.retention));
        self.0.first_day.fetch_max(first.0, Ordering::Relaxed);
        let groups: Vec<_> = read(&self.0.groups).iter().map(Arc::clone).collect();
        for group in groups {
            lock(&group).remove_before(first);
        }
        let removed = lock(&self.0.days).remove_before(first)?;
        let mut marks = lock(&self.0.marks);
        for name in &removed {
            marks.remove(name);
        }
        Ok(removed)
    }

    fn each_group(
        &self,
        work: impl Fn(&mut Group, &Sealer<'_>) -> Result<(), SeriesError>,
    ) -> Result<(), SeriesError> {
        let groups: Vec<_> = read(&self.0.groups).iter().map(Arc::clone).collect();
        self.0.sealing(|seal| {
            let mut groups = groups.iter();
            groups.try_for_each(|group| work(&mut lock(group), seal))
        })
    }
}

impl Inner {
    fn define(&self, labels: Labels) -> Result<SeriesId, SeriesError> {
        write(&self.registry).define(labels)
    }

    fn define_group(&self, series: &[SeriesId]) -> Result<GroupId, SeriesError> {
        let mut registry = write(&self.registry);
        let (id, new) = registry.define_group(series)?;
        if let Some(series) = new {
            let group = Group::new(id, series);
            write(&self.groups).push(Arc::new(Mutex::new(group)));
        }
        Ok(id)
    }

    fn group(&self, id: GroupId) -> Option<Arc<Mutex<Group>>> {
        read(&self.groups).get(id.0 as usize).map(Arc::clone)
    }

    fn first_day(&self) -> Day {
        Day(self.first_day.load(Ordering::Relaxed))
    }

    fn sealing<T>(&self, work: impl FnOnce(&Sealer<'_>) -> T) -> T {
        work(&Sealer {
            options: &self.options,
            days: &self.days,
            first_day: self.first_day(),
            define: &|series| frame::encode_definition(read(&self.registry).labels(series)),
        })
    }
}

// A thread that panicked in the middle of an append left at most one row of one group half there; the others go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

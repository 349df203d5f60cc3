//! The files of the settings: opening, converting, compacting.
//!
//! A log is replaced as a whole: the new one is written beside the old in `settings.new`, synced, and the two folders change
//! places in one step (`renameat2(RENAME_EXCHANGE)`). Whatever a crash leaves in `settings.new` is never the truth.

use super::key::{KeyError, SettingsKey};
use super::seal::{HEADER_KIND, SEALED_KIND, Seal};
use super::state::Settings;
use super::{Change, SettingsError};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::{Deserialize, Serialize};
use shared_journal::{Item, Log, Lsn, Options, Tail};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Kind of a change in a log of earlier versions, which was not sealed.
const PLAIN_KIND: u8 = 1;
/// Longest record: a snapshot of 10 000 nodes with their certificates.
const RECORD_BYTES_MAX: usize = 32 << 20;

/// What a sealed record says. On disk for ever: variants and fields may be added, never changed.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sealed {
    /// One change.
    Change(Change),
    /// Everything before it, folded.
    State(Box<Settings>),
}

/// An open log with its seal.
#[derive(Debug)]
pub(super) struct Files {
    dir: PathBuf,
    /// `None` only while the folders change places.
    log: Option<Log>,
    seal: Seal,
    key: SettingsKey,
}

impl Files {
    pub(super) fn key(&self) -> &SettingsKey {
        &self.key
    }

    /// Opens the log in `dir` with its state; one of an earlier version is sealed now.
    pub(super) fn open(dir: &Path, key_file: &Path) -> Result<(Self, Settings), SettingsError> {
        let beside = beside(dir);
        if beside.exists() {
            fs::remove_dir_all(&beside).map_err(failed(&beside))?;
        }
        let log = open_log(dir)?;
        let mut items = log.reader(Lsn::FIRST).peekable();
        let is_sealed = match items.peek() {
            Some(Ok(Item::Record { kind, .. })) => *kind != PLAIN_KIND,
            // What cannot be read is judged below; it must not look like a log without a key.
            Some(_) => true,
            None => false,
        };
        let key = match SettingsKey::read(key_file)? {
            Some(key) => key,
            None if is_sealed => {
                let (path, settings) = (key_file.to_owned(), dir.to_owned());
                return Err(KeyError::Missing { path, settings }.into());
            }
            None => SettingsKey::create(key_file)?,
        };
        if items.peek().is_none() {
            drop(items);
            let (log, seal) = begin(log, &key)?;
            let files = Self { dir: dir.to_owned(), log: Some(log), seal, key };
            return Ok((files, Settings::default()));
        }
        let mut state = Settings::default();
        if is_sealed {
            let header = record(items.next(), HEADER_KIND)?;
            let mut seal = Seal::resume(&key, &header)?;
            for item in items.by_ref() {
                let number = item_number(&item);
                let payload = record(Some(item), SEALED_KIND)?;
                let plain = seal.open(number, &payload)?;
                match serde_json::from_slice(&plain) {
                    Ok(Sealed::Change(change)) => state.fold(change),
                    Ok(Sealed::State(whole)) => state = *whole,
                    Err(e) => {
                        return Err(SettingsError::Damaged { number, why: e.to_string() });
                    }
                }
            }
            drop(items);
            return Ok((Self { dir: dir.to_owned(), log: Some(log), seal, key }, state));
        }
        for item in items.by_ref() {
            let number = item_number(&item);
            let payload = record(Some(item), PLAIN_KIND)?;
            let change = serde_json::from_slice(&payload);
            let change =
                change.map_err(|e| SettingsError::Damaged { number, why: e.to_string() })?;
            state.fold(change);
        }
        drop(items);
        // The seal of the log that is left behind is never used.
        let (seal, _) = Seal::begin(&key)?;
        let mut files = Self { dir: dir.to_owned(), log: Some(log), seal, key };
        files.replace(&state)?;
        Ok((files, state))
    }

    /// Seals a record and returns when it is on disk.
    pub(super) fn append(&mut self, record: &Sealed) -> Result<(), SettingsError> {
        let log = self.log.as_mut().ok_or(SettingsError::NotReplaced)?;
        append(log, &mut self.seal, record)?;
        Ok(log.sync()?)
    }

    /// Replaces the log by one that holds `state` alone.
    pub(super) fn replace(&mut self, state: &Settings) -> Result<(), SettingsError> {
        let beside = beside(&self.dir);
        if beside.exists() {
            fs::remove_dir_all(&beside).map_err(failed(&beside))?;
        }
        let (mut log, mut seal) = begin(open_log(&beside)?, &self.key)?;
        append(&mut log, &mut seal, &Sealed::State(Box::new(state.clone())))?;
        log.sync()?;
        drop(log);
        drop(self.log.take());
        let exchanged = renameat_with(CWD, &beside, CWD, &self.dir, RenameFlags::EXCHANGE);
        if let Err(e) = exchanged {
            // Nothing has changed: the old log goes on, under its own seal.
            self.log = Some(open_log(&self.dir)?);
            return Err(failed(&self.dir)(e.into()));
        }
        let parent = self.dir.parent().filter(|p| !p.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        File::open(parent).and_then(|f| f.sync_all()).map_err(failed(parent))?;
        self.log = Some(open_log(&self.dir)?);
        self.seal = seal;
        fs::remove_dir_all(&beside).map_err(failed(&beside))
    }

    /// Records in the log.
    pub(super) fn records(&self) -> u64 {
        self.log.as_ref().map_or(0, |log| log.next().0.saturating_sub(1))
    }
}

fn open_log(dir: &Path) -> Result<Log, SettingsError> {
    let options = Options {
        segment_bytes: 1 << 20,
        max_record_bytes: RECORD_BYTES_MAX,
        tail: Tail::CutIncomplete,
        ..Options::default()
    };
    Ok(Log::open(dir, options)?.0)
}

/// Writes the first record of an empty log.
fn begin(mut log: Log, key: &SettingsKey) -> Result<(Log, Seal), SettingsError> {
    let (seal, header) = Seal::begin(key)?;
    log.append(HEADER_KIND, &header)?;
    log.sync()?;
    Ok((log, seal))
}

fn append(log: &mut Log, seal: &mut Seal, record: &Sealed) -> Result<(), SettingsError> {
    let json = serde_json::to_vec(record).map_err(SettingsError::Encode)?;
    let json = zeroize::Zeroizing::new(json);
    let payload = seal.seal(log.next().0, &json)?;
    log.append(SEALED_KIND, &payload)?;
    seal.sealed(&payload);
    Ok(())
}

fn beside(dir: &Path) -> PathBuf {
    let mut path = dir.as_os_str().to_owned();
    path.push(".new");
    PathBuf::from(path)
}

fn item_number(item: &Result<Item, shared_journal::JournalError>) -> u64 {
    match item {
        Ok(Item::Record { lsn, .. }) => lsn.0,
        Ok(Item::Damaged { from, .. } | Item::Dropped { from, .. }) => from.0,
        Err(_) => 0,
    }
}

/// The payload of an item that must be a record of this kind.
fn record(
    item: Option<Result<Item, shared_journal::JournalError>>,
    expected: u8,
) -> Result<Vec<u8>, SettingsError> {
    let damaged = |number: Lsn, why: String| SettingsError::Damaged { number: number.0, why };
    match item.transpose()? {
        Some(Item::Record { kind, payload, .. }) if kind == expected => Ok(payload),
        Some(Item::Record { lsn, kind, .. }) => Err(damaged(lsn, format!("it is of kind {kind}"))),
        Some(Item::Damaged { from, .. }) => {
            Err(damaged(from, "its record cannot be read".to_owned()))
        }
        Some(Item::Dropped { from, .. }) => Err(damaged(from, "its file is missing".to_owned())),
        None => Err(damaged(Lsn::FIRST, "its record is missing".to_owned())),
    }
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> SettingsError {
    let path = path.to_owned();
    move |source| SettingsError::Replace { path: path.clone(), source }
}

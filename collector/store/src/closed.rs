//! The read model of closed incidents: all that ever were, beyond those in memory, in an embedded store that may be thrown
//! away at any time. It is rebuilt from the ledger, which is the truth.
//!
//! The engine behind it is sled, known to this file only. It may fail to open, answer damaged bytes or panic on a damaged
//! file; all of that comes out as [`ClosedError`], upon which the caller removes the folder and fills it anew.

use collector_domain::{Incident, IncidentId};
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Memory that sled may use for pages: a page of incidents is some hundred KiB.
const CACHE_BYTES: u64 = 8 << 20;
/// A store that is rebuilt may lose seconds; syncing more often would only take the disk from the journal.
const FLUSH_EVERY_MS: u64 = 10_000;

/// The store cannot be relied on any more: remove it and fill it anew.
#[derive(Debug, thiserror::Error)]
#[error("the store of closed incidents is unusable: {0}")]
pub struct ClosedError(String);

impl ClosedError {
    /// It holds more than the ledger closed.
    pub fn too_many(held: u64, closed: u64) -> Self {
        Self(format!("it holds {held} incidents of which the ledger closed {closed}"))
    }

    /// A reader met damage.
    pub fn damaged() -> Self {
        Self("a reader met damage".to_owned())
    }
}

/// Closed incidents by number.
#[derive(Debug)]
pub struct ClosedIncidents {
    db: sled::Db,
    dir: PathBuf,
}

impl ClosedIncidents {
    /// Opens the store in `dir`, created when missing.
    ///
    /// # Errors
    /// [`ClosedError`] whatever is wrong with what is there.
    pub fn open(dir: &Path) -> Result<Self, ClosedError> {
        let db = guarded(|| {
            sled::Config::new()
                .path(dir)
                .cache_capacity(CACHE_BYTES)
                .mode(sled::Mode::LowSpace)
                .flush_every_ms(Some(FLUSH_EVERY_MS))
                .open()
        })?;
        Ok(Self { db, dir: dir.to_owned() })
    }

    /// Removes a store that cannot be relied on.
    ///
    /// # Errors
    /// When the folder cannot be removed.
    pub fn remove(dir: &Path) -> io::Result<()> {
        match fs::remove_dir_all(dir) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    /// Keeps a closed incident. Returns whether it was not there, or was there in another form.
    ///
    /// # Errors
    /// [`ClosedError`].
    pub fn put(&self, incident: &Incident) -> Result<bool, ClosedError> {
        let value = encode(incident)?;
        guarded(|| {
            let key = incident.id.0.to_be_bytes();
            let same = self.db.get(key)?.is_some_and(|found| *found == *value);
            if !same {
                self.db.insert(key, value.as_slice())?;
            }
            Ok(!same)
        })
    }

    /// One incident.
    ///
    /// # Errors
    /// [`ClosedError`].
    pub fn get(&self, id: IncidentId) -> Result<Option<Incident>, ClosedError> {
        let value = guarded(|| self.db.get(id.0.to_be_bytes()))?;
        value.map(|value| decode(id.0, &value)).transpose()
    }

    /// Visits all incidents, the newest number first.
    ///
    /// # Errors
    /// [`ClosedError`].
    pub fn visit(&self, visit: &mut dyn FnMut(Incident)) -> Result<(), ClosedError> {
        let mut items = guarded(|| Ok(self.db.iter().rev()))?;
        while let Some(item) = guarded(|| items.next().transpose())? {
            let (key, value) = item;
            let id = <[u8; 8]>::try_from(&*key).map(u64::from_be_bytes);
            let id = id.map_err(|_| ClosedError("a key is not a number".to_owned()))?;
            visit(decode(id, &value)?);
        }
        Ok(())
    }

    /// How many there are. Reads all keys.
    ///
    /// # Errors
    /// [`ClosedError`].
    pub fn count(&self) -> Result<u64, ClosedError> {
        guarded(|| Ok(self.db.len() as u64))
    }

    /// Writes what waits in memory.
    ///
    /// # Errors
    /// [`ClosedError`].
    pub fn flush(&self) -> Result<(), ClosedError> {
        guarded(|| self.db.flush()).map(drop)
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// A checksum and JSON: sled finds damage in its own pages only when it reads them from the disk.
fn encode(incident: &Incident) -> Result<Vec<u8>, ClosedError> {
    let json = serde_json::to_vec(incident).map_err(|e| ClosedError(e.to_string()))?;
    Ok([&crc32c::crc32c(&json).to_le_bytes()[..], &json].concat())
}

fn decode(id: u64, value: &[u8]) -> Result<Incident, ClosedError> {
    let damaged = || ClosedError(format!("incident {id} is damaged"));
    let (crc, json) = value.split_first_chunk::<4>().ok_or_else(damaged)?;
    if crc32c::crc32c(json) != u32::from_le_bytes(*crc) {
        return Err(damaged());
    }
    let incident: Incident = serde_json::from_slice(json).map_err(|_| damaged())?;
    if incident.id.0 == id { Ok(incident) } else { Err(damaged()) }
}

/// Calls into sled: an error and a panic are the same to us.
fn guarded<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, ClosedError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(done) => done.map_err(|e| ClosedError(e.to_string())),
        Err(_) => Err(ClosedError("the store panicked on what it found".to_owned())),
    }
}

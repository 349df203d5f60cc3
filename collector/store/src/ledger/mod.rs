//! The ledger (故障台账): every transition of every incident, each entry chained to the one before by its hash.
//!
//! An entry is a record of a [`shared_journal`] log, with the entry's number as its lsn. The payload is the entry's
//! SHA-256 and the canonical JSON that it covers (see `chain.rs` for the bytes). [`verify`] proves offline that
//! nothing in it was changed, taken out or moved; that nothing was taken off its end or written anew as a whole is proved
//! with a [`Checkpoint`] that was handed over earlier.

mod checkpoint;
#[cfg(test)]
mod checkpoint_tests;
mod follow;
mod merkle;
mod record;
mod replay;
mod verify;

pub use crate::chain::Hash;
pub use checkpoint::{Checkpoint, CheckpointError, Proven};
pub use follow::Follow;
pub use record::Stored;
pub use replay::Replay;
pub use verify::{Report, verify};

use crate::chain::RECORD_KIND;
use collector_domain::Entry;
use record::Chain;
use shared_journal::{Item, JournalError, Log, Lsn, Options, Scan, Tail};
use std::path::Path;

/// Longest entry. Evidence is text of a few lines; this leaves a hundredfold.
const ENTRY_BYTES_MAX: usize = 1 << 20;
/// Small segments keep [`Ledger::get`] short, which reads from the start of one.
const SEGMENT_BYTES: u64 = 1 << 20;

/// Why the ledger could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The chain does not hold. Numbers before this one are proved.
    #[error("ledger entry {number} is broken: {why}")]
    Broken {
        /// First entry that is not proved.
        number: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A replay yielded another entry than the one that is stored.
    #[error("replay yields another ledger entry {number} than the stored one")]
    Diverged {
        /// The entry.
        number: u64,
    },
    /// A replay skipped an entry.
    #[error("ledger entry {number} cannot follow entry {len}")]
    Gap {
        /// The number that was offered.
        number: u64,
        /// Entries in the ledger.
        len: u64,
    },
    /// An entry has no JSON form.
    #[error("cannot encode a ledger entry")]
    Encode(#[source] serde_json::Error),
    /// The files could not be read or written.
    #[error("cannot use the ledger's files")]
    Journal(#[from] JournalError),
}

/// The ledger, open for appending.
#[derive(Debug)]
pub struct Ledger {
    log: Log,
    chain: Chain,
}

impl Ledger {
    /// Opens the ledger in `dir`, created when missing, and proves its whole chain. An entry whose writing was cut
    /// short is removed: it was never acknowledged.
    ///
    /// # Errors
    /// [`LedgerError::Broken`] when the chain does not hold: nothing is changed then.
    pub fn open(dir: &Path) -> Result<Self, LedgerError> {
        let options = Options {
            segment_bytes: SEGMENT_BYTES,
            max_record_bytes: ENTRY_BYTES_MAX,
            // The chain is read below in any case.
            scan: Scan::Last,
            tail: Tail::CutIncomplete,
            ..Options::default()
        };
        let (log, _) = Log::open(dir, options).map_err(|e| match e {
            JournalError::DamagedTail { lsn, .. } => {
                LedgerError::Broken { number: lsn.0, why: e.to_string() }
            }
            e => e.into(),
        })?;
        let mut chain = Chain::default();
        for item in log.reader(Lsn::FIRST) {
            chain.follow(item?)?;
        }
        Ok(Self { log, chain })
    }

    /// Chains an entry to the last one. It is durable, and seen by [`Ledger::iter`], after [`Ledger::sync`].
    ///
    /// # Errors
    /// [`LedgerError::Encode`] and [`LedgerError::Journal`]; the entry is then not in the ledger.
    pub fn append(&mut self, entry: &Entry) -> Result<Stored, LedgerError> {
        let (stored, payload) = self.chain.seal(entry)?;
        self.log.append(RECORD_KIND, &payload)?;
        self.chain.extend(stored.hash);
        Ok(stored)
    }

    /// For replays: entry `number` must be what is stored under it, or is appended when it is the next one.
    ///
    /// # Errors
    /// [`LedgerError::Diverged`], [`LedgerError::Gap`], and those of [`Ledger::append`].
    pub fn check_or_append(&mut self, number: u64, entry: &Entry) -> Result<Stored, LedgerError> {
        let len = self.len();
        if number == len + 1 {
            return self.append(entry);
        }
        let stored = self.chain.hash(number);
        let Some(stored) = stored.filter(|_| number >= 1) else {
            return Err(LedgerError::Gap { number, len });
        };
        let hash = self.chain.hash_of(number, entry)?;
        if hash != stored {
            return Err(LedgerError::Diverged { number });
        }
        Ok(Stored { number, hash })
    }

    /// Returns when everything appended is on disk.
    ///
    /// # Errors
    /// [`LedgerError::Journal`]; after a failed fsync every later call fails and the process should end.
    pub fn sync(&mut self) -> Result<(), LedgerError> {
        Ok(self.log.sync()?)
    }

    /// How many entries there are, the number of the last one.
    pub fn len(&self) -> u64 {
        self.chain.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number and hash of the last entry; 0 and zeros when there is none.
    pub fn head(&self) -> (u64, Hash) {
        (self.len(), self.chain.head())
    }

    /// Hashes of all entries, the first one's first.
    pub fn hashes(&self) -> &[Hash] {
        self.chain.hashes()
    }

    /// All synced entries, in order, each proved again as it is read.
    pub fn iter(&self) -> impl Iterator<Item = Result<(Stored, Entry), LedgerError>> + use<> {
        let mut chain = Chain::default();
        self.log.reader(Lsn::FIRST).map(move |item| chain.follow(item?))
    }

    /// Entry `number`, `None` when there is none or it is not synced yet.
    ///
    /// # Errors
    /// [`LedgerError::Broken`] when it was damaged since the ledger was opened.
    pub fn get(&self, number: u64) -> Result<Option<(Stored, Entry)>, LedgerError> {
        let Some(hash) = self.chain.hash(number).filter(|_| number >= 1) else {
            return Ok(None);
        };
        match self.log.reader(Lsn(number)).next().transpose()? {
            None => Ok(None),
            Some(Item::Record { payload, .. }) => {
                let (found, entry) = record::open(number, &payload)?;
                if found != hash {
                    let why = "its hash is not the one it had when the ledger was opened".into();
                    return Err(LedgerError::Broken { number, why });
                }
                Ok(Some((Stored { number, hash }, entry)))
            }
            Some(Item::Damaged { .. } | Item::Dropped { .. }) => {
                let why = "its record cannot be read".into();
                Err(LedgerError::Broken { number, why })
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! Holds a replay against a written ledger, without changing anything.

use super::LedgerError;
use super::record::{Chain, Stored};
use crate::chain::Hash;
use collector_domain::Entry;
use shared_journal::{Lsn, Reader};
use std::path::Path;

/// A written ledger and how far a replay has come in it.
#[derive(Debug)]
pub struct Replay {
    written: Chain,
    /// Entries that the replay has yielded, those before its beginning included.
    number: u64,
    /// Hash of the last of them.
    head: Hash,
}

impl Replay {
    /// Reads and proves the ledger in `dir`, for a replay that begins after entry `after`. An incomplete entry at the end
    /// counts as not written: a crash leaves it, and it was never acknowledged.
    ///
    /// # Errors
    /// [`LedgerError::Broken`]; [`LedgerError::Gap`] when there is no entry `after`; [`LedgerError::Journal`].
    pub fn open(dir: &Path, after: u64) -> Result<Self, LedgerError> {
        let mut written = Chain::default();
        for item in Reader::open(dir, Lsn::FIRST) {
            written.follow(item?)?;
        }
        let len = written.len();
        let head = written.hash(after).ok_or(LedgerError::Gap { number: after, len })?;
        Ok(Self { written, number: after, head })
    }

    /// The replay yields its next entry. Where one is written under its number, both must be the same bytes.
    ///
    /// # Errors
    /// [`LedgerError::Diverged`].
    pub fn next(&mut self, entry: &Entry) -> Result<Stored, LedgerError> {
        let number = self.number + 1;
        let hash = Chain::hash_after(number, self.head, entry)?;
        if self.written.hash(number).is_some_and(|written| written != hash) {
            return Err(LedgerError::Diverged { number });
        }
        (self.number, self.head) = (number, hash);
        Ok(Stored { number, hash })
    }

    /// Entries of the written ledger.
    pub fn written(&self) -> u64 {
        self.written.len()
    }

    /// Number and hash of the last entry that the replay yielded.
    pub fn head(&self) -> (u64, Hash) {
        (self.number, self.head)
    }
}

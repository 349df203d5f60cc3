//! The chain of the ledger's entries; the bytes are those of [`crate::chain`] under the domain `wardround ledger v1\n`.

use super::LedgerError;
use crate::chain::{self, Hash};
use collector_domain::Entry;
use shared_journal::Item;

const DOMAIN: &[u8] = b"wardround ledger v1\n";

/// Where an entry is in the ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stored {
    /// Its number, from 1 without a hole.
    pub number: u64,
    /// Its hash.
    pub hash: Hash,
}

/// The hashes of all entries so far: 32 bytes each, a few MiB after years of incidents.
#[derive(Debug, Default)]
pub(super) struct Chain {
    hashes: Vec<Hash>,
}

impl Chain {
    pub(super) fn len(&self) -> u64 {
        self.hashes.len() as u64
    }

    pub(super) fn head(&self) -> Hash {
        self.hashes.last().copied().unwrap_or_default()
    }

    /// Hash of entry `number`; zeros for 0, the entry before the first.
    pub(super) fn hash(&self, number: u64) -> Option<Hash> {
        let Some(index) = number.checked_sub(1) else {
            return Some(Hash::default());
        };
        let index = usize::try_from(index).ok()?;
        self.hashes.get(index).copied()
    }

    pub(super) fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    pub(super) fn into_hashes(self) -> Vec<Hash> {
        self.hashes
    }

    pub(super) fn extend(&mut self, hash: Hash) {
        self.hashes.push(hash);
    }

    /// Payload of the entry that comes next.
    pub(super) fn seal(&self, entry: &Entry) -> Result<(Stored, Vec<u8>), LedgerError> {
        let number = self.len() + 1;
        let (hash, payload) =
            chain::seal(DOMAIN, number, self.head(), entry).map_err(LedgerError::Encode)?;
        Ok((Stored { number, hash }, payload))
    }

    /// The hash that `entry` would have as number `number`, which is at most one past the end.
    pub(super) fn hash_of(&self, number: u64, entry: &Entry) -> Result<Hash, LedgerError> {
        let prev = self.hash(number.saturating_sub(1)).unwrap_or_default();
        Self::hash_after(number, prev, entry)
    }

    /// The hash of `entry` as number `number` after the entry of hash `prev`.
    pub(super) fn hash_after(number: u64, prev: Hash, entry: &Entry) -> Result<Hash, LedgerError> {
        let (hash, _) = chain::seal(DOMAIN, number, prev, entry).map_err(LedgerError::Encode)?;
        Ok(hash)
    }

    /// Proves the next item of the log and takes it into the chain.
    pub(super) fn follow(&mut self, item: Item) -> Result<(Stored, Entry), LedgerError> {
        let mut tip = Tip { number: self.len(), head: self.head() };
        let entry = tip.follow(item)?;
        self.extend(tip.head);
        Ok((Stored { number: tip.number, hash: tip.head }, entry))
    }
}

/// The end of a chain that is being followed, without the hashes of what is behind it.
#[derive(Debug, Default)]
pub(super) struct Tip {
    number: u64,
    head: Hash,
}

impl Tip {
    /// Proves the next item of the log.
    pub(super) fn follow(&mut self, item: Item) -> Result<Entry, LedgerError> {
        let number = self.number + 1;
        let broken = |why: String| LedgerError::Broken { number, why };
        let payload = chain::payload(item).map_err(broken)?;
        let link = chain::open(DOMAIN, number, &payload).map_err(broken)?;
        if link.prev != self.head {
            return Err(broken("it does not carry the hash of the entry before it".to_owned()));
        }
        *self = Self { number, head: link.hash };
        Ok(link.entry)
    }
}

/// Proves one payload by itself.
pub(super) fn open(number: u64, payload: &[u8]) -> Result<(Hash, Entry), LedgerError> {
    let link = chain::open(DOMAIN, number, payload);
    let link = link.map_err(|why| LedgerError::Broken { number, why })?;
    Ok((link.hash, link.entry))
}

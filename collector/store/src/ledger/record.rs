//! Bytes and hashes of entries.
//!
//! Payload of a record: `hash[32] json`. The JSON is `{"number":N,"prev":"<hex>","entry":{...}}` as `serde_json`
//! writes it: no white space, keys in the order of the types, `null` for a value that is not a finite number. The hash
//! is `SHA-256("wardround ledger v1\n" json)`; `prev` is the hash of the entry before, zeros for the first.

use super::LedgerError;
use collector_domain::Entry;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shared_journal::Item;

/// A SHA-256.
pub type Hash = [u8; 32];

/// Kind of the ledger's records in its log.
pub(super) const RECORD_KIND: u8 = 1;

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

#[derive(Serialize)]
struct Sealed<'a> {
    number: u64,
    prev: String,
    entry: &'a Entry,
}

#[derive(Deserialize)]
struct Opened {
    number: u64,
    prev: String,
    entry: Entry,
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

    pub(super) fn extend(&mut self, hash: Hash) {
        self.hashes.push(hash);
    }

    /// Payload of the entry that comes next.
    pub(super) fn seal(&self, entry: &Entry) -> Result<(Stored, Vec<u8>), LedgerError> {
        let number = self.len() + 1;
        let json = canonical(number, self.head(), entry)?;
        let hash = digest(&json);
        let mut payload = hash.to_vec();
        payload.extend_from_slice(&json);
        Ok((Stored { number, hash }, payload))
    }

    /// The hash that `entry` would have as number `number`, which is at most one past the end.
    pub(super) fn hash_of(&self, number: u64, entry: &Entry) -> Result<Hash, LedgerError> {
        let prev = self.hash(number.saturating_sub(1)).unwrap_or_default();
        Ok(digest(&canonical(number, prev, entry)?))
    }

    /// Proves the next item of the log and takes it into the chain.
    pub(super) fn follow(&mut self, item: Item) -> Result<(Stored, Entry), LedgerError> {
        let number = self.len() + 1;
        let broken = |why: &str| LedgerError::Broken { number, why: why.to_owned() };
        let payload = match item {
            Item::Record { kind, payload, .. } if kind == RECORD_KIND => payload,
            Item::Record { .. } => return Err(broken("its record is of another kind")),
            Item::Damaged { .. } => return Err(broken("its record is damaged or missing")),
            Item::Dropped { .. } => return Err(broken("its file is missing")),
        };
        let (hash, prev, entry) = parse(number, &payload)?;
        if prev != self.head() {
            return Err(broken("it does not carry the hash of the entry before it"));
        }
        self.extend(hash);
        Ok((Stored { number, hash }, entry))
    }
}

/// Proves one payload by itself.
pub(super) fn open(number: u64, payload: &[u8]) -> Result<(Hash, Entry), LedgerError> {
    parse(number, payload).map(|(hash, _, entry)| (hash, entry))
}

fn parse(number: u64, payload: &[u8]) -> Result<(Hash, Hash, Entry), LedgerError> {
    let broken = |why: String| LedgerError::Broken { number, why };
    let Some((hash, json)) = payload.split_first_chunk::<32>() else {
        return Err(broken("its record is too short".to_owned()));
    };
    if digest(json) != *hash {
        return Err(broken("its bytes do not have the hash they carry".to_owned()));
    }
    let opened: Opened = serde_json::from_slice(json)
        .map_err(|e| broken(format!("it is not a ledger entry: {e}")))?;
    if opened.number != number {
        let found = opened.number;
        return Err(broken(format!("entry {found} stands in its place")));
    }
    let prev = HEXLOWER.decode(opened.prev.as_bytes()).ok();
    let prev = prev.and_then(|bytes| Hash::try_from(bytes).ok());
    let prev = prev.ok_or_else(|| broken("the hash before it is not hexadecimal".to_owned()))?;
    Ok((*hash, prev, opened.entry))
}

fn canonical(number: u64, prev: Hash, entry: &Entry) -> Result<Vec<u8>, LedgerError> {
    let prev = HEXLOWER.encode(&prev);
    serde_json::to_vec(&Sealed { number, prev, entry }).map_err(LedgerError::Encode)
}

fn digest(json: &[u8]) -> Hash {
    let mut sha = Sha256::new();
    sha.update(DOMAIN);
    sha.update(json);
    sha.finalize().into()
}

//! What the ledger and the audit log have in common: records chained to one another by their hashes.
//!
//! Payload of a record: `hash[32] json`. The JSON is `{"number":N,"prev":"<hex>","entry":{...}}` as `serde_json`
//! writes it: no white space, keys in the order of the types, `null` for a value that is not a finite number. The hash
//! is `SHA-256(domain json)`, where the domain is a line of its own for each kind of log, so that a record of one can
//! never stand in another; `prev` is the hash of the entry before, zeros for the first.

use data_encoding::HEXLOWER;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shared_journal::Item;

/// A SHA-256.
pub type Hash = [u8; 32];

/// Kind of chained records in their log.
pub(crate) const RECORD_KIND: u8 = 1;

#[derive(Serialize)]
struct Sealed<'a, T> {
    number: u64,
    prev: String,
    entry: &'a T,
}

#[derive(Deserialize)]
struct Opened<T> {
    number: u64,
    prev: String,
    entry: T,
}

/// An entry that was proved by itself: its bytes have the hash they carry and it stands in its place.
#[derive(Debug)]
pub(crate) struct Link<T> {
    pub(crate) hash: Hash,
    /// Hash of the entry before, as this one says.
    pub(crate) prev: Hash,
    pub(crate) entry: T,
}

/// Hash and payload of `entry` as number `number` after the entry of hash `prev`.
pub(crate) fn seal<T: Serialize>(
    domain: &[u8],
    number: u64,
    prev: Hash,
    entry: &T,
) -> Result<(Hash, Vec<u8>), serde_json::Error> {
    let prev = HEXLOWER.encode(&prev);
    let json = serde_json::to_vec(&Sealed { number, prev, entry })?;
    let hash = digest(domain, &json);
    let mut payload = hash.to_vec();
    payload.extend_from_slice(&json);
    Ok((hash, payload))
}

/// The payload of the record that must be number `number`, or what is wrong with it.
pub(crate) fn payload(item: Item) -> Result<Vec<u8>, String> {
    match item {
        Item::Record { kind: RECORD_KIND, payload, .. } => Ok(payload),
        Item::Record { .. } => Err("its record is of another kind".to_owned()),
        Item::Damaged { .. } => Err("its record is damaged or missing".to_owned()),
        Item::Dropped { .. } => Err("its file is missing".to_owned()),
    }
}

/// Proves one payload by itself, or says what is wrong with it.
pub(crate) fn open<T: DeserializeOwned>(
    domain: &[u8],
    number: u64,
    payload: &[u8],
) -> Result<Link<T>, String> {
    let Some((hash, json)) = payload.split_first_chunk::<32>() else {
        return Err("its record is too short".to_owned());
    };
    if digest(domain, json) != *hash {
        return Err("its bytes do not have the hash they carry".to_owned());
    }
    let opened: Opened<T> =
        serde_json::from_slice(json).map_err(|e| format!("it is not an entry of this log: {e}"))?;
    if opened.number != number {
        let found = opened.number;
        return Err(format!("entry {found} stands in its place"));
    }
    let prev = HEXLOWER.decode(opened.prev.as_bytes()).ok();
    let prev = prev.and_then(|bytes| Hash::try_from(bytes).ok());
    let prev = prev.ok_or("the hash before it is not hexadecimal")?;
    Ok(Link { hash: *hash, prev, entry: opened.entry })
}

fn digest(domain: &[u8], json: &[u8]) -> Hash {
    let mut sha = Sha256::new();
    sha.update(domain);
    sha.update(json);
    sha.finalize().into()
}

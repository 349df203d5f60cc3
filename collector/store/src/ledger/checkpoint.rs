//! Signed checkpoints: what is handed to the hospital, so that the provider cannot rewrite or roll back what came before.

use super::LedgerError;
use super::merkle::{self, BLOCK};
use super::verify::{self, Report};
use crate::chain::Hash;
use data_encoding::HEXLOWER;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use shared_model::Timestamp;
use std::path::Path;

/// First line of what is signed, and `format` of the file.
const FORMAT: &str = "wardround ledger checkpoint v1";

/// A ledger's state at one instant, signed by its collector. The signature is Ed25519 over the lines `format`, `of`, `taken`,
/// `entries`, `head`, `root`, each ended by a line feed; `root` stands for `blocks` and so for every entry.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    format: String,
    /// Whose ledger: `provider/hospital/appliance`.
    of: String,
    /// When it was taken, by the collector's clock.
    taken: String,
    /// How many entries there were.
    entries: u64,
    /// Hash of the last one.
    head: String,
    /// Root of the Merkle tree over the hashes of all entries.
    root: String,
    /// Roots of the subtrees of 16 entries each.
    blocks: Vec<String>,
    /// The collector's public key.
    key: String,
    signature: String,
}

/// Why a ledger is not the one of a checkpoint, or the checkpoint not one at all.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The chain itself does not hold.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The file is no checkpoint.
    #[error("it is not a checkpoint: {0}")]
    Malformed(String),
    /// Its signature does not fit what it says.
    #[error("the checkpoint's signature does not fit: it was changed after it was signed")]
    Signature,
    /// It was signed by another key than the one that is expected.
    #[error("the checkpoint was signed with key {found}, not with {expected}")]
    Key {
        /// The key that signed.
        found: String,
        /// The key that was handed over.
        expected: String,
    },
    /// Entries that were there are not there any more.
    #[error(
        "ledger entries {from} to {to} are missing: the checkpoint has seen them, so the ledger was cut off or is an older backup"
    )]
    Missing {
        /// First of them.
        from: u64,
        /// Last of them.
        to: u64,
    },
    /// Entries are not those of the checkpoint, though their chain holds: the history was written anew.
    #[error(
        "ledger entry {from} to {to}: at least one is not the one that the checkpoint has seen, and the chain was made to fit"
    )]
    Rewritten {
        /// First of the block.
        from: u64,
        /// Last of the block.
        to: u64,
    },
}

/// A ledger that holds everything that a checkpoint has seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Proven {
    /// The ledger as it is.
    pub report: Report,
    /// Entries that the checkpoint proves, from the first.
    pub proven: u64,
    /// Entries after them: their chain holds, but nobody outside has seen them yet.
    pub unproven: u64,
}

impl Checkpoint {
    /// Signs the state of a ledger with these entries.
    ///
    /// # Panics
    /// Never: every 32 bytes are a seed.
    pub fn sign(of: &str, taken: Timestamp, hashes: &[Hash], seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("every 32 bytes are a seed");
        let blocks = merkle::blocks(hashes);
        let hex = |hash: &[u8]| HEXLOWER.encode(hash);
        let mut checkpoint = Self {
            format: FORMAT.to_owned(),
            of: of.to_owned(),
            taken: taken.to_string(),
            entries: hashes.len() as u64,
            head: hex(&hashes.last().copied().unwrap_or_default()),
            root: hex(&merkle::root(&blocks)),
            blocks: blocks.iter().map(|b| hex(b)).collect(),
            key: hex(pair.public_key().as_ref()),
            signature: String::new(),
        };
        checkpoint.signature = hex(pair.sign(checkpoint.signed().as_bytes()).as_ref());
        checkpoint
    }

    /// Reads a checkpoint and proves that it is whole and signed by the key that it names.
    ///
    /// # Errors
    /// [`CheckpointError::Malformed`] and [`CheckpointError::Signature`].
    pub fn read(text: &[u8]) -> Result<Self, CheckpointError> {
        let malformed = |what: &str| CheckpointError::Malformed(what.to_owned());
        let checkpoint: Self =
            serde_json::from_slice(text).map_err(|e| CheckpointError::Malformed(e.to_string()))?;
        if checkpoint.format != FORMAT {
            return Err(malformed("its format is another one"));
        }
        let key = bytes(&checkpoint.key).ok_or_else(|| malformed("its key is not hexadecimal"))?;
        let signature = bytes(&checkpoint.signature)
            .ok_or_else(|| malformed("its signature is not hexadecimal"))?;
        UnparsedPublicKey::new(&ED25519, key)
            .verify(checkpoint.signed().as_bytes(), &signature)
            .map_err(|_| CheckpointError::Signature)?;
        let blocks = checkpoint.block_hashes()?;
        let covers =
            u64::try_from(blocks.len()).ok() == Some(checkpoint.entries.div_ceil(BLOCK as u64));
        if !covers || HEXLOWER.encode(&merkle::root(&blocks)) != checkpoint.root {
            return Err(CheckpointError::Signature);
        }
        Ok(checkpoint)
    }

    /// Whether it was signed by this public key, lower-case hexadecimal.
    ///
    /// # Errors
    /// [`CheckpointError::Key`].
    pub fn expect_key(&self, expected: &str) -> Result<(), CheckpointError> {
        if self.key.eq_ignore_ascii_case(expected) {
            return Ok(());
        }
        let (found, expected) = (self.key.clone(), expected.to_owned());
        Err(CheckpointError::Key { found, expected })
    }

    /// Proves that the ledger in `dir` begins with exactly the entries that this checkpoint has seen.
    ///
    /// # Errors
    /// [`CheckpointError`], naming what is missing or not the same.
    pub fn prove(&self, dir: &Path) -> Result<Proven, CheckpointError> {
        let (report, hashes) = verify::chain(dir)?;
        if report.entries < self.entries {
            return Err(CheckpointError::Missing { from: report.entries + 1, to: self.entries });
        }
        let seen = usize::try_from(self.entries).unwrap_or(usize::MAX);
        let now = merkle::blocks(hashes.get(..seen).unwrap_or(&hashes));
        let differing = self.block_hashes()?.iter().zip(&now).position(|(then, now)| then != now);
        if let Some(block) = differing {
            let from = (block * BLOCK) as u64 + 1;
            let to = (from + BLOCK as u64 - 1).min(self.entries);
            return Err(CheckpointError::Rewritten { from, to });
        }
        let unproven = report.entries - self.entries;
        Ok(Proven { report, proven: self.entries, unproven })
    }

    /// Whose ledger it is of, when it was taken, and the key that signed it, as people compare them.
    pub fn names(&self) -> (&str, &str, &str) {
        (&self.of, &self.taken, &self.key)
    }

    /// As it is handed out: JSON that ends in a line feed.
    ///
    /// # Panics
    /// Never: texts and numbers always have a JSON form.
    pub fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self).expect("texts and numbers are JSON");
        format!("{json}\n")
    }

    fn signed(&self) -> String {
        let Self { format, of, taken, entries, head, root, .. } = self;
        format!("{format}\n{of}\n{taken}\n{entries}\n{head}\n{root}\n")
    }

    fn block_hashes(&self) -> Result<Vec<Hash>, CheckpointError> {
        let hash = |text: &String| bytes(text).and_then(|b| Hash::try_from(b).ok());
        let hashes: Option<Vec<Hash>> = self.blocks.iter().map(hash).collect();
        hashes.ok_or_else(|| CheckpointError::Malformed("a block's root is no hash".to_owned()))
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    HEXLOWER.decode(hex.as_bytes()).ok()
}

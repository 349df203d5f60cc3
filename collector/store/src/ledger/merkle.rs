//! The Merkle tree over the hashes of all entries, as RFC 6962 §2.1 has it: a leaf is `SHA-256(0x00 hash)`, a node
//! `SHA-256(0x01 left right)`, and a list is split at the largest power of two below its length.
//!
//! A checkpoint carries the roots of blocks of [`BLOCK`] entries, which are nodes of the same tree, so that a history that was
//! rewritten with a consistent chain is not only found but narrowed down.

use crate::chain::Hash;
use sha2::{Digest, Sha256};

/// Entries of a block; a power of two, so that blocks are whole subtrees.
pub(super) const BLOCK: usize = 16;

/// The roots of all blocks; the last block may be shorter.
pub(super) fn blocks(hashes: &[Hash]) -> Vec<Hash> {
    let leaf = |hash: &Hash| digest(&[&[0], hash]);
    hashes.chunks(BLOCK).map(|block| root(&block.iter().map(leaf).collect::<Vec<_>>())).collect()
}

/// The root over nodes of one height; the hash of nothing for none.
pub(super) fn root(nodes: &[Hash]) -> Hash {
    match nodes {
        [] => digest(&[]),
        [only] => *only,
        _ => {
            let split = nodes.len().next_power_of_two() / 2;
            let (left, right) = nodes.split_at(split);
            digest(&[&[1], &root(left), &root(right)])
        }
    }
}

fn digest(parts: &[&[u8]]) -> Hash {
    let mut sha = Sha256::new();
    parts.iter().for_each(|part| sha.update(part));
    sha.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;

    /// Scenario: lists around the sizes of blocks. Guarantees: the root over the blocks is the root over all leaves.
    #[test]
    fn blocks_are_subtrees() {
        for n in (0..70).chain([255, 256, 257]) {
            let hashes: Vec<Hash> = (0..n).map(|i: u32| digest(&[&i.to_le_bytes()])).collect();
            let leaves: Vec<Hash> = hashes.iter().map(|h| digest(&[&[0], h])).collect();
            assert_eq!(root(&blocks(&hashes)), root(&leaves), "{n}");
        }
    }

    /// Scenario: the first of the lists that RFC 6962's reference implementation is tested with.
    /// Guarantees: the roots that are published for it.
    #[test]
    fn roots_are_those_of_rfc_6962() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(HEXLOWER.encode(&root(&[])), empty);
        let leaf = digest(&[&[0]]);
        let one = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(HEXLOWER.encode(&root(&[leaf])), one);
        let two = digest(&[&[0], &[0]]);
        let both = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
        assert_eq!(HEXLOWER.encode(&root(&[leaf, two])), both);
    }
}

//! A collector's logs and data in one file.
//!
//! Layout: magic `WRBACKUP` (8 bytes), format version u32, then one zstd stream. In it, numbers little-endian: each part as
//! `name length u16, name, length u64, bytes`; a name of length 0; the manifest as `length u32, JSON`, and its SHA-256.
//! Names are relative paths of the data folder.

mod cut;
mod read;
mod write;

pub use cut::{Cut, CutPart};
pub use read::{check, restore};
pub use write::write;

use serde::{Deserialize, Serialize};
use shared_model::Timestamp;
use std::io;
use std::path::PathBuf;

const MAGIC: [u8; 8] = *b"WRBACKUP";
const VERSION: u32 = 1;
/// Longest name of a part: two folders and a file name.
const NAME_BYTES_MAX: usize = 255;
/// Most parts: journal and ledger segments of decades, a folder per day of samples.
const PARTS_MAX: usize = 1_000_000;
/// Longest manifest: 300 bytes for each of the most parts would be more, but a real one has some thousand.
const MANIFEST_BYTES_MAX: usize = 64 << 20;
/// Copied at once.
const CHUNK_BYTES: usize = 256 << 10;

/// What is in a backup and proves it. On disk for ever: fields may be added with a default, never changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// When it was cut, by the collector's wall clock.
    pub created: Timestamp,
    /// Name and version of the collector.
    pub collector: String,
    /// Number and hash of the last ledger entry, hexadecimal.
    pub ledger: (u64, String),
    /// Number and hash of the last audit entry, hexadecimal.
    pub audit: (u64, String),
    /// Whether the key of the settings is in it.
    pub with_key: bool,
    /// Whether the samples' day folders are in it.
    pub with_series: bool,
    /// The parts in their order. Filled in by [`write()`].
    #[serde(default)]
    pub parts: Vec<PartSum>,
}

/// A part of a backup.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PartSum {
    /// Its path in the data folder.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// Why a backup could not be made, checked or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file is there already.
    #[error("{0} is there already: name another file, or add --force to replace it")]
    Exists(PathBuf),
    /// Where it should be restored to is something already.
    #[error("{0} is not empty: name a folder that is empty or not there")]
    NotEmpty(PathBuf),
    /// The file is not a backup, or of a newer version.
    #[error("{file} is not a backup that this version reads: {why}")]
    Foreign {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A part is damaged. Nothing was restored.
    #[error("{file} is damaged in '{part}': {why}")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The part.
        part: String,
        /// What is wrong.
        why: String,
    },
    /// What was restored does not prove what the manifest says. Nothing is left in its place.
    #[error("the restored {log} is not the one that was backed up: {why}")]
    Unproved {
        /// `ledger` or `audit`.
        log: &'static str,
        /// What is wrong.
        why: String,
    },
    /// A file could not be read or written.
    #[error("cannot use {path}")]
    File {
        /// File or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl BackupError {
    fn file(path: impl Into<PathBuf>) -> impl Fn(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path: path.clone(), source }
    }
}

/// Whether a part's name stays in the folder that it is restored to.
fn is_sound(name: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.split('/').all(|part| {
            !part.is_empty() && part != "." && part != ".." && part.chars().all(letters)
        })
}

#[cfg(test)]
mod tests;

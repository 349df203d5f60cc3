//! What can go wrong with the spool.

use proto::{CatalogError, DecodeError, EncodeError};
use shared_journal::JournalError;
use shared_runtime::FileError;
use std::path::PathBuf;

/// The spool could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The records' log failed.
    #[error("spool")]
    Journal(#[from] JournalError),
    /// A file could not be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// A file could not be replaced.
    #[error(transparent)]
    Write(#[from] FileError),
    /// The stream file is damaged, so the numbers of the records mean nothing.
    #[error(
        "{} is damaged: move the folder it is in away to start a new spool; records in it that were not sent are lost",
        .0.display()
    )]
    Stream(PathBuf),
    /// The catalog file is damaged.
    #[error("{} is damaged", path.display())]
    Catalog {
        /// The file.
        path: PathBuf,
        /// How.
        #[source]
        source: CatalogError,
    },
    /// The system has no randomness.
    #[error("no randomness: {0}")]
    Random(String),
    /// The encoder could not be made.
    #[error("prepare the batch encoder")]
    Encoder(#[source] EncodeError),
    /// The thread that syncs could not be started.
    #[error("start the spool's thread")]
    Thread(#[source] std::io::Error),
    /// The disk does not take what waits in memory.
    #[error("what waits in memory cannot be written: {0}")]
    Degraded(String),
    /// The decoder could not be made.
    #[error("prepare the batch decoder")]
    Decoder(#[source] DecodeError),
}

/// A batch could not be taken. What it held is lost; where it would have had a number, the loss is declared.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// The catalog breaks the contract.
    #[error("catalog generation {generation}")]
    Catalog {
        /// The catalog's generation.
        generation: u32,
        /// How.
        #[source]
        source: CatalogError,
    },
    /// A whole catalog that changes or leaves out what was defined before.
    #[error("catalog generation {generation} redefines series or sets of generation {known}")]
    Redefined {
        /// The catalog's generation.
        generation: u32,
        /// The known generation.
        known: u32,
    },
    /// The batch names a catalog that was not offered.
    #[error("the batch is of catalog generation {generation}, but {known} is the latest")]
    Generation {
        /// The batch's generation.
        generation: u32,
        /// The known generation.
        known: u32,
    },
    /// The batch cannot be encoded.
    #[error("the batch cannot be encoded")]
    Encode(#[from] EncodeError),
    /// The spool could not take it.
    #[error("the batch cannot be spooled")]
    Spool(#[from] SpoolError),
}

//! What can go wrong.

use crate::Lsn;
use std::io;
use std::path::PathBuf;

/// Why a log could not be opened, written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process, or another `Log` of this one, has the directory open for writing.
    #[error("journal {0} is in use by another process")]
    Locked(PathBuf),
    /// The segment was written by a newer release.
    #[error("segment {path} has format version {found}, this release reads version 1")]
    Version {
        /// The segment.
        path: PathBuf,
        /// Version in its header.
        found: u32,
    },
    /// The last record is complete but does not match its checksum, and the log was opened with
    /// [`Tail::CutIncomplete`](crate::Tail::CutIncomplete).
    #[error("record {lsn} at byte {offset} of {path} is damaged")]
    DamagedTail {
        /// The segment.
        path: PathBuf,
        /// Where the record starts in it.
        offset: u64,
        /// The number the record must have.
        lsn: Lsn,
    },
    /// The payload is longer than [`Options::max_record_bytes`](crate::Options::max_record_bytes).
    #[error("a record of {bytes} bytes is over the limit of {limit}")]
    RecordTooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// An option is out of its range.
    #[error("journal option {0}")]
    Option(&'static str),
    /// Numbers cannot go backwards.
    #[error("cannot skip to record {to}: the next one is {next}")]
    SkipBack {
        /// The number asked for.
        to: Lsn,
        /// The number that comes next.
        next: Lsn,
    },
    /// An fsync failed earlier. What is on disk is unknown until the log is opened anew.
    #[error("journal {dir} stopped after a failed fsync: {reason}")]
    Poisoned {
        /// The log.
        dir: PathBuf,
        /// The first failure.
        reason: String,
    },
    /// A file could not be opened, read or listed.
    #[error("cannot read {path}")]
    Read {
        /// File or directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file could not be created, written, cut or removed. Nothing was lost: the call may be repeated.
    #[error("cannot write {path}")]
    Write {
        /// File or directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// An fsync failed; every later call answers [`JournalError::Poisoned`].
    #[error("cannot fsync {path}")]
    Sync {
        /// File or directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl JournalError {
    pub(crate) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Read { path, source }
    }

    pub(crate) fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Write { path, source }
    }
}

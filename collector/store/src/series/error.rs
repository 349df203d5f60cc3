//! What can go wrong with series.

use super::{GroupId, SeriesId};
use std::io;
use std::path::PathBuf;

/// Why series could not be opened, defined or written.
#[derive(Debug, thiserror::Error)]
pub enum SeriesError {
    /// There are as many series as [`SeriesOptions::series_max`](super::SeriesOptions::series_max) allows.
    #[error("the limit of {limit} series is reached")]
    TooManySeries {
        /// The limit.
        limit: usize,
    },
    /// There are as many columns in all groups as eight times the series that are allowed.
    #[error("the limit of {limit} columns in all groups is reached")]
    TooManyColumns {
        /// The limit.
        limit: usize,
    },
    /// A group has no column, or more than 65,536.
    #[error("a group of {0} series: it has 1 to 65536")]
    GroupSize(usize),
    /// A series is in a group twice.
    #[error("series {} is twice in a group", .0.0)]
    DuplicateColumn(SeriesId),
    /// No such series.
    #[error("series {} is not defined", .0.0)]
    UnknownSeries(SeriesId),
    /// No such group.
    #[error("group {} is not defined", .0.0)]
    UnknownGroup(GroupId),
    /// A row has another number of values than its group has series.
    #[error("a row of {found} values for a group of {expected} series")]
    RowWidth {
        /// Series of the group.
        expected: usize,
        /// Values of the row.
        found: usize,
    },
    /// The time is outside the years 0001 to 9999.
    #[error("time {micros} µs has no calendar day")]
    Time {
        /// Microseconds since the epoch.
        micros: i64,
    },
    /// A column could not be compressed.
    #[error("cannot compress a column")]
    Compress(#[source] pco::errors::PcoError),
    /// A file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// File or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file could not be written. What was to be written is still in memory, and the call may be repeated.
    #[error("cannot write {path}")]
    Write {
        /// File or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// An fsync failed earlier. What is on disk is unknown until the store is opened anew.
    #[error("the series store stopped: {0}")]
    SyncFailedBefore(String),
    /// An fsync failed; every later sync answers [`SeriesError::SyncFailedBefore`].
    #[error("cannot fsync {path}: {reason}")]
    Sync {
        /// The file.
        path: PathBuf,
        /// The cause.
        reason: String,
    },
}

impl SeriesError {
    pub(super) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Read { path, source }
    }

    pub(super) fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Write { path, source }
    }
}

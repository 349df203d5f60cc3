//! How a round of a probe ended.

use std::path::PathBuf;

/// How a round ended.
#[derive(Debug)]
pub enum Outcome {
    /// Everything the source offers was sampled.
    Sampled,
    /// Some readings failed, the others are in the sink. Never empty.
    Partial(Vec<ProbeError>),
    /// The source does not exist here (no InfiniBand, no such kernel feature). Not an error.
    Absent(String),
    /// Nothing could be read.
    Failed(ProbeError),
}

impl Outcome {
    /// `Sampled` when there is no complaint, else `Partial`.
    pub fn with_complaints(complaints: Vec<ProbeError>) -> Self {
        if complaints.is_empty() { Self::Sampled } else { Self::Partial(complaints) }
    }
}

/// Why a reading failed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// A file or directory could not be read.
    #[error("read {}", path.display())]
    Read {
        /// What was read.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// A file was read but not understood.
    #[error("{}:{line}: expected {expected}", path.display())]
    Parse {
        /// What was read.
        path: PathBuf,
        /// 1-based line, 0 when the whole file is meant.
        line: usize,
        /// What should have stood there.
        expected: &'static str,
    },
    /// A query or connection failed. The text carries no literal of any statement.
    #[error("{what}")]
    Query {
        /// What was asked and what the server answered (SQLSTATE and class).
        what: String,
    },
    /// The round took longer than its timeout.
    #[error("timed out after {millis} ms")]
    TimedOut {
        /// The limit.
        millis: u64,
    },
}

impl ProbeError {
    /// Whether the source does not exist (`ENOENT`), as opposed to failing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    }
}

//! Errors about single fields of messages.

use crate::limits::MAX_TEXT_BYTES;
use std::fmt;

/// A field that breaks the contract: which one, and how.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct FieldError {
    /// `Message.field` as in the `.proto` file.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What can be wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It must be set.
    Missing,
    /// Longer, or more of them, than allowed.
    TooMany {
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// Not the length it must have.
    Length {
        /// Its length, bytes.
        found: usize,
        /// What it must be.
        expected: usize,
    },
    /// A number that is not allowed here.
    Number(u64),
    /// An interval that starts after its end or at 0.
    Interval {
        /// Its start.
        from: u64,
        /// Its end.
        to: u64,
    },
    /// A text that does not parse; says why.
    Text(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::TooMany { found, limit } => write!(f, "{found} are above the limit of {limit}"),
            Self::Length { found, expected } => write!(f, "{found} bytes, expected {expected}"),
            Self::Number(found) => write!(f, "{found} is not allowed"),
            Self::Interval { from, to } => write!(f, "{from}..{to} is not an interval from 1 up"),
            Self::Text(why) => f.write_str(why),
        }
    }
}

impl FieldError {
    pub(crate) fn missing(field: &'static str) -> Self {
        Self { field, problem: Problem::Missing }
    }

    pub(crate) fn number(field: &'static str, found: u64) -> Self {
        Self { field, problem: Problem::Number(found) }
    }
}

/// Refuses more than `limit`.
pub(crate) fn at_most(field: &'static str, found: usize, limit: usize) -> Result<(), FieldError> {
    if found <= limit {
        return Ok(());
    }
    Err(FieldError { field, problem: Problem::TooMany { found, limit } })
}

/// A free text within [`MAX_TEXT_BYTES`].
pub(crate) fn text(field: &'static str, text: String) -> Result<String, FieldError> {
    at_most(field, text.len(), MAX_TEXT_BYTES)?;
    Ok(text)
}

/// Exactly sixteen bytes.
pub(crate) fn sixteen(field: &'static str, bytes: &[u8]) -> Result<[u8; 16], FieldError> {
    bytes.try_into().map_err(|_| FieldError {
        field,
        problem: Problem::Length { found: bytes.len(), expected: 16 },
    })
}

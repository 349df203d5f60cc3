//! Numbers of records.

use std::fmt;

/// Log sequence number: the number of a record in its log. Starts at 1, dense, never reused once it was flushed and
/// not torn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Lsn(pub u64);

impl Lsn {
    /// The first record of every log.
    pub const FIRST: Self = Self(1);

    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The closed interval from here to just before `end`; `None` when that is empty.
    pub fn until(self, end: Self) -> Option<LsnRange> {
        (self < end).then(|| LsnRange { from: self, to: Self(end.0 - 1) })
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A closed interval of numbers, `from <= to`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LsnRange {
    /// First number in the interval.
    pub from: Lsn,
    /// Last number in the interval.
    pub to: Lsn,
}

impl LsnRange {
    /// How many numbers it holds.
    pub fn count(self) -> u64 {
        (self.to.0 - self.from.0).saturating_add(1)
    }
}

impl fmt::Display for LsnRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.from, self.to)
    }
}

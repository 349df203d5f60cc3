//! Of what kind an entry of a server's log is.

/// Of what kind an entry is: the label `class`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// A login that was refused.
    Authentication,
    /// The disk is full.
    DiskFull,
    /// Too many connections, out of memory and the like.
    Resources,
    /// Data that is not what it was.
    Corruption,
    /// The server's own error, or one of reading and writing.
    Internal,
    /// Two transactions that waited for each other.
    Deadlock,
    /// Shut down, cancelled, not ready yet.
    Intervention,
    /// What the application asked for was wrong.
    Statement,
    /// Anything else, and what an unstructured log does not say.
    Other,
}

impl Class {
    pub(crate) const ALL: [Self; 9] = [
        Self::Authentication,
        Self::DiskFull,
        Self::Resources,
        Self::Corruption,
        Self::Internal,
        Self::Deadlock,
        Self::Intervention,
        Self::Statement,
        Self::Other,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::DiskFull => "disk_full",
            Self::Resources => "resources",
            Self::Corruption => "corruption",
            Self::Internal => "internal",
            Self::Deadlock => "deadlock",
            Self::Intervention => "intervention",
            Self::Statement => "statement",
            Self::Other => "other",
        }
    }
}

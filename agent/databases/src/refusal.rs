//! Why a server does not serve: the label `reason`, for every engine.

/// Why a connection was refused or lost: the label `reason`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reason {
    /// Every connection the account may use is taken (53300; 1040, 1203, 1226): the server lives.
    Exhausted,
    /// The server starts, stops or recovers and takes nobody (57P03; 1053).
    StartingUp,
    /// The account or its password is refused (class 28; 1045, 1130, 1698).
    Authentication,
    /// The database does not exist (3D000; 1049).
    NoDatabase,
    /// Nobody listens, or the path to the server is broken.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// No agreement on encryption, or the certificate is not trusted.
    Tls,
    /// Any other answer.
    Other,
}

impl Reason {
    /// Every reason, so that each is a series of its own that is 0 or 1.
    pub(crate) const ALL: [Self; 8] = [
        Self::Exhausted,
        Self::StartingUp,
        Self::Authentication,
        Self::NoDatabase,
        Self::Unreachable,
        Self::TimedOut,
        Self::Tls,
        Self::Other,
    ];

    /// The label's value.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::StartingUp => "starting_up",
            Self::Authentication => "authentication",
            Self::NoDatabase => "no_database",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Tls => "tls",
            Self::Other => "other",
        }
    }
}

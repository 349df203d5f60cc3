//! Why a change or a client was refused.

use shared_model::{NodeIdentity, Timestamp};

/// A reason is a sentence or two, kept for ever.
pub(super) const REASON_CHARS_MAX: usize = 500;

/// Why a client with a sound certificate is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClientRefused {
    /// The settings do not know the certificate, or know it for another account.
    #[error("this collector did not issue the certificate to this account")]
    Unknown,
    /// It was shut out.
    #[error("the certificate was revoked at {0}")]
    Revoked(Timestamp),
    /// Its account is gone.
    #[error("its account does not exist any more")]
    NoAccount,
    /// Its account is shut out.
    #[error("its account is disabled")]
    Disabled,
}

/// Why a change was refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// The account's name or password hash is malformed.
    #[error(
        "account {0:?} is malformed: a name has 1 to 64 printable characters, a hash starts with $"
    )]
    Malformed(String),
    /// No such account.
    #[error("account {0:?} does not exist")]
    UnknownAccount(String),
    /// A token of this id exists.
    #[error("join token {0:?} exists already")]
    TokenExists(String),
    /// The account is in that state already.
    #[error("account {0:?} is {1} already")]
    AccountIs(String, &'static str),
    /// No certificate of a client has this serial number.
    #[error("no client has certificate {0:?}")]
    UnknownClient(String),
    /// The client is shut out already.
    #[error("client {0} was revoked at {1}")]
    ClientRevoked(String, Timestamp),
    /// It was taken back.
    #[error("join token {0:?} was revoked at {1}")]
    TokenRevoked(String, Timestamp),
    /// The reason is too long.
    #[error("the reason is longer than {REASON_CHARS_MAX} characters")]
    Reason,
    /// No such token.
    #[error("join token {0:?} does not exist")]
    UnknownToken(String),
    /// It was used.
    #[error("join token {0:?} was used at {1}")]
    TokenUsed(String, Timestamp),
    /// It ran out.
    #[error("join token {0:?} expired at {1}")]
    TokenExpired(String, Timestamp),
    /// No such node.
    #[error("node {0} never joined")]
    UnknownNode(NodeIdentity),
    /// The node is shut out.
    #[error("node {0} is revoked")]
    NodeRevoked(NodeIdentity),
    /// The certificate was shut out, or belongs to a node already.
    #[error("certificate {0} cannot be given out again")]
    SerialTaken(String),
    /// There are too many of them.
    #[error("the limit of {limit} {what} is reached")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
}

//! Changes of the settings, as they are on disk for ever: fields may be added, never changed or taken away.

use super::{PasswordHash, SecretDigest};
use collector_domain::Role;
use serde::{Deserialize, Serialize};
use shared_model::{NodeIdentity, Timestamp};

/// One change. Every instant is the collector's time of the change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// An account was added, or its role or password replaced.
    AccountSet {
        /// Account name, 1 to 64 characters without control characters and spaces around.
        name: String,
        /// What it may do.
        role: Role,
        /// PHC string.
        password_hash: PasswordHash,
        /// When.
        at: Timestamp,
    },
    /// An account was removed.
    AccountRemoved {
        /// Account name.
        name: String,
        /// When.
        at: Timestamp,
    },
    /// A join token was issued.
    TokenIssued {
        /// Its public part.
        id: String,
        /// SHA-256 of its secret.
        secret_sha256: SecretDigest,
        /// The only node it is good for.
        node: NodeIdentity,
        /// It is refused from then on.
        expires: Timestamp,
        /// When.
        at: Timestamp,
    },
    /// An account was shut out, until it is let in again or set anew.
    AccountDisabled {
        /// Account name.
        name: String,
        /// When.
        at: Timestamp,
    },
    /// An account that was shut out was let in again.
    AccountEnabled {
        /// Account name.
        name: String,
        /// When.
        at: Timestamp,
    },
    /// A join token was taken back before it was used.
    TokenRevoked {
        /// Its public part.
        id: String,
        /// When.
        at: Timestamp,
    },
    /// A program that acts for an account got a certificate.
    ClientIssued {
        /// Serial number of the certificate, hexadecimal.
        cert_serial: String,
        /// The account it acts for.
        account: String,
        /// Last instant of the certificate.
        expires: Timestamp,
        /// When.
        at: Timestamp,
    },
    /// A program's certificate was shut out for good.
    ClientRevoked {
        /// Serial number of the certificate, hexadecimal.
        cert_serial: String,
        /// Why, as the operator put it.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// A join token was used.
    TokenUsed {
        /// Its public part.
        id: String,
        /// When.
        at: Timestamp,
    },
    /// A node joined, for the first time or anew, and got a certificate.
    NodeJoined {
        /// The node.
        identity: NodeIdentity,
        /// Serial number of its certificate, hexadecimal.
        cert_serial: String,
        /// Last instant of the certificate; earlier versions did not write it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cert_expires: Option<Timestamp>,
        /// When.
        at: Timestamp,
    },
    /// A node's certificate was renewed. The one before stays good until it expires.
    NodeRenewed {
        /// The node.
        identity: NodeIdentity,
        /// Serial number of the new certificate, hexadecimal.
        cert_serial: String,
        /// Last instant of the new certificate; earlier versions did not write it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cert_expires: Option<Timestamp>,
        /// When.
        at: Timestamp,
    },
    /// A node was shut out with every certificate it has. It comes back by joining with a new token.
    NodeRevoked {
        /// The node.
        identity: NodeIdentity,
        /// Why, as the operator put it; earlier versions did not write it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
        /// When.
        at: Timestamp,
    },
}

impl Change {
    /// The collector's time of the change.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::AccountSet { at, .. }
            | Self::AccountRemoved { at, .. }
            | Self::TokenIssued { at, .. }
            | Self::AccountDisabled { at, .. }
            | Self::AccountEnabled { at, .. }
            | Self::TokenRevoked { at, .. }
            | Self::ClientIssued { at, .. }
            | Self::ClientRevoked { at, .. }
            | Self::TokenUsed { at, .. }
            | Self::NodeJoined { at, .. }
            | Self::NodeRenewed { at, .. }
            | Self::NodeRevoked { at, .. } => *at,
        }
    }
}

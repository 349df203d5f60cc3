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
        /// When.
        at: Timestamp,
    },
    /// A node's certificate was renewed. The one before stays good until it expires.
    NodeRenewed {
        /// The node.
        identity: NodeIdentity,
        /// Serial number of the new certificate, hexadecimal.
        cert_serial: String,
        /// When.
        at: Timestamp,
    },
    /// A node was shut out with every certificate it has. It comes back by joining with a new token.
    NodeRevoked {
        /// The node.
        identity: NodeIdentity,
        /// When.
        at: Timestamp,
    },
}

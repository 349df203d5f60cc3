//! The settings as folded from their changes, and which changes they admit.

use super::{Change, PasswordHash, SecretDigest};
use collector_domain::Role;
use shared_model::{NodeIdentity, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// People of one provider and one hospital are some dozens.
const ACCOUNTS_MAX: usize = 10_000;
/// A thousand nodes that join anew each month for years; all are kept so that a used one is never forgotten.
const TOKENS_MAX: usize = 100_000;
/// Nodes of one collector (the largest design has a thousand).
const NODES_MAX: usize = 10_000;
/// Certificates of a node that may still be good at once. One lives three renewals, so older ones have long expired.
const SERIALS_MAX: usize = 64;

/// All settings.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// Accounts by name.
    pub accounts: BTreeMap<String, Account>,
    /// Join tokens by their public part.
    pub tokens: BTreeMap<String, JoinToken>,
    /// Nodes that ever joined.
    pub nodes: BTreeMap<NodeIdentity, Node>,
    /// Serial numbers of certificates that were shut out, hexadecimal.
    pub revoked_serials: BTreeSet<String>,
}

/// A person's account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// What it may do.
    pub role: Role,
    /// PHC string.
    pub password_hash: PasswordHash,
    /// When it was added.
    pub created: Timestamp,
}

/// A one-time token for joining.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JoinToken {
    /// SHA-256 of its secret.
    pub secret_sha256: SecretDigest,
    /// The only node it is good for.
    pub node: NodeIdentity,
    /// It is refused from then on.
    pub expires: Timestamp,
    /// When it was used.
    pub used: Option<Timestamp>,
}

/// A node that joined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// When it joined last.
    pub joined: Timestamp,
    /// Serial number of its newest certificate, hexadecimal.
    pub cert_serial: String,
    /// Serial numbers since it joined last, oldest first, the newest among them.
    pub serials: Vec<String>,
    /// Shut out until it joins anew.
    pub revoked: bool,
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

impl Settings {
    /// Whether a node may open a session with this certificate.
    pub fn admits(&self, identity: &NodeIdentity, cert_serial: &str) -> bool {
        let node = self.nodes.get(identity);
        node.is_some_and(|n| !n.revoked && n.serials.iter().any(|s| s == cert_serial))
            && !self.revoked_serials.contains(cert_serial)
    }

    /// Whether the change fits the state.
    pub(super) fn check(&self, change: &Change) -> Result<(), Refused> {
        match change {
            Change::AccountSet { name, password_hash, .. } => {
                let sound = (1..=64).contains(&name.chars().count())
                    && name.trim() == name
                    && !name.chars().any(char::is_control)
                    && password_hash.0.starts_with('$');
                if !sound {
                    return Err(Refused::Malformed(name.chars().take(64).collect()));
                }
                let known = self.accounts.contains_key(name);
                room("accounts", self.accounts.len(), known, ACCOUNTS_MAX)
            }
            Change::AccountRemoved { name, .. } => match self.accounts.get(name) {
                Some(_) => Ok(()),
                None => Err(Refused::UnknownAccount(name.clone())),
            },
            Change::TokenIssued { id, .. } => {
                if self.tokens.contains_key(id) {
                    return Err(Refused::TokenExists(id.clone()));
                }
                room("join tokens", self.tokens.len(), false, TOKENS_MAX)
            }
            Change::TokenUsed { id, at } => {
                let token = self.tokens.get(id);
                let token = token.ok_or_else(|| Refused::UnknownToken(id.clone()))?;
                match token.used {
                    Some(used) => Err(Refused::TokenUsed(id.clone(), used)),
                    None if *at >= token.expires => {
                        Err(Refused::TokenExpired(id.clone(), token.expires))
                    }
                    None => Ok(()),
                }
            }
            Change::NodeJoined { identity, cert_serial, .. } => {
                self.serial_is_new(cert_serial)?;
                let known = self.nodes.contains_key(identity);
                room("nodes", self.nodes.len(), known, NODES_MAX)
            }
            Change::NodeRenewed { identity, cert_serial, .. } => {
                if self.node(identity)?.revoked {
                    return Err(Refused::NodeRevoked(identity.clone()));
                }
                self.serial_is_new(cert_serial)
            }
            Change::NodeRevoked { identity, .. } => match self.node(identity)?.revoked {
                true => Err(Refused::NodeRevoked(identity.clone())),
                false => Ok(()),
            },
        }
    }

    /// Takes in a change that was checked when it was made.
    pub(super) fn fold(&mut self, change: Change) {
        match change {
            Change::AccountSet { name, role, password_hash, at } => {
                let created = self.accounts.get(&name).map_or(at, |a| a.created);
                let account = Account { role, password_hash, created };
                self.accounts.insert(name, account);
            }
            Change::AccountRemoved { name, .. } => {
                self.accounts.remove(&name);
            }
            Change::TokenIssued { id, secret_sha256, node, expires, .. } => {
                let token = JoinToken { secret_sha256, node, expires, used: None };
                self.tokens.insert(id, token);
            }
            Change::TokenUsed { id, at } => {
                if let Some(token) = self.tokens.get_mut(&id) {
                    token.used = Some(at);
                }
            }
            Change::NodeJoined { identity, cert_serial, at } => {
                self.join(identity, cert_serial, at);
            }
            Change::NodeRenewed { identity, cert_serial, .. } => {
                if let Some(node) = self.nodes.get_mut(&identity) {
                    if node.serials.len() >= SERIALS_MAX {
                        node.serials.remove(0);
                    }
                    node.serials.push(cert_serial.clone());
                    node.cert_serial = cert_serial;
                }
            }
            Change::NodeRevoked { identity, .. } => {
                if let Some(node) = self.nodes.get_mut(&identity) {
                    node.revoked = true;
                    self.revoked_serials.extend(node.serials.iter().cloned());
                }
            }
        }
    }

    /// Joining anew shuts out what the node had before: its key may be what was lost.
    fn join(&mut self, identity: NodeIdentity, cert_serial: String, at: Timestamp) {
        let node =
            Node { joined: at, serials: vec![cert_serial.clone()], cert_serial, revoked: false };
        if let Some(before) = self.nodes.insert(identity, node) {
            self.revoked_serials.extend(before.serials);
        }
    }

    fn node(&self, identity: &NodeIdentity) -> Result<&Node, Refused> {
        let node = self.nodes.get(identity);
        node.ok_or_else(|| Refused::UnknownNode(identity.clone()))
    }

    fn serial_is_new(&self, serial: &str) -> Result<(), Refused> {
        let held = || self.nodes.values().any(|n| n.serials.iter().any(|s| s == serial));
        if self.revoked_serials.contains(serial) || held() {
            return Err(Refused::SerialTaken(serial.to_owned()));
        }
        Ok(())
    }
}

fn room(what: &'static str, held: usize, known: bool, limit: usize) -> Result<(), Refused> {
    if known || held < limit { Ok(()) } else { Err(Refused::TooMany { what, limit }) }
}

//! The settings as folded from their changes, and which changes they admit.

use super::{Change, ClientRefused, PasswordHash, Refused, SecretDigest};
use collector_domain::Role;
use serde::{Deserialize, Serialize};
use shared_model::{NodeIdentity, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// People of one provider and one hospital are some dozens.
const ACCOUNTS_MAX: usize = 10_000;
/// A thousand nodes that join anew each month for years.
const TOKENS_MAX: usize = 100_000;
/// Nodes of one collector (the largest design has a thousand).
const NODES_MAX: usize = 10_000;
/// Programs that act for accounts are a few; a certificate a day for decades.
const CLIENTS_MAX: usize = 10_000;
/// Certificates of a node that may still be good at once. One lives three renewals, so older ones have long expired.
const SERIALS_MAX: usize = 64;

/// All settings. A compacted log holds this as JSON: fields may be added with a default, never changed or taken away.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Settings {
    /// Accounts by name.
    pub accounts: BTreeMap<String, Account>,
    /// Join tokens by their public part.
    pub tokens: BTreeMap<String, JoinToken>,
    /// Nodes that ever joined.
    pub nodes: BTreeMap<NodeIdentity, Node>,
    /// Programs that act for accounts, by the serial number of their certificate, hexadecimal.
    pub clients: BTreeMap<String, Client>,
    /// Serial numbers of nodes' certificates that were shut out, hexadecimal.
    pub revoked_serials: BTreeSet<String>,
}

/// A person's account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Account {
    /// What it may do.
    pub role: Role,
    /// PHC string.
    pub password_hash: PasswordHash,
    /// When it was added.
    pub created: Timestamp,
    /// Shut out: it exists, and is refused everywhere.
    pub disabled: bool,
}

/// A one-time token for joining.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct JoinToken {
    /// SHA-256 of its secret.
    pub secret_sha256: SecretDigest,
    /// The only node it is good for.
    pub node: NodeIdentity,
    /// It is refused from then on.
    pub expires: Timestamp,
    /// When it was used.
    pub used: Option<Timestamp>,
    /// When it was taken back.
    pub revoked: Option<Timestamp>,
}

/// A program that acts for an account with a certificate of its own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Client {
    /// The account it acts for.
    pub account: String,
    /// When it got its certificate.
    pub created: Timestamp,
    /// Last instant of its certificate.
    pub expires: Timestamp,
    /// When and why it was shut out.
    pub revoked: Option<Revoked>,
}

/// When and why somebody was shut out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Revoked {
    /// When.
    pub at: Timestamp,
    /// Why; empty when nobody said.
    pub reason: String,
}

/// A node that joined.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Node {
    /// When it joined last.
    pub joined: Timestamp,
    /// Serial number of its newest certificate, hexadecimal.
    pub cert_serial: String,
    /// Last instant of its newest certificate, where that was written down.
    pub cert_expires: Option<Timestamp>,
    /// Serial numbers since it joined last, oldest first, the newest among them.
    pub serials: Vec<String>,
    /// Shut out until it joins anew.
    pub revoked: bool,
    /// Why it was shut out last; empty when nobody said.
    pub revoked_reason: String,
}

impl Settings {
    /// Whether a node may open a session with this certificate.
    pub fn admits(&self, identity: &NodeIdentity, cert_serial: &str) -> bool {
        let node = self.nodes.get(identity);
        node.is_some_and(|n| !n.revoked && n.serials.iter().any(|s| s == cert_serial))
            && !self.revoked_serials.contains(cert_serial)
    }

    /// The account that a client's certificate acts for, unless one of the two is shut out. The certificate's own validity is
    /// the caller's to check.
    ///
    /// # Errors
    /// Why the client is refused.
    pub fn admits_client(
        &self,
        account: &str,
        cert_serial: &str,
    ) -> Result<&Account, ClientRefused> {
        let client = self.clients.get(cert_serial).filter(|c| c.account == account);
        let client = client.ok_or(ClientRefused::Unknown)?;
        if let Some(revoked) = &client.revoked {
            return Err(ClientRefused::Revoked(revoked.at));
        }
        match self.accounts.get(account) {
            None => Err(ClientRefused::NoAccount),
            Some(account) if account.disabled => Err(ClientRefused::Disabled),
            Some(account) => Ok(account),
        }
    }

    /// Drops the tokens that were used, taken back or had run out before `before`.
    pub(super) fn forget_tokens(&mut self, before: Timestamp) {
        self.tokens.retain(|_, t| t.used.or(t.revoked).unwrap_or(t.expires) >= before);
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
            Change::AccountRemoved { name, .. } => self.account(name).map(drop),
            Change::AccountDisabled { name, .. } => match self.account(name)?.disabled {
                true => Err(Refused::AccountIs(name.clone(), "disabled")),
                false => Ok(()),
            },
            Change::AccountEnabled { name, .. } => match self.account(name)?.disabled {
                true => Ok(()),
                false => Err(Refused::AccountIs(name.clone(), "enabled")),
            },
            Change::ClientIssued { cert_serial, account, .. } => {
                self.account(account)?;
                self.serial_is_new(cert_serial)?;
                room("clients", self.clients.len(), false, CLIENTS_MAX)
            }
            Change::ClientRevoked { cert_serial, reason, .. } => {
                check_reason(reason)?;
                let client = self.clients.get(cert_serial);
                let client = client.ok_or_else(|| Refused::UnknownClient(cert_serial.clone()))?;
                match &client.revoked {
                    Some(revoked) => Err(Refused::ClientRevoked(cert_serial.clone(), revoked.at)),
                    None => Ok(()),
                }
            }
            Change::TokenIssued { id, .. } => {
                if self.tokens.contains_key(id) {
                    return Err(Refused::TokenExists(id.clone()));
                }
                room("join tokens", self.tokens.len(), false, TOKENS_MAX)
            }
            Change::TokenRevoked { id, .. } => self.usable_token(id).map(drop),
            Change::TokenUsed { id, at } => {
                let token = self.usable_token(id)?;
                if *at >= token.expires {
                    return Err(Refused::TokenExpired(id.clone(), token.expires));
                }
                Ok(())
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
            Change::NodeRevoked { identity, reason, .. } => {
                check_reason(reason)?;
                match self.node(identity)?.revoked {
                    true => Err(Refused::NodeRevoked(identity.clone())),
                    false => Ok(()),
                }
            }
        }
    }

    /// Takes in a change that was checked when it was made.
    pub(super) fn fold(&mut self, change: Change) {
        match change {
            Change::AccountSet { name, role, password_hash, at } => {
                let created = self.accounts.get(&name).map_or(at, |a| a.created);
                let account = Account { role, password_hash, created, disabled: false };
                self.accounts.insert(name, account);
            }
            Change::AccountRemoved { name, at } => {
                self.accounts.remove(&name);
                self.revoke_clients_of(&name, at);
            }
            Change::AccountDisabled { name, .. } => self.set_disabled(&name, true),
            Change::AccountEnabled { name, .. } => self.set_disabled(&name, false),
            Change::ClientIssued { cert_serial, account, expires, at } => {
                let client = Client { account, created: at, expires, revoked: None };
                self.clients.insert(cert_serial, client);
            }
            Change::ClientRevoked { cert_serial, reason, at } => {
                if let Some(client) = self.clients.get_mut(&cert_serial) {
                    client.revoked = Some(Revoked { at, reason });
                }
            }
            Change::TokenRevoked { id, at } => {
                if let Some(token) = self.tokens.get_mut(&id) {
                    token.revoked = Some(at);
                }
            }
            Change::TokenIssued { id, secret_sha256, node, expires, .. } => {
                let token = JoinToken { secret_sha256, node, expires, used: None, revoked: None };
                self.tokens.insert(id, token);
            }
            Change::TokenUsed { id, at } => {
                if let Some(token) = self.tokens.get_mut(&id) {
                    token.used = Some(at);
                }
            }
            Change::NodeJoined { identity, cert_serial, cert_expires, at } => {
                self.join(identity, cert_serial, cert_expires, at);
            }
            Change::NodeRenewed { identity, cert_serial, cert_expires, .. } => {
                if let Some(node) = self.nodes.get_mut(&identity) {
                    if node.serials.len() >= SERIALS_MAX {
                        node.serials.remove(0);
                    }
                    node.serials.push(cert_serial.clone());
                    node.cert_serial = cert_serial;
                    node.cert_expires = cert_expires;
                }
            }
            Change::NodeRevoked { identity, reason, .. } => {
                if let Some(node) = self.nodes.get_mut(&identity) {
                    node.revoked = true;
                    node.revoked_reason = reason;
                    self.revoked_serials.extend(node.serials.iter().cloned());
                }
            }
        }
    }

    /// Joining anew shuts out what the node had before: its key may be what was lost.
    fn join(
        &mut self,
        identity: NodeIdentity,
        cert_serial: String,
        cert_expires: Option<Timestamp>,
        at: Timestamp,
    ) {
        let node = Node {
            joined: at,
            serials: vec![cert_serial.clone()],
            cert_serial,
            cert_expires,
            revoked: false,
            revoked_reason: String::new(),
        };
        if let Some(before) = self.nodes.insert(identity, node) {
            self.revoked_serials.extend(before.serials);
        }
    }

    /// A name that is given again later must not bring the certificates of its former holder back.
    fn revoke_clients_of(&mut self, account: &str, at: Timestamp) {
        let reason = "its account was removed";
        for client in self.clients.values_mut().filter(|c| c.account == account) {
            client.revoked.get_or_insert(Revoked { at, reason: reason.to_owned() });
        }
    }

    fn set_disabled(&mut self, account: &str, disabled: bool) {
        if let Some(account) = self.accounts.get_mut(account) {
            account.disabled = disabled;
        }
    }

    fn account(&self, name: &str) -> Result<&Account, Refused> {
        self.accounts.get(name).ok_or_else(|| Refused::UnknownAccount(name.to_owned()))
    }

    /// A token that is neither used nor taken back.
    fn usable_token(&self, id: &str) -> Result<&JoinToken, Refused> {
        let token = self.tokens.get(id).ok_or_else(|| Refused::UnknownToken(id.to_owned()))?;
        match (token.used, token.revoked) {
            (Some(used), _) => Err(Refused::TokenUsed(id.to_owned(), used)),
            (None, Some(revoked)) => Err(Refused::TokenRevoked(id.to_owned(), revoked)),
            (None, None) => Ok(token),
        }
    }

    fn node(&self, identity: &NodeIdentity) -> Result<&Node, Refused> {
        let node = self.nodes.get(identity);
        node.ok_or_else(|| Refused::UnknownNode(identity.clone()))
    }

    fn serial_is_new(&self, serial: &str) -> Result<(), Refused> {
        let held = || self.nodes.values().any(|n| n.serials.iter().any(|s| s == serial));
        let client = self.clients.contains_key(serial);
        if client || self.revoked_serials.contains(serial) || held() {
            return Err(Refused::SerialTaken(serial.to_owned()));
        }
        Ok(())
    }
}

fn check_reason(reason: &str) -> Result<(), Refused> {
    if reason.chars().count() <= super::refused::REASON_CHARS_MAX {
        Ok(())
    } else {
        Err(Refused::Reason)
    }
}

fn room(what: &'static str, held: usize, known: bool, limit: usize) -> Result<(), Refused> {
    if known || held < limit { Ok(()) } else { Err(Refused::TooMany { what, limit }) }
}

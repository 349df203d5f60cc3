//! Who a program that acts for an account is.

use crate::InvalidIdentity;
use crate::identity::is_part;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An account's identity: the URI `spiffe://<provider>/hospital/<h>/account/<name>` of a client's certificate.
///
/// The name is 1 to 63 of `A-Z a-z 0-9 - _ .`, starting with a letter or digit: what SPIFFE allows in a path. Accounts of
/// people may have other names; a program gets an account of its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountIdentity {
    provider: Box<str>,
    hospital: Box<str>,
    account: Box<str>,
}

impl AccountIdentity {
    /// Builds an identity from its parts.
    ///
    /// # Errors
    /// [`InvalidIdentity`] with the part that cannot be in one.
    pub fn new(provider: &str, hospital: &str, account: &str) -> Result<Self, InvalidIdentity> {
        for part in [provider, hospital, &account.to_ascii_lowercase()] {
            if !is_part(part) {
                return Err(InvalidIdentity(part.chars().take(80).collect()));
            }
        }
        Ok(Self { provider: provider.into(), hospital: hospital.into(), account: account.into() })
    }

    /// The account's name.
    pub fn account(&self) -> &str {
        &self.account
    }
}

impl fmt::Display for AccountIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, hospital, account } = self;
        write!(f, "spiffe://{provider}/hospital/{hospital}/account/{account}")
    }
}

impl FromStr for AccountIdentity {
    type Err = InvalidIdentity;

    fn from_str(text: &str) -> Result<Self, InvalidIdentity> {
        let wrong = || InvalidIdentity(text.chars().take(80).collect());
        let rest = text.strip_prefix("spiffe://").ok_or_else(wrong)?;
        let parts: Vec<&str> = rest.split('/').collect();
        match parts.as_slice() {
            [provider, "hospital", hospital, "account", account] => {
                Self::new(provider, hospital, account)
            }
            _ => Err(wrong()),
        }
    }
}

impl TryFrom<String> for AccountIdentity {
    type Error = InvalidIdentity;

    fn try_from(text: String) -> Result<Self, InvalidIdentity> {
        text.parse()
    }
}

impl From<AccountIdentity> for String {
    fn from(identity: AccountIdentity) -> Self {
        identity.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeIdentity;

    /// Scenario: identities of an account and a node, each read as the other. Guarantees: the own kind comes back, the other is
    /// refused, and so are names that a URI cannot carry.
    #[test]
    fn neither_kind_passes_for_the_other() {
        let account = AccountIdentity::new("acme", "h1", "NOC-1").unwrap();
        let node = NodeIdentity::new("acme", "h1", "a1", "db-1").unwrap();
        assert_eq!(account.to_string().parse(), Ok(account.clone()));
        assert!(account.to_string().parse::<NodeIdentity>().is_err());
        assert!(node.to_string().parse::<AccountIdentity>().is_err());
        for bad in ["", "..", "a/b", "a b", "王工", &"x".repeat(64)] {
            assert!(AccountIdentity::new("acme", "h1", bad).is_err(), "{bad}");
        }
    }
}

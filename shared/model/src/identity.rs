//! Who a node is.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A node's identity: the URI `spiffe://<provider>/hospital/<h>/appliance/<a>/node/<n>` of its certificate.
///
/// Each part is 1 to 63 of `a-z 0-9 - _ .`, starting with a letter or digit, so that it is safe in file names,
/// labels and URIs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeIdentity {
    provider: Box<str>,
    hospital: Box<str>,
    appliance: Box<str>,
    node: Box<str>,
}

impl NodeIdentity {
    /// Builds an identity from its parts.
    pub fn new(
        provider: &str,
        hospital: &str,
        appliance: &str,
        node: &str,
    ) -> Result<Self, InvalidIdentity> {
        for part in [provider, hospital, appliance, node] {
            if !is_part(part) {
                return Err(InvalidIdentity(part.chars().take(80).collect()));
            }
        }
        Ok(Self {
            provider: provider.into(),
            hospital: hospital.into(),
            appliance: appliance.into(),
            node: node.into(),
        })
    }

    /// The service provider.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The hospital.
    pub fn hospital(&self) -> &str {
        &self.hospital
    }

    /// The appliance (一体机).
    pub fn appliance(&self) -> &str {
        &self.appliance
    }

    /// The node, which is also the `host` label.
    pub fn node(&self) -> &str {
        &self.node
    }
}

pub(crate) fn is_part(part: &str) -> bool {
    let byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=63).contains(&part.len())
        && part.bytes().next().is_some_and(byte)
        && part.bytes().all(|b| byte(b) || matches!(b, b'-' | b'_' | b'.'))
}

/// A text that is not a node identity, or a part that cannot be in one.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidIdentity(pub String);

impl fmt::Display for InvalidIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "'{}' is not a name for a provider, hospital, appliance, node or program's account: use 1 to 63 of a-z 0-9 - _ .",
            self.0
        )
    }
}

impl std::error::Error for InvalidIdentity {}

impl fmt::Display for NodeIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, hospital, appliance, node } = self;
        write!(f, "spiffe://{provider}/hospital/{hospital}/appliance/{appliance}/node/{node}")
    }
}

impl FromStr for NodeIdentity {
    type Err = InvalidIdentity;

    fn from_str(text: &str) -> Result<Self, InvalidIdentity> {
        let wrong = || InvalidIdentity(text.chars().take(80).collect());
        let rest = text.strip_prefix("spiffe://").ok_or_else(wrong)?;
        let parts: Vec<&str> = rest.split('/').collect();
        match parts.as_slice() {
            [p, "hospital", h, "appliance", a, "node", n] => Self::new(p, h, a, n),
            _ => Err(wrong()),
        }
    }
}

impl TryFrom<String> for NodeIdentity {
    type Error = InvalidIdentity;

    fn try_from(text: String) -> Result<Self, InvalidIdentity> {
        text.parse()
    }
}

impl From<NodeIdentity> for String {
    fn from(identity: NodeIdentity) -> Self {
        identity.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: an identity printed and parsed. Guarantees: the same parts come back.
    #[test]
    fn uri_round_trips() {
        let id = NodeIdentity::new("acme", "h1", "a1", "db-1").unwrap();
        assert_eq!(id.to_string(), "spiffe://acme/hospital/h1/appliance/a1/node/db-1");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    /// Scenario: names with path tricks, capitals or no length. Guarantees: refused.
    #[test]
    fn unsafe_names_are_refused() {
        for bad in ["", "..", "a/b", "A", "-a", "a b", &"x".repeat(64)] {
            assert!(NodeIdentity::new("acme", "h1", "a1", bad).is_err(), "{bad}");
        }
    }
}

//! Values that must not reach a log line.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use std::fmt;
use subtle::ConstantTimeEq;

/// A password's PHC string, such as `$argon2id$v=19$...`. Not printed by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(pub String);

/// SHA-256 of a token's secret. Not printed by `Debug`; compared in constant time by [`SecretDigest::matches`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretDigest(pub [u8; 32]);

impl SecretDigest {
    /// Whether both are the same, in a time that does not depend on where they differ.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl From<SecretDigest> for String {
    fn from(digest: SecretDigest) -> Self {
        HEXLOWER.encode(&digest.0)
    }
}

impl TryFrom<String> for SecretDigest {
    type Error = &'static str;

    fn try_from(hex: String) -> Result<Self, Self::Error> {
        let bytes = HEXLOWER.decode(hex.as_bytes()).ok();
        let digest = bytes.and_then(|b| b.try_into().ok());
        digest.map(Self).ok_or("a digest is 64 lower-case hexadecimal digits")
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(..)")
    }
}

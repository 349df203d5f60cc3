//! One-time join tokens: `wr1.<CA pin>.<id>.<secret>`. There is no short form without the pin, because a node that
//! does not know the CA cannot tell the collector from somebody in between.

use crate::Secret;
use data_encoding::BASE32_NOPAD;
use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use x509_parser::prelude::{FromDer, X509Certificate};

const SECRET_BYTES: usize = 32;
const ID_BYTES: usize = 8;

/// A join token. Shown once, when it is created; the collector keeps only a digest of its secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JoinToken {
    /// SHA-256 of the CA's public key (`SubjectPublicKeyInfo`).
    pub pin: [u8; 32],
    /// Names the token in lists and logs.
    pub id: String,
    /// Proves that the holder was given the token.
    pub secret: Secret,
}

impl JoinToken {
    /// A new token with a random id and secret.
    pub fn generate(pin: [u8; 32]) -> Result<Self, getrandom::Error> {
        let (mut id, mut secret) = ([0; ID_BYTES], [0; SECRET_BYTES]);
        getrandom::fill(&mut id)?;
        getrandom::fill(&mut secret)?;
        Ok(Self { pin, id: base32(&id), secret: Secret::new(base32(&secret)) })
    }

    /// The whole token as it is typed.
    pub fn reveal(&self) -> Secret {
        Secret::new(format!("wr1.{}.{}.{}", base32(&self.pin), self.id, self.secret.expose()))
    }
}

/// What the collector keeps of a secret: its SHA-256. A 256-bit random secret needs no slow hash.
pub fn token_secret_digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// The pin of a certificate: SHA-256 of its public key. `None` when it does not parse.
pub fn spki_pin(certificate: &CertificateDer<'_>) -> Option<[u8; 32]> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(Sha256::digest(parsed.public_key().raw).into())
}

fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

/// A text that is not a join token. Never repeats the text, which may be most of a secret.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidToken;

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "this is not a whole join token: it reads wr1.<CA pin>.<id>.<secret>, as 'wardround-collector token create' prints it",
        )
    }
}

impl std::error::Error for InvalidToken {}

impl FromStr for JoinToken {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let parts: Vec<&str> = text.trim().split('.').collect();
        let ["wr1", pin, id, secret] = parts.as_slice() else {
            return Err(InvalidToken);
        };
        let decode = |part: &str, bytes: usize| {
            let decoded = BASE32_NOPAD.decode(part.to_ascii_uppercase().as_bytes());
            decoded.ok().filter(|d| d.len() == bytes).ok_or(InvalidToken)
        };
        let pin: [u8; 32] = decode(pin, 32)?.try_into().map_err(|_| InvalidToken)?;
        decode(id, ID_BYTES)?;
        decode(secret, SECRET_BYTES)?;
        Ok(Self { pin, id: (*id).to_owned(), secret: Secret::new((*secret).to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a token printed, typed and cut. Guarantees: the whole one comes back, anything shorter is refused, and
    /// nothing prints the secret.
    #[test]
    fn only_whole_tokens_pass() {
        let token = JoinToken::generate([7; 32]).unwrap();
        let text = token.reveal();
        assert_eq!(text.expose().parse(), Ok(token.clone()));
        for cut in 0..text.expose().len() {
            assert_eq!(text.expose()[..cut].parse::<JoinToken>(), Err(InvalidToken));
        }
        assert!(!format!("{token:?}").contains(token.secret.expose()));
    }
}

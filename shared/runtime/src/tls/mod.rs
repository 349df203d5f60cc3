//! TLS 1.3 and node identity: the collector's certificate authority, join tokens, and the two ends' configurations.
//!
//! Names in certificates: every collector's certificate carries the DNS name [`COLLECTOR_NAME`], whatever address it is
//! dialled by, and the extended key usage `serverAuth`; a node's carries its SPIFFE URI and `clientAuth` only, so that a
//! node can never pose as the collector. One crypto provider (ring) for all; no session resumption, because it would
//! skip the check of a revoked certificate.

mod authority;
mod client;
mod identity;
mod node_key;
mod renewal;
mod server;
mod token;

pub use authority::{Authority, AuthorityError, Issued};
pub use client::{client_config, pinned_client_config};
pub use identity::{IdentityError, account_of, identity_of, serial_of, validity_of};
pub use node_key::{NodeCredentials, NodeKey, NodeKeyError};
pub use renewal::{OldCertificate, RENEWABLE_AFTER_EXPIRY, RenewalError, verify_renewal};
pub use server::{api_server_config, server_config};
pub use token::{InvalidToken, JoinToken, spki_pin, token_secret_digest};

use std::sync::Arc;

/// The DNS name in every collector's certificate, which agents check instead of the address they dial.
pub const COLLECTOR_NAME: &str = "collector.wardround.internal";

/// A TLS configuration could not be built.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM text holds no certificate or key.
    #[error("{what} is not PEM")]
    Pem {
        /// What was read.
        what: &'static str,
    },
    /// rustls refused the material.
    #[error("{what}")]
    Material {
        /// What was tried.
        what: &'static str,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The roots for verification are unusable.
    #[error("build the verifier: {0}")]
    Verifier(String),
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn certificates(
    pem: &str,
    what: &'static str,
) -> Result<Vec<rustls_pki_types::CertificateDer<'static>>, TlsError> {
    use rustls_pki_types::pem::PemObject;
    let parsed: Result<Vec<_>, _> =
        rustls_pki_types::CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match parsed {
        Ok(list) if !list.is_empty() => Ok(list),
        _ => Err(TlsError::Pem { what }),
    }
}

fn private_key(pem: &str) -> Result<rustls_pki_types::PrivateKeyDer<'static>, TlsError> {
    use rustls_pki_types::pem::PemObject;
    rustls_pki_types::PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| TlsError::Pem { what: "the private key" })
}

fn roots(ca_pem: &str) -> Result<Arc<rustls::RootCertStore>, TlsError> {
    let mut roots = rustls::RootCertStore::empty();
    for ca in certificates(ca_pem, "the CA certificate")? {
        roots.add(ca).map_err(|source| TlsError::Material { what: "trust the CA", source })?;
    }
    Ok(Arc::new(roots))
}

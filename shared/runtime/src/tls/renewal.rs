//! Checking a renewal: the old certificate and a signature by its key. The certificate may have expired, so that a node
//! behind a link that was down for weeks is not stranded.

use super::{TlsError, identity_of, provider, roots, validity_of};
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::{CertificateDer, UnixTime};
use shared_model::{NodeIdentity, Timestamp};
use std::time::Duration;
use webpki::{EndEntityCert, ring::ECDSA_P256_SHA256};

/// A certificate older than this cannot be renewed: the node joins again (fabric of trust, not of convenience).
pub const RENEWABLE_AFTER_EXPIRY: Duration = Duration::from_secs(90 * 86_400);

/// An old certificate whose holder proved to own its key.
#[derive(Clone, Debug)]
pub struct OldCertificate {
    /// The node it is for.
    pub identity: NodeIdentity,
}

/// Why a renewal is not allowed.
#[derive(Debug, thiserror::Error)]
pub enum RenewalError {
    /// Not issued by this collector's CA.
    #[error("the old certificate is not from this collector: join the node with a token")]
    Issuer,
    /// Expired for too long.
    #[error(
        "the old certificate expired at {0}, more than 90 days ago: join the node with a token"
    )]
    Expired(Timestamp),
    /// The signature is not by the certificate's key.
    #[error("the request is not signed by the key of the old certificate")]
    Signature,
    /// The certificate names no node.
    #[error("the old certificate is not a node's")]
    Identity(#[source] super::IdentityError),
    /// The CA's own certificate is unusable.
    #[error(transparent)]
    Authority(#[from] TlsError),
}

/// Checks issuer, age and signature (ECDSA P-256 with SHA-256 over `message`).
pub fn verify_renewal(
    certificate_der: &[u8],
    ca_pem: &str,
    message: &[u8],
    signature: &[u8],
    now: Timestamp,
) -> Result<OldCertificate, RenewalError> {
    let certificate = CertificateDer::from(certificate_der.to_vec());
    let (not_before, not_after) = validity_of(&certificate).map_err(RenewalError::Identity)?;
    if now.since(not_after) > RENEWABLE_AFTER_EXPIRY {
        return Err(RenewalError::Expired(not_after));
    }
    // Verified at an instant at which it was valid, so that expiry alone does not refuse it.
    let at = now.clamp(not_before, not_after.max(not_before)).as_millis().div_euclid(1_000);
    let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at).unwrap_or(0)));
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(ca_pem)?, provider())
        .build()
        .map_err(|e| TlsError::Verifier(e.to_string()))?;
    verifier.verify_client_cert(&certificate, &[], at).map_err(|_| RenewalError::Issuer)?;
    let end_entity = EndEntityCert::try_from(&certificate).map_err(|_| RenewalError::Issuer)?;
    end_entity
        .verify_signature(ECDSA_P256_SHA256, message, signature)
        .map_err(|_| RenewalError::Signature)?;
    let identity = identity_of(&certificate).map_err(RenewalError::Identity)?;
    Ok(OldCertificate { identity })
}

//! What a client certificate says: whose it is, and how long.

use rustls_pki_types::CertificateDer;
use shared_model::{AccountIdentity, InvalidIdentity, NodeIdentity, Timestamp};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// A certificate that names nobody, or somebody of another kind.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Not X.509.
    #[error("the certificate cannot be parsed")]
    Parse,
    /// No URI, or more than one, among the subject's alternative names.
    #[error("the certificate carries {0} URI names where exactly one SPIFFE identity is expected")]
    Count(usize),
    /// The URI is not a node's.
    #[error("the certificate's URI is not a node identity")]
    Uri(#[source] InvalidIdentity),
    /// The URI is not an account's.
    #[error("the certificate's URI is not an account identity")]
    AccountUri(#[source] InvalidIdentity),
}

/// The node identity in the certificate's only URI name. The common name is ignored.
pub fn identity_of(certificate: &CertificateDer<'_>) -> Result<NodeIdentity, IdentityError> {
    uri_of(certificate)?.parse().map_err(IdentityError::Uri)
}

/// The account identity in the certificate's only URI name. The common name is ignored.
///
/// # Errors
/// [`IdentityError`]; a node's certificate is refused.
pub fn account_of(certificate: &CertificateDer<'_>) -> Result<AccountIdentity, IdentityError> {
    uri_of(certificate)?.parse().map_err(IdentityError::AccountUri)
}

fn uri_of(certificate: &CertificateDer<'_>) -> Result<String, IdentityError> {
    let certificate = parse(certificate)?;
    let names = certificate.subject_alternative_name().map_err(|_| IdentityError::Parse)?;
    let names = names.map(|n| n.value.general_names.as_slice()).unwrap_or_default();
    let uris: Vec<&str> = names
        .iter()
        .filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        })
        .collect();
    match uris.as_slice() {
        [uri] => Ok((*uri).to_owned()),
        other => Err(IdentityError::Count(other.len())),
    }
}

/// The serial number in lower-case hexadecimal.
pub fn serial_of(certificate: &CertificateDer<'_>) -> Result<String, IdentityError> {
    Ok(data_encoding::HEXLOWER.encode(parse(certificate)?.raw_serial()))
}

/// First and last instant at which the certificate is valid.
pub fn validity_of(
    certificate: &CertificateDer<'_>,
) -> Result<(Timestamp, Timestamp), IdentityError> {
    let validity = parse(certificate)?.validity().clone();
    let at = |time: x509_parser::time::ASN1Time| Timestamp::from_secs(time.timestamp());
    Ok((at(validity.not_before), at(validity.not_after)))
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, IdentityError> {
    X509Certificate::from_der(certificate).map(|(_, c)| c).map_err(|_| IdentityError::Parse)
}

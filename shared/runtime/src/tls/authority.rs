//! The collector's own certificate authority.

use super::COLLECTOR_NAME;
use crate::files::{FileError, replace_file};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateSigningRequestParams,
    DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData, SanType, SerialNumber,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use shared_model::{AccountIdentity, NodeIdentity, Timestamp};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use time::OffsetDateTime;

const CA_YEARS: u64 = 20;
const DAY: Duration = Duration::from_secs(86_400);
/// Nodes' clocks may lag: certificates are valid from a little before they are made, but for no more than a tenth of their
/// life, so that a third of it does not lie in the past.
const BACKDATE: Duration = Duration::from_secs(300);
const BACKDATE_SHARE: u32 = 10;

/// A certificate authority: key and certificate under `DIR/ca.key` (0600) and `DIR/ca.crt`.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    pin: [u8; 32],
}

/// A certificate that was just issued.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate in PEM, without the CA.
    pub certificate_pem: String,
    /// The same in DER.
    pub certificate_der: Vec<u8>,
    /// Its serial number in lower-case hexadecimal.
    pub serial: String,
    /// Last instant of validity.
    pub not_after: Timestamp,
}

/// Why the authority failed.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file cannot be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// One of key and certificate is there without the other.
    #[error("{} is missing beside its partner: restore both from a backup, or remove both to start a new CA (every node must join again)", path.display())]
    Half {
        /// The missing file.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] FileError),
    /// The signing request is malformed or its signature does not verify.
    #[error("the signing request is not valid")]
    Request(#[source] rcgen::Error),
    /// rcgen failed.
    #[error("{what}")]
    Certificate {
        /// What was tried.
        what: &'static str,
        /// Why.
        #[source]
        source: rcgen::Error,
    },
    /// The system has no randomness.
    #[error("no randomness: {0}")]
    Random(getrandom::Error),
}

impl Authority {
    /// Opens the authority in `dir`, creating key and certificate the first time.
    pub fn open(dir: &Path, now: Timestamp) -> Result<Self, AuthorityError> {
        let (key_path, cert_path) = (dir.join("ca.key"), dir.join("ca.crt"));
        let (key_pem, cert_pem) = match (read(&key_path)?, read(&cert_path)?) {
            (Some(key), Some(cert)) => (key, cert),
            (None, None) => create(&key_path, &cert_path, now)?,
            (Some(_), None) => return Err(AuthorityError::Half { path: cert_path }),
            (None, Some(_)) => return Err(AuthorityError::Half { path: key_path }),
        };
        let key = KeyPair::from_pem(&key_pem).map_err(failed("read the CA key"))?;
        let pin = Sha256::digest(key.subject_public_key_info()).into();
        let issuer =
            Issuer::from_ca_cert_pem(&cert_pem, key).map_err(failed("read the CA certificate"))?;
        Ok(Self { issuer, certificate_pem: cert_pem, pin })
    }

    /// The CA certificate in PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The CA certificate in DER.
    pub fn certificate_der(&self) -> Vec<u8> {
        CertificateDer::from_pem_slice(self.certificate_pem.as_bytes())
            .map(|der| der.to_vec())
            .expect("the certificate was parsed when the authority was opened")
    }

    /// SHA-256 of the CA's public key, as join tokens carry it.
    pub fn pin(&self) -> [u8; 32] {
        self.pin
    }

    /// Issues the collector's own certificate with a fresh key, returned in PEM. `names` are the DNS names and addresses
    /// by which browsers and tools reach it.
    pub fn issue_server(
        &self,
        names: &[String],
        now: Timestamp,
        days: u32,
    ) -> Result<(Issued, String), AuthorityError> {
        let key = KeyPair::generate().map_err(failed("make a key"))?;
        let all = std::iter::once(COLLECTOR_NAME).chain(names.iter().map(String::as_str));
        let mut params = CertificateParams::default();
        for name in all {
            params.subject_alt_names.push(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(
                    name.try_into()
                        .map_err(failed("use a name of the collector in its certificate"))?,
                ),
            });
        }
        params.distinguished_name = common_name("wardround-collector");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let (serial, not_after) = dress(&mut params, now, DAY * days)?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(failed("sign the collector's certificate"))?;
        let issued = issued(&certificate, serial, not_after);
        Ok((issued, key.serialize_pem()))
    }

    /// Signs a node's request. Only the public key of the request is used (its signature proves possession); names and
    /// validity are ours.
    pub fn issue_node(
        &self,
        request_der: &[u8],
        identity: &NodeIdentity,
        now: Timestamp,
        life: Duration,
    ) -> Result<Issued, AuthorityError> {
        self.issue_client(request_der, &identity.to_string(), identity.node(), now, life)
    }

    /// Signs the request of a program that acts for an account, under the same terms as [`Authority::issue_node`].
    ///
    /// # Errors
    /// [`AuthorityError::Request`], [`AuthorityError::Certificate`], [`AuthorityError::Random`].
    pub fn issue_account(
        &self,
        request_der: &[u8],
        identity: &AccountIdentity,
        now: Timestamp,
        days: u32,
    ) -> Result<Issued, AuthorityError> {
        self.issue_client(request_der, &identity.to_string(), identity.account(), now, DAY * days)
    }

    fn issue_client(
        &self,
        request_der: &[u8],
        uri: &str,
        name: &str,
        now: Timestamp,
        life: Duration,
    ) -> Result<Issued, AuthorityError> {
        let mut request = CertificateSigningRequestParams::from_der(&request_der.into())
            .map_err(AuthorityError::Request)?;
        let mut params = CertificateParams::default();
        let uri = uri.try_into().map_err(failed("write the identity"))?;
        params.subject_alt_names = vec![SanType::URI(uri)];
        params.distinguished_name = common_name(name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (serial, not_after) = dress(&mut params, now, life)?;
        request.params = params;
        let certificate =
            request.signed_by(&self.issuer).map_err(failed("sign the client's certificate"))?;
        Ok(issued(&certificate, serial, not_after))
    }
}

fn create(
    key_path: &Path,
    cert_path: &Path,
    now: Timestamp,
) -> Result<(String, String), AuthorityError> {
    let key = KeyPair::generate().map_err(failed("make the CA key"))?;
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name("Wardround CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = offset(now.minus(BACKDATE));
    params.not_after = offset(now.plus(DAY * u32::try_from(CA_YEARS * 365).unwrap_or(u32::MAX)));
    let certificate = params.self_signed(&key).map_err(failed("sign the CA certificate"))?;
    replace_file(key_path, key.serialize_pem().as_bytes(), 0o600)?;
    replace_file(cert_path, certificate.pem().as_bytes(), 0o644)?;
    Ok((key.serialize_pem(), certificate.pem()))
}

fn dress(
    params: &mut CertificateParams,
    now: Timestamp,
    life: Duration,
) -> Result<(String, Timestamp), AuthorityError> {
    let mut serial = [0u8; 16];
    getrandom::fill(&mut serial).map_err(AuthorityError::Random)?;
    // A positive serial without a leading zero byte prints the same everywhere.
    serial[0] = serial[0] & 0x3f | 0x40;
    let not_after = now.plus(life);
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.not_before = offset(now.minus(BACKDATE.min(life / BACKDATE_SHARE)));
    params.not_after = offset(not_after);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    Ok((data_encoding::HEXLOWER.encode(&serial), not_after))
}

fn issued(certificate: &Certificate, serial: String, not_after: Timestamp) -> Issued {
    let certificate_der = certificate.der().to_vec();
    Issued { certificate_pem: certificate.pem(), certificate_der, serial, not_after }
}

fn common_name(name: &str) -> DistinguishedName {
    let mut dn = DistinguishedName::new();
    dn.push(DnType::CommonName, name);
    dn
}

fn offset(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.as_millis().div_euclid(1_000))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn failed(what: &'static str) -> impl Fn(rcgen::Error) -> AuthorityError {
    move |source| AuthorityError::Certificate { what, source }
}

fn read(path: &Path) -> Result<Option<String>, AuthorityError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(AuthorityError::Read { path: path.to_owned(), source }),
    }
}

//! TLS towards a database server.

use crate::endpoint::{Endpoint, SslMode};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use shared_model::Timestamp;
use shared_runtime::tls::validity_of;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A CA file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub(super) struct CaFileError {
    path: PathBuf,
    what: String,
}

/// When the certificate ends that a server showed; `None` until it showed one.
pub(super) type CertificateEnd = Arc<OnceLock<Timestamp>>;

/// The TLS side of an endpoint, `None` when it never encrypts. Reads the CA file, so that a renewed one is found at the
/// next connection. `end` takes the end of the server's certificate.
pub(super) fn connector(
    endpoint: &Endpoint,
    end: &CertificateEnd,
) -> Result<Option<MakeRustlsConnect>, CaFileError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match (endpoint.sslmode, &endpoint.ca_file) {
        (SslMode::Disable, _) => return Ok(None),
        (SslMode::Prefer | SslMode::Require, _) => Arc::new(AnyServer(Arc::clone(&provider))),
        (SslMode::VerifyFull, ca_file) => {
            let path = ca_file.as_deref().unwrap_or(Path::new(""));
            let (roots, provider) = (Arc::new(roots(path)?), Arc::clone(&provider));
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
            verifier.map_err(|e| CaFileError { path: path.to_owned(), what: e.to_string() })?
        }
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring offers every default protocol version")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Noted { verifier, end: Arc::clone(end) }))
        .with_no_client_auth();
    Ok(Some(MakeRustlsConnect::new(config)))
}

/// Judges as another one does, and notes when the certificate ends.
#[derive(Debug)]
struct Noted {
    verifier: Arc<dyn ServerCertVerifier>,
    end: CertificateEnd,
}

impl ServerCertVerifier for Noted {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Ok((_, end)) = validity_of(end_entity) {
            self.end.get_or_init(|| end);
        }
        self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

fn roots(path: &Path) -> Result<RootCertStore, CaFileError> {
    let fault = |what: String| CaFileError { path: path.to_owned(), what };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|e| fault(e.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|e| fault(e.to_string()))?;
        roots.add(certificate).map_err(|e| fault(e.to_string()))?;
    }
    if roots.is_empty() { Err(fault("holds no certificate".into())) } else { Ok(roots) }
}

/// Takes any certificate, as libpq's `require` does: it keeps a listener out, not a man in the middle. The server still
/// has to prove that it holds the certificate's key.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

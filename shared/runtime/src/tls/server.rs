//! The collector's end.

use super::{TlsError, certificates, private_key, provider, roots};
use rustls::ServerConfig;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use std::sync::Arc;

/// For the agents' port: asks for a client certificate of our CA. A connection without one is let in, because `Join` and
/// `Renew` have none yet; the services refuse everything else on it. A wrong certificate ends the handshake.
pub fn server_config(
    certificate_pem: &str,
    key_pem: &str,
    ca_pem: &str,
) -> Result<ServerConfig, TlsError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(ca_pem)?, provider())
        .allow_unauthenticated()
        .build()
        .map_err(|e| TlsError::Verifier(e.to_string()))?;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|source| TlsError::Material { what: "choose TLS 1.3", source })?
        .with_client_cert_verifier(verifier);
    finish(builder, certificate_pem, key_pem, ca_pem, &["h2"])
}

/// For the HTTPS port of people and tools: no client certificate.
pub fn api_server_config(
    certificate_pem: &str,
    key_pem: &str,
    ca_pem: &str,
) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|source| TlsError::Material { what: "choose TLS 1.3", source })?
        .with_no_client_auth();
    finish(builder, certificate_pem, key_pem, ca_pem, &["h2", "http/1.1"])
}

fn finish(
    builder: rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert>,
    certificate_pem: &str,
    key_pem: &str,
    ca_pem: &str,
    protocols: &[&str],
) -> Result<ServerConfig, TlsError> {
    let mut chain = certificates(certificate_pem, "the collector's certificate")?;
    // The CA travels with the chain so that a joining node, which knows only its pin, can find it.
    chain.extend(certificates(ca_pem, "the CA certificate")?);
    let mut config = builder
        .with_single_cert(chain, private_key(key_pem)?)
        .map_err(|source| TlsError::Material { what: "use the collector's certificate", source })?;
    config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

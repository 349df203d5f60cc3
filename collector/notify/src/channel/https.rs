//! Webhooks over TLS, against a receiver that speaks it for real.

use super::{Answer, ChannelError, Webhook};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::{ServerConfig, SupportedProtocolVersion, version};
use rustls_pki_types::PrivateKeyDer;
use shared_model::Timestamp;
use shared_runtime::Secret;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

type Ca = CertifiedIssuer<'static, KeyPair>;

fn authority(dir: &Path, name: &str) -> (Ca, PathBuf) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let ca = Ca::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let path = dir.join(name);
    std::fs::write(&path, ca.pem()).unwrap();
    (ca, path)
}

/// A certificate for `name`, valid until the end of `year`.
fn server(
    ca: &Ca,
    name: &str,
    year: i32,
    version: &'static SupportedProtocolVersion,
) -> ServerConfig {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(year, 12, 31);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, ca).unwrap();
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap()
}

/// Answers every request with 204.
async fn receiver(config: ServerConfig) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(mut tls) = acceptor.accept(tcp).await else { continue };
            let mut request = [0; 4_096];
            // The message fits one record of TLS.
            if tls.read(&mut request).await.is_ok_and(|n| n > 0) {
                drop(tls.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await);
                drop(tls.shutdown().await);
            }
        }
    });
    address
}

async fn tell(url: String, ca_file: &Path) -> Answer {
    let secret = Secret::new("0123456789abcdef0123456789abcdef".to_owned());
    let (target, limit) = (url.parse().unwrap(), Duration::from_secs(10));
    let webhook = Webhook::new(target, secret, Some(ca_file), limit).unwrap();
    webhook.send("key", b"{}".to_vec(), Timestamp::from_secs(1), None).await
}

/// Scenario: receivers with TLS 1.3 and 1.2, another authority's certificate, one for another name, an expired one.
/// Guarantees: the first two are told; the message never leaves for the others, and the words say why.
#[tokio::test]
async fn only_a_proven_receiver_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let ((ca, trusted), (other, _)) = (authority(dir.path(), "ca"), authority(dir.path(), "other"));
    for (what, config, expected) in [
        ("TLS 1.3", server(&ca, "127.0.0.1", 2099, &version::TLS13), Ok(204)),
        ("TLS 1.2", server(&ca, "127.0.0.1", 2099, &version::TLS12), Ok(204)),
        ("another CA", server(&other, "127.0.0.1", 2099, &version::TLS13), Err("UnknownIssuer")),
        (
            "another name",
            server(&ca, "127.0.0.2", 2099, &version::TLS13),
            Err("not valid for name"),
        ),
        ("expired", server(&ca, "127.0.0.1", 2021, &version::TLS13), Err("expired")),
    ] {
        let address = receiver(config).await;
        match (tell(format!("https://{address}/hook"), &trusted).await, expected) {
            (Answer::Told { status }, Ok(expected)) => assert_eq!(status, expected, "{what}"),
            (Answer::Unreachable { why, .. }, Err(words)) => {
                assert!(
                    why.starts_with("TLS with 127.0.0.1: ") && why.contains(words),
                    "{what}: {why}"
                );
            }
            (answer, _) => panic!("{what}: {answer:?}"),
        }
    }
}

/// Scenario: a receiver that speaks plain HTTP where TLS is expected, and nobody at all. Guarantees: both are unreachable,
/// which is tried again.
#[tokio::test]
async fn a_receiver_without_tls_is_unreachable() {
    let dir = tempfile::tempdir().unwrap();
    let (_, trusted) = authority(dir.path(), "ca");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answering = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let answer = tell(format!("https://{address}/"), &trusted).await;
    assert!(matches!(&answer, Answer::Unreachable { .. }), "{answer:?}");
    answering.await.unwrap();
    let answer = tell(format!("https://{address}/"), &trusted).await;
    assert!(
        matches!(&answer, Answer::Unreachable { why, .. } if why.contains("connect")),
        "{answer:?}"
    );
}

/// Scenario: a file of authorities that is missing, and one without a certificate. Guarantees: an error that names it.
#[test]
fn a_ca_file_must_hold_certificates() {
    let dir = tempfile::tempdir().unwrap();
    let open = |path: &Path| {
        let secret = Secret::new("x".repeat(32));
        let target = "https://noc.hospital.lan/".parse().unwrap();
        Webhook::new(target, secret, Some(path), Duration::from_secs(1)).err().unwrap()
    };
    let (missing, empty) = (dir.path().join("missing"), dir.path().join("empty"));
    std::fs::write(&empty, "no certificate").unwrap();
    assert!(matches!(open(&missing), ChannelError::Read { path, .. } if path == missing));
    assert!(matches!(open(&empty), ChannelError::NoCertificate(path) if path == empty));
}

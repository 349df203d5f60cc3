//! Foreign endpoints.

use crate::round::{clock, round, value, words};
use crate::server;
use agent_inputs::{Scrape, ScrapeProbe};
use agent_probe::{AsyncProbe, Sink};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn settings(address: SocketAddr, more: &str) -> Scrape {
    toml::from_str(&format!("name = \"san\"\nurl = \"http://{address}/metrics\"\n{more}")).unwrap()
}

async fn read(address: SocketAddr, more: &str) -> (String, String) {
    let mut probe = ScrapeProbe::new(&settings(address, more), clock());
    let (outcome, samples) = round(&mut probe, &mut Sink::default()).await;
    (words(&outcome), samples)
}

/// Scenario: an exporter with labels of names that are ours, values that are none, an old time stamp, and names that are ours.
/// Guarantees: reserved labels are renamed as Prometheus does, also where the new name is taken; NaN and what is old is left out, an
/// infinite bucket stays; nobody speaks in our name; each refused line is complained of by number.
#[tokio::test]
async fn foreign_series_are_taken_over_or_refused() {
    let body = b"# TYPE disk_ops counter\n\
        disk_ops{host=\"a\",instance=\"x\",job=\"y\",exported_job=\"z\",empty=\"\"} 5\n\
        temp NaN\n\
        lat_bucket{le=\"+Inf\"} 7\n\
        inf +Inf\n\
        old 1 1767225000000\n\
        new 1 1767225599000\n\
        wardround_core_service_up{service=\"registration\"} 1\n\
        bad{a=b} 1\n";
    let (said, samples) = read(server::http("200 OK", body).await, "").await;
    let expected = "disk_ops{exported_exported_job=\"y\",exported_host=\"a\",exported_instance=\"x\",exported_job=\"z\"} 5\n\
        inf inf\n\
        lat_bucket{le=\"+Inf\"} 7\n\
        new 1\n\
        wardround_scrape_refused 3\n\
        wardround_scrape_samples 4\n\
        wardround_scrape_up 1\n";
    assert_eq!(samples, expected);
    assert_eq!(
        said,
        "san:6: expected a sample of the last 5 minutes\n\
         san:8: expected a name that does not begin with wardround_\n\
         san:9: expected a quoted label value\n"
    );
}

/// Scenario: a wish for some names, and for fewer series than there are. Guarantees: only those; the rest is complained of once.
#[tokio::test]
async fn only_what_is_wanted_and_fits_is_taken() {
    let body: String = (0..20).map(|i| format!("a_{i} 1\nb_{i} 1\n")).collect();
    let address = server::http("200 OK", body.as_bytes()).await;
    let (said, samples) = read(address, "include = [\"b_1\"]\nmax_series = 5").await;
    assert_eq!(said, "san: more than 5 series, the others are left out\n");
    assert_eq!(value(&samples, "wardround_scrape_samples"), Some(5.0));
    assert!(samples.lines().filter(|l| l.starts_with("b_1")).count() == 5, "{samples}");
    assert!(!samples.contains("a_"), "{samples}");
}

/// Scenario: nobody listens, errors, a redirection, an answer that is too long, cut off, empty, no HTTP, a page. Guarantees: down, why
/// in words, and nothing of it taken over.
#[tokio::test]
async fn endpoints_that_fail_are_down() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\na 1\nb".to_vec();
    for (address, why) in [
        (server::nobody().await, "Connection refused"),
        (server::http("503 Service Unavailable", b"a 1\n").await, "answered HTTP 503"),
        (server::http("302 Found", b"").await, "answered HTTP 302"),
        (server::http("200 OK", &vec![b'#'; 2_000]).await, "more than 1024 bytes"),
        (server::raw(cut).await, "broke"),
        (server::raw(b"hello\n".to_vec()).await, ""),
        (server::http("200 OK", b"").await, "none of the wanted metrics"),
        (server::http("200 OK", b"<html>\n<p>hi</p>\n").await, "san:1: expected"),
    ] {
        let (said, samples) = read(address, "max_body_bytes = \"1KiB\"").await;
        assert!(said.contains(why), "{why}: {said}");
        assert_eq!(value(&samples, "wardround_scrape_up"), Some(0.0), "{why}");
        assert!(!samples.contains("a 1"), "{why}: {samples}");
    }
}

/// Scenario: an endpoint that never answers, cut by the runner. Guarantees: down.
#[tokio::test]
async fn a_cut_round_is_down() {
    let mut probe = ScrapeProbe::new(&settings(server::nobody().await, ""), clock());
    let mut sink = Sink::default();
    sink.begin();
    let outcome = probe.timed_out(&mut sink);
    assert_eq!(words(&outcome), "timed out after 5000 ms\n");
    assert_eq!(sink.samples().iter().filter(|s| s.value() == Some(0.0)).count(), 1);
}

/// Scenario: an endpoint over TLS that asks for a token, with the right authority and token, another authority, and a token file
/// that others can read. Guarantees: the token goes only to a proven endpoint and only out of a private file.
#[tokio::test]
async fn tokens_go_to_proven_endpoints_only() {
    let dir = tempfile::tempdir().unwrap();
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, ca.pem()).unwrap();
        (ca, path)
    };
    let ((ca, trusted), (_, other)) = (authority("ca"), authority("other"));
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &ca).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(
        vec![certificate.der().clone()],
        PrivateKeyDer::Pkcs8(key.serialize_der().into()),
    )
    .unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(mut tls) = acceptor.accept(tcp).await else { continue };
            let mut request = vec![0; 4_096];
            let n = tls.read(&mut request).await.unwrap_or(0);
            let asked = String::from_utf8_lossy(&request[..n]).to_lowercase();
            let up = u8::from(asked.contains("authorization: bearer sesame"));
            let body = format!("proven {up}\n");
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let _ = tls.write_all(answer.as_bytes()).await;
            let _ = tls.shutdown().await;
        }
    });
    let token = dir.path().join("token");
    std::fs::write(&token, "sesame\n").unwrap();
    for (ca, mode, said, proven) in [
        (&trusted, 0o600, "sampled", Some(1.0)),
        (&other, 0o600, "UnknownIssuer", None),
        (&trusted, 0o644, "others can read it", None),
    ] {
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(mode)).unwrap();
        let text = format!(
            "name = \"san\"\nurl = \"https://{address}/metrics\"\nca_file = {ca:?}\nbearer_token_file = {token:?}"
        );
        let mut probe = ScrapeProbe::new(&toml::from_str(&text).unwrap(), clock());
        let (outcome, samples) = round(&mut probe, &mut Sink::default()).await;
        assert!(words(&outcome).contains(said), "{said}: {outcome:?}");
        assert_eq!(value(&samples, "proven"), proven, "{said}");
    }
}

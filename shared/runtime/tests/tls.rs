//! The authority, tokens and TLS configurations together, without a network: both ends run in memory.

#![allow(clippy::unwrap_used, reason = "a failed step ends the test")]

use rustls::{ClientConnection, ServerConnection};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use shared_model::{Clock, NodeIdentity};
use shared_runtime::SystemClock;
use shared_runtime::tls::{
    Authority, COLLECTOR_NAME, NodeCredentials, NodeKey, RenewalError, client_config, identity_of,
    pinned_client_config, server_config, verify_renewal,
};
use std::sync::Arc;
use std::time::Duration;

struct Hospital {
    authority: Authority,
    server: Arc<rustls::ServerConfig>,
    _dir: tempfile::TempDir,
}

fn hospital() -> Hospital {
    let dir = tempfile::tempdir().unwrap();
    let now = SystemClock.wall();
    let authority = Authority::open(dir.path(), now).unwrap();
    let (issued, key) = authority.issue_server(&["127.0.0.1".to_owned()], now, 30).unwrap();
    let server = server_config(&issued.certificate_pem, &key, authority.certificate_pem()).unwrap();
    Hospital { authority, server: Arc::new(server), _dir: dir }
}

fn node(hospital: &Hospital, name: &str) -> NodeCredentials {
    let key = NodeKey::generate().unwrap();
    let identity = NodeIdentity::new("acme", "h1", "a1", name).unwrap();
    let issued = hospital
        .authority
        .issue_node(
            &key.request_der().unwrap(),
            &identity,
            SystemClock.wall(),
            Duration::from_secs(14 * 86_400),
        )
        .unwrap();
    NodeCredentials {
        key_pem: key.pem(),
        certificate_pem: issued.certificate_pem,
        ca_pem: hospital.authority.certificate_pem().to_owned(),
    }
}

/// Runs a handshake in memory; the peer certificate the server saw, or what either side said.
fn handshake(
    client: rustls::ClientConfig,
    server: &Arc<rustls::ServerConfig>,
) -> Result<Option<CertificateDer<'static>>, rustls::Error> {
    let name = ServerName::try_from(COLLECTOR_NAME).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    for _ in 0..10 {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets()?;
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(server.peer_certificates().and_then(|c| c.first()).map(|c| c.clone().into_owned()))
}

/// Scenario: a node that joined here connects. Guarantees: the server reads the identity it signed.
#[test]
fn a_joined_node_is_known_by_its_certificate() {
    let hospital = hospital();
    let seen =
        handshake(client_config(&node(&hospital, "db1")).unwrap(), &hospital.server).unwrap();
    assert_eq!(identity_of(&seen.unwrap()).unwrap().node(), "db1");
}

/// Scenario: a joining node knows the right pin, then a wrong one. Guarantees: only the right one connects.
#[test]
fn the_pin_decides() {
    let hospital = hospital();
    let pin = hospital.authority.pin();
    assert!(handshake(pinned_client_config(pin).unwrap(), &hospital.server).unwrap().is_none());
    assert!(handshake(pinned_client_config([0; 32]).unwrap(), &hospital.server).is_err());
}

/// Scenario: a node of another hospital's CA. Guarantees: refused by either end.
#[test]
fn another_authority_is_refused() {
    let (here, there) = (hospital(), hospital());
    let mut stranger = node(&there, "db1");
    assert!(handshake(client_config(&stranger).unwrap(), &here.server).is_err());
    stranger.ca_pem = here.authority.certificate_pem().to_owned();
    assert!(handshake(client_config(&stranger).unwrap(), &here.server).is_err());
}

/// Scenario: a node uses its certificate as a server. Guarantees: no other node takes it for the collector.
#[test]
fn a_node_cannot_pose_as_the_collector() {
    let hospital = hospital();
    let rogue = node(&hospital, "db1");
    let server =
        server_config(&rogue.certificate_pem, rogue.key_pem.expose(), &rogue.ca_pem).unwrap();
    let victim = client_config(&node(&hospital, "db2")).unwrap();
    assert!(handshake(victim, &Arc::new(server)).is_err());
}

/// Scenario: the authority is opened again, then half of it is gone. Guarantees: the same pin; a clear refusal.
#[test]
fn the_authority_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let now = SystemClock.wall();
    let pin = Authority::open(dir.path(), now).unwrap().pin();
    let again = Authority::open(dir.path(), now).unwrap();
    assert_eq!(again.pin(), pin);
    let ca = CertificateDer::from_pem_slice(again.certificate_pem().as_bytes()).unwrap();
    assert_eq!(shared_runtime::tls::spki_pin(&ca), Some(pin));
    std::fs::remove_file(dir.path().join("ca.key")).unwrap();
    assert!(Authority::open(dir.path(), now).is_err());
}

/// Scenario: a request whose bytes were changed. Guarantees: refused, because its signature does not hold.
#[test]
fn a_forged_request_is_refused() {
    let hospital = hospital();
    let identity = NodeIdentity::new("acme", "h1", "a1", "db1").unwrap();
    let issue = |der: &[u8]| {
        hospital.authority.issue_node(
            der,
            &identity,
            SystemClock.wall(),
            Duration::from_secs(14 * 86_400),
        )
    };
    let good = NodeKey::generate().unwrap().request_der().unwrap();
    assert!(issue(&good).is_ok());
    // The request's last byte belongs to its signature, one in the middle to its key: neither may change.
    for at in [good.len() / 2, good.len() - 1] {
        let mut forged = good.clone();
        forged[at] ^= 1;
        assert!(issue(&forged).is_err(), "byte {at}");
    }
    assert!(issue(b"nonsense").is_err());
}

/// Scenario: renewals with the right key, another key, an old certificate and one of another CA. Guarantees: only the holder
/// of the key renews, and only for 90 days after expiry.
#[test]
fn only_the_old_key_renews() {
    let (hospital, other) = (hospital(), hospital());
    let credentials = node(&hospital, "db1");
    let certificate =
        CertificateDer::from_pem_slice(credentials.certificate_pem.as_bytes()).unwrap();
    let key = NodeKey::from_pem(&credentials.key_pem).unwrap();
    let now = SystemClock.wall();
    let day = Duration::from_secs(86_400);
    let renew = |ca: &Hospital, signature: &[u8], days: u32| {
        verify_renewal(
            &certificate,
            ca.authority.certificate_pem(),
            b"request",
            signature,
            now.plus(day * days),
        )
    };
    let good = key.sign(b"request").unwrap();
    assert_eq!(renew(&hospital, &good, 1).unwrap().identity.node(), "db1");
    assert!(renew(&hospital, &good, 14 + 89).is_ok());
    assert!(matches!(renew(&hospital, &good, 14 + 91), Err(RenewalError::Expired(_))));
    assert!(matches!(renew(&other, &good, 1), Err(RenewalError::Issuer)));
    let forged = NodeKey::generate().unwrap().sign(b"request").unwrap();
    assert!(matches!(renew(&hospital, &forged, 1), Err(RenewalError::Signature)));
    assert!(matches!(
        renew(&hospital, &key.sign(b"another").unwrap(), 1),
        Err(RenewalError::Signature)
    ));
}

//! Joining and renewing.

use super::collector::Collector;
use super::node::{Node, authority, catalog, identity, round};
use crate::{EnrollError, join, renew};
use proto::wire::RefusalCode;
use shared_model::Clock;
use shared_runtime::SystemClock;
use shared_runtime::tls::{JoinToken, NodeCredentials, client_config};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

/// Scenario: a node joins, opens a session with what it got, renews and opens another one.
/// Guarantees: the files are there with their modes, the collector saw token and host, the new key is a new one.
#[tokio::test]
async fn a_node_joins_and_renews() {
    let (authority, _ca) = authority();
    let collector = Collector::start(Arc::clone(&authority)).await;
    let token = JoinToken::generate(authority.pin()).unwrap();
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("data");
    let joined = join(&collector.address, &token, Some(&identity()), &dir, "0.1.0", &SystemClock)
        .await
        .unwrap();
    assert_eq!(joined.identity, identity());
    assert!(joined.not_after > SystemClock.wall());
    assert!(joined.clock_offset_us.abs() < 10_000_000);
    let mode = std::fs::metadata(dir.join("node.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    {
        let state = collector.state.borrow();
        let request = &state.joins[0];
        assert_eq!(
            (&*request.token_id, &*request.token_secret),
            (&*token.id, token.secret.expose())
        );
        assert!(!request.host.as_ref().unwrap().kernel.is_empty());
    }
    let old = NodeCredentials::load(&dir).unwrap();
    renew(&collector.address, &dir, "0.1.0", &SystemClock).await.unwrap();
    let new = NodeCredentials::load(&dir).unwrap();
    assert_ne!(old.key_pem.expose(), new.key_pem.expose());
    assert_eq!(old.ca_pem, new.ca_pem);
    for credentials in [old, new] {
        let spool = tempfile::tempdir().unwrap();
        let tls = Arc::new(client_config(&credentials).unwrap());
        let node = Node::start_with(spool.path(), &collector.address, tls);
        let sessions = collector.state.borrow().sessions;
        node.uplink.offer(Some(&catalog(1)), &round(1)).unwrap();
        collector.wait("a session", |s| s.sessions > sessions).await;
        node.stop().await;
    }
}

/// Scenario: a token of another collector, then refusals for every reason, with clocks that agree and that do not.
/// Guarantees: each error says what to do; nothing is stored.
#[tokio::test]
async fn refusals_say_what_to_do() {
    let (authority, _ca) = authority();
    let collector = Collector::start(Arc::clone(&authority)).await;
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("data");
    let attempt = async |pin| {
        let token = JoinToken::generate(pin).unwrap();
        join(&collector.address, &token, Some(&identity()), &dir, "0.1.0", &SystemClock)
            .await
            .unwrap_err()
    };
    let error = attempt([9; 32]).await;
    assert!(
        matches!(error, EnrollError::Pin { .. })
            && error.to_string().contains("possible interception"),
        "{error}"
    );
    assert!(collector.state.borrow().joins.is_empty(), "the token was not shown to a stranger");
    for (code, offset_s, expected) in [
        (
            RefusalCode::TokenUsed,
            0,
            "was used before: ask for a new one, which 'wardround-collector token create'",
        ),
        (RefusalCode::TokenUnknown, 0, "is not known to this collector"),
        (RefusalCode::TokenExpired, 0, "has expired"),
        (RefusalCode::TokenExpired, 7_200, "s behind the collector's"),
        (RefusalCode::TokenExpired, -7_200, "s ahead of the collector's"),
        (RefusalCode::Identity, 0, "the collector refused: as the test asked"),
        (RefusalCode::SigningRequest, 0, "the collector refused: as the test asked"),
    ] {
        collector.state.send_modify(|s| {
            s.enrollment = Some(code);
            s.wall_offset_us = i64::from(offset_s) * 1_000_000;
        });
        let error = attempt(authority.pin()).await.to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(!dir.exists(), "nothing is stored");
}

/// Scenario: renewing a node that never joined. Guarantees: the error says to join.
#[tokio::test]
async fn renewing_needs_a_joined_node() {
    let dir = tempfile::tempdir().unwrap();
    let error = renew("127.0.0.1:1", dir.path(), "0.1.0", &SystemClock).await.unwrap_err();
    assert!(error.to_string().contains("run 'wardround-agent join' first"), "{error}");
}

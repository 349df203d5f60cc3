//! The end of a certificate: revoked, resumed, expired and renewed.

use crate::hostile::{ELSEWHERE, batch, node, sets};
use collector_domain::AuditAction;
use proto::encode_catalog;
use proto::wire::down::Message as Down;
use rustls::HandshakeKind;
use rustls::client::Resumption;
use shared_model::Clock;
use shared_runtime::SystemClock;
use shared_runtime::tls::{NodeCredentials, client_config};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;
use tests::lone::{Collector, join};
use tests::speaker::{self, Speaker, block_on, hello, identity};
use tests::{audits, binaries, books, wait};
use tokio::io::AsyncReadExt;
use tonic::Code;

/// Scenario: two nodes stream; one is shut out. Guarantees: its open stream is told so and ends within a second, with an audit
/// record; it cannot come back; the other's stream goes on.
#[test]
fn revocation_cuts_an_open_stream() {
    let collector = Collector::start();
    let dir = tempfile::tempdir().unwrap();
    let lost = node(&collector, "db1", dir.path());
    let kept = node(&collector, "db2", dir.path());
    block_on(async {
        let mut of_lost = stream(&collector, &lost, "db1").await;
        let mut of_kept = stream(&collector, &kept, "db2").await;
        shut_out(&collector, "db1");
        let before = SystemClock.boot();
        let told = of_lost.hear_more().await.unwrap();
        let took = SystemClock.boot().since(before);
        println!("the stream was told {} ms after the command had ended", took.as_millis());
        assert!(matches!(told, Some(Down::Revoked(_))), "{told:?}");
        assert!(took < Duration::from_secs(1), "{took:?}");
        let status = of_lost.end().await;
        assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
        of_kept.say(batch(2, 1, 1, 2)).await;
        assert!(matches!(of_kept.hear().await.unwrap(), Some(Down::Ack(_))));
        let hello = hello(&identity("db1"), [7; 16], [8; 16]);
        let back = Speaker::meet(&collector.agents, ELSEWHERE, &lost, &hello).await;
        let status = back.err().expect("a revoked node gets no session");
        assert!(status.message().contains("was revoked"), "{status:?}");
    });
    audits::expect(&collector, AuditAction::Session, "this node was revoked");
}

fn shut_out(collector: &Collector, name: &str) {
    let command = collector.command(&["node", "revoke", name, "--reason", "lost", "--yes"]);
    assert!(command.status.success(), "{}", String::from_utf8_lossy(&command.stderr));
}

/// A session that has sent one round.
async fn stream(collector: &Collector, config: &Arc<rustls::ClientConfig>, name: &str) -> Speaker {
    let hello = hello(&identity(name), [7; 16], [8; 16]);
    let met = Speaker::meet(&collector.agents, ELSEWHERE, config, &hello).await;
    let mut speaker = met.unwrap().0;
    speaker.say(encode_catalog(&sets(1, 1, 2)).unwrap()).await;
    speaker.say(batch(1, 1, 1, 2)).await;
    assert!(matches!(speaker.hear().await.unwrap(), Some(Down::Ack(_))));
    speaker
}

/// Scenario: a client that keeps every TLS 1.3 ticket connects, is shut out, and connects again with what it kept.
/// Guarantees: it was given no ticket, the second handshake is a full one, and the session is refused.
#[test]
fn a_kept_ticket_brings_nobody_back() {
    let collector = Collector::start();
    let dir = tempfile::tempdir().unwrap();
    node(&collector, "db1", dir.path());
    let credentials = NodeCredentials::load(&dir.path().join("db1")).unwrap();
    let mut config = client_config(&credentials).unwrap();
    config.resumption = Resumption::in_memory_sessions(64);
    let config = Arc::new(config);
    block_on(async {
        drop(stream(&collector, &config, "db1").await);
        let mut tls = speaker::tls(&collector.agents, ELSEWHERE, &config).await.unwrap();
        // Tickets come after the handshake: read as far as the server's first HTTP/2 frame.
        let mut frame = [0; 9];
        tls.read_exact(&mut frame).await.unwrap();
        assert_eq!(tls.get_ref().1.tls13_tickets_received(), 0, "a ticket was given");
        shut_out(&collector, "db1");
        let again = speaker::tls(&collector.agents, ELSEWHERE, &config).await.unwrap();
        assert_eq!(again.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
        let hello = hello(&identity("db1"), [7; 16], [8; 16]);
        let back = Speaker::meet(&collector.agents, ELSEWHERE, &config, &hello).await;
        let status = back.err().expect("a revoked node gets no session");
        assert!(status.message().contains("was revoked"), "{status:?}");
    });
}

/// A running agent that reads only its own load; dropping it kills it by pid.
pub(crate) struct Agent {
    child: Child,
    log: std::path::PathBuf,
}

impl Agent {
    /// Runs the agent whose folder is `data`.
    pub(crate) fn run(collector: &Collector, data: &Path) -> Self {
        let config = data.join("agent.toml");
        let text =
            format!("data_dir = {data:?}\n[collector]\naddress = \"{}\"\n", collector.agents);
        std::fs::write(&config, text).unwrap();
        let log = data.join("log");
        let out = std::fs::File::create(&log).unwrap();
        let mut command = Command::new(binaries::folder().join("wardround-agent"));
        let child = command.arg("--config").arg(&config).arg("run").stderr(out).spawn().unwrap();
        Self { child, log }
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Scenario: certificates live for ten seconds. An agent streams; beside it a client holds a session and never renews.
/// Guarantees: the agent renews by itself three times and its records are all there, once each; the client's session ends
/// when its certificate does, with an audit record, and its next handshake is refused; what expired can still be renewed
/// with the old key, and then lets it in.
#[test]
fn a_certificate_ends_its_stream_and_the_agent_renews() {
    let collector = Collector::start_with_agents("certificate_life = \"10s\"");
    let dir = tempfile::tempdir().unwrap();
    let streaming = dir.path().join("db1");
    join(&collector.agents, &collector.token("db1", "1h"), &streaming).unwrap();
    let agent = Agent::run(&collector, &streaming);
    let idle = node(&collector, "db2", dir.path());
    let address = collector.agents.clone();
    block_on(async {
        let mut session = stream(&collector, &idle, "db2").await;
        let beat = |number| {
            let clock = hello(&identity("db2"), [0; 16], [0; 16]).clock;
            proto::wire::Heartbeat { number, clock: Some(clock.into()), ..<_>::default() }
        };
        let status = loop {
            session.say(beat(1)).await;
            match session.hear().await {
                Ok(Some(_)) => tokio::time::sleep(Duration::from_millis(200)).await,
                Ok(None) => panic!("the stream ended without a word"),
                Err(status) => break status,
            }
        };
        println!("{:?}: {}", status.code(), status.message());
        assert_eq!(status.code(), Code::Unauthenticated);
        assert!(status.message().contains("expired at"), "{status:?}");
        let hello = hello(&identity("db2"), [7; 16], [8; 16]);
        // A certificate is valid to the end of its last second; within that the session refuses it, then the handshake.
        loop {
            let late = Speaker::meet(&address, ELSEWHERE, &idle, &hello).await;
            let refused = late.err().expect("an expired certificate opens nothing");
            if !refused.message().contains("expired at") {
                println!("{refused:?}");
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let data = dir.path().join("db2");
        agent_uplink::renew(&address, &data, "test", &SystemClock).await.unwrap();
        let renewed = NodeCredentials::load(&data).unwrap();
        let renewed = Arc::new(client_config(&renewed).unwrap());
        Speaker::meet(&address, ELSEWHERE, &renewed, &hello).await.unwrap();
    });
    audits::expect(&collector, AuditAction::Session, "certificate expired");
    audits::expect(&collector, AuditAction::Connect, "handshake failed");
    wait::until("three renewals", Duration::from_secs(60), || {
        (agent.log().matches("certificate renewed").count() >= 3).then_some(())
    });
    let sessions = collector.log().matches("session open").count();
    println!("{sessions} sessions were opened");
    drop(agent);
    drop(collector_stopped(collector));
}

/// Stops the collector and holds its journal to its books.
fn collector_stopped(mut collector: Collector) -> Collector {
    collector.stop();
    books::read(&collector.data().join("journal")).expect_each_once();
    collector
}

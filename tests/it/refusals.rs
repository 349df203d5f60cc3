//! Who is refused, and what they are told.

use proto::wire::session_client::SessionClient;
use proto::{ClockReading, Hello, PROTOCOL, StreamId, up, wire};
use rustls_pki_types::ServerName;
use shared_model::{Clock, NodeIdentity, Seq, SeqSet};
use shared_runtime::SystemClock;
use shared_runtime::tls::{
    COLLECTOR_NAME, JoinToken, NodeCredentials, client_config, pinned_client_config,
};
use std::sync::Arc;
use tests::lone::{Collector, join};
use tests::wait;
use tokio_rustls::TlsConnector;
use tonic::Status;
use tonic::transport::{Endpoint, Uri};

/// Scenario: a token used twice, expired, cut, and with another CA's pin. Guarantees: refused, and the words say what to do.
#[test]
fn bad_tokens_are_refused_with_advice() {
    let collector = Collector::start();
    let dir = tempfile::tempdir().unwrap();
    let token = collector.token("db1", "1h");
    join(&collector.agents, &token, &dir.path().join("first")).unwrap();
    let refused =
        |token: &str| join(&collector.agents, token, &dir.path().join("again")).unwrap_err();

    let used = refused(&token);
    assert!(used.contains("used") && used.contains("token create"), "{used}");

    let short = collector.token("db2", "1s");
    let expired = wait::until("the token to expire", std::time::Duration::from_secs(10), || {
        // A second token of the same kind is used up by each try that comes too early, so the try is the wait.
        std::thread::sleep(std::time::Duration::from_millis(1100));
        join(&collector.agents, &short, &dir.path().join("late")).err()
    });
    assert!(expired.contains("expired") && expired.contains("token create"), "{expired}");

    let cut = refused("wr1.abc");
    assert!(cut.contains("whole join token"), "{cut}");

    let mut wrong: JoinToken = collector.token("db3", "1h").parse().unwrap();
    wrong.pin = [7; 32];
    let intercepted = refused(wrong.reveal().expose());
    assert!(intercepted.contains("does not match the token"), "{intercepted}");
}

/// Opens a session as somebody and says Hello as `claimed`; the status that ended it.
fn session(agents: &str, tls: rustls::ClientConfig, claimed: &NodeIdentity) -> Status {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (address, tls) = (agents.to_owned(), TlsConnector::from(Arc::new(tls)));
        let connector = tower::service_fn(move |_: Uri| {
            let (address, tls) = (address.clone(), tls.clone());
            async move {
                let tcp = tokio::net::TcpStream::connect(address).await?;
                let name = ServerName::try_from(COLLECTOR_NAME).unwrap();
                Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(tls.connect(name, tcp).await?))
            }
        });
        let channel =
            Endpoint::from_static("http://collector").connect_with_connector(connector).await;
        let channel = match channel {
            Ok(channel) => channel,
            Err(error) => return Status::unavailable(format!("{error:?}")),
        };
        let hello = Hello {
            protocol: PROTOCOL..=PROTOCOL,
            features: Vec::new(),
            stream: StreamId([1; 16]),
            boot_id: [2; 16],
            run_id: None,
            session_no: 1,
            identity: claimed.clone(),
            catalog: None,
            spooled: SeqSet::default(),
            next_seq: Seq(1),
            clock: ClockReading {
                wall: SystemClock.wall(),
                boot: SystemClock.boot(),
                synced: true,
            },
            agent_version: "test".to_owned(),
        };
        let messages = tokio_stream::iter([up(wire::Hello::from(&hello))]);
        match SessionClient::new(channel).stream(messages).await {
            Err(status) => status,
            Ok(answers) => match answers.into_inner().message().await {
                Err(status) => status,
                Ok(message) => panic!("accepted: {message:?}"),
            },
        }
    })
}

/// Scenario: sessions without a certificate, with one of another CA, and in another node's name. Guarantees: none is
/// accepted; the two that get through TLS are told what to do; the third is in the collector's log with its address.
#[test]
fn strangers_get_no_session() {
    let (here, there) = (Collector::start(), Collector::start());
    let dir = tempfile::tempdir().unwrap();
    let db1 = NodeIdentity::new("provider", "hospital", "appliance", "db1").unwrap();
    let db2 = NodeIdentity::new("provider", "hospital", "appliance", "db2").unwrap();
    let token = here.token("db1", "1h");
    join(&here.agents, &token, &dir.path().join("here")).unwrap();
    join(&there.agents, &there.token("db1", "1h"), &dir.path().join("there")).unwrap();
    let ours = NodeCredentials::load(&dir.path().join("here")).unwrap();
    let mut theirs = NodeCredentials::load(&dir.path().join("there")).unwrap();
    theirs.ca_pem.clone_from(&ours.ca_pem);

    let pin = token.parse::<JoinToken>().unwrap().pin;
    let none = session(&here.agents, pinned_client_config(pin).unwrap(), &db1);
    assert!(none.message().contains("wardround-agent join"), "{none:?}");

    let posing = session(&here.agents, client_config(&ours).unwrap(), &db2);
    assert!(posing.message().contains("writes only its own data"), "{posing:?}");

    let foreign = session(&here.agents, client_config(&theirs).unwrap(), &db1);
    println!("another CA: {foreign:?}");
    wait::until("the refusal in the log", std::time::Duration::from_secs(5), || {
        here.log().contains("TLS handshake failed").then_some(())
    });
}

//! The network is cut and healed; the collector is started again under many agents.

use crate::webhooks::webhook;
use proto::wire::session_client::SessionClient;
use proto::wire::{self, down::Message as Down};
use proto::{ClockReading, Hello, PROTOCOL, StreamId, up};
use rustls_pki_types::ServerName;
use shared_journal::{Item, Lsn, Reader};
use shared_model::{Clock, NodeIdentity, Seq, SeqSet, Timestamp};
use shared_runtime::SystemClock;
use shared_runtime::tls::{COLLECTOR_NAME, JoinToken, NodeCredentials, client_config};
use std::sync::Arc;
use std::time::Duration;
use tests::net::Namespace;
use tests::sink::{Message, Sink};
use tests::site::{Incident, Site};
use tests::{books, wait};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Endpoint, Uri};

const PORT: &str = "ib.no_active_port";
const SILENT: &str = "monitoring.node_silent";
const LOST: &str = "monitoring.nodes_lost";

fn at(incident: &Incident, clock: &str) -> Timestamp {
    incident.clocks[clock].as_str().unwrap().parse().unwrap()
}

/// Waits for the one incident of nodes that were lost together.
fn lost(site: &Site, condition: &str) -> Incident {
    wait::until(&format!("{LOST} {condition}"), Duration::from_secs(60), || {
        site.incidents(LOST).into_iter().find(|i| i.condition == condition)
    })
}

/// Scenario: two nodes behind one cable. The port of the first is down when the cable is pulled for ten minutes of the contract,
/// and comes up meanwhile; the port of the second goes down and comes up meanwhile. Guarantees: while the cable is out nothing is
/// clear, and both nodes are lost in one incident; when it is back, live data does not wait for the spool, and every record comes once; the
/// first incident ends by a live sample, the second node's is late, with its beginning and its end in the cut; and nothing is
/// opened twice or reopened.
#[test]
fn a_cut_is_told_as_it_was() {
    let space = Namespace::new(1);
    let mut site = Site::start(&space.host, "[contract]\ntime_scale = 40\n", &[]);
    for name in ["db1", "db2"] {
        site.agent(name, &space.prefix());
    }
    site.set_port("db1", false);
    let open = site.incident(PORT, "db1", |i| i.condition == "breached");
    space.cut();
    let since = SystemClock.wall();
    site.set_port("db1", true);
    lost(&site, "breached");
    site.set_port("db2", false);
    let unknown = site.incident(PORT, "db1", |i| i.condition != "breached");
    assert_eq!((&unknown.condition, &unknown.id), (&"unknown".to_owned(), &open.id));
    wait::until("three rounds with the port down", Duration::from_secs(20), || {
        (SystemClock.wall().since(since) > Duration::from_secs(11)).then_some(())
    });
    site.set_port("db2", true);
    wait::until("ten minutes of the contract", Duration::from_secs(20), || {
        (SystemClock.wall().since(since) > Duration::from_secs(15)).then_some(())
    });
    let conditions: Vec<_> =
        site.incidents(PORT).into_iter().map(|i| (i.id, i.condition)).collect();
    assert_eq!(conditions, [(open.id.clone(), "unknown".to_owned())], "nobody could know more");
    let opened = sessions(&site).len();
    space.heal();
    let healed = SystemClock.wall();

    let late = site.incident(PORT, "db2", |i| i.condition == "clear");
    assert!(late.late, "{late:?}");
    assert!(at(&late, "occurred") > since && at(&late, "occurred") < healed, "{late:?}");
    assert!(at(&late, "detected") > healed.minus(Duration::from_secs(1)), "{late:?}");
    let ended = site.incident(PORT, "db1", |i| i.condition == "clear");
    assert_eq!((&ended.id, ended.late, ended.reopened), (&open.id, false, 0));
    assert_eq!(site.incidents(PORT).len(), 2);
    let silences = lost(&site, "clear");
    let nodes = silences.links.iter().filter(|link| link["rule"] == SILENT).count();
    assert_eq!((silences.reopened, nodes), (0, 2), "{silences:?}");
    assert_eq!(site.incidents(LOST).len(), 1);
    assert_eq!(site.incidents(SILENT), []);
    let after = wait::until("a live batch of each node", Duration::from_secs(20), || {
        let after: Vec<_> = sessions(&site).split_off(opened);
        let lives = |s: &Session| s.batches.iter().any(|(lane, _)| *lane == LIVE);
        (after.len() == 2 && after.iter().all(lives)).then_some(after)
    });
    for session in &after {
        let spooled = session.batches.iter().filter(|(lane, _)| *lane == BACKFILL).count();
        let live = session.batches.iter().find(|(lane, _)| *lane == LIVE).unwrap();
        let waited = live.1.since(session.opened);
        println!(
            "{spooled} batches from the spool, the first live one {} ms after the session",
            waited.as_millis()
        );
        assert!(spooled > 5, "the node sent from its spool");
        assert!(waited < Duration::from_secs(5), "live data waits for its round only");
    }
    books::read(&site.collector_data().join("journal")).expect_each_once();
}

/// Scenario: the collector is killed for twenty minutes of the contract; the port of a node goes down and comes up meanwhile (T1).
/// Guarantees: one incident from late data, told once, with its beginning and its end as they were on the node, its clocks from
/// when the collector knew; live data opens no other beside it.
#[test]
fn a_fault_while_the_collector_is_away_is_told_as_it_was() {
    let (dir, sink) = (tempfile::tempdir().unwrap(), Sink::start());
    let receiver = webhook("noc", &sink.address.to_string(), "", dir.path());
    let config = format!("[contract]\ntime_scale = 60\n{receiver}");
    let mut site = Site::start("127.0.0.1", &config, &[]);
    site.agent("db1", &[]);
    wait::until("a first batch", Duration::from_secs(30), || {
        (!sessions(&site).is_empty()).then_some(())
    });
    site.kill_collector();
    let away = SystemClock.wall();
    let pass = |seconds: u64| {
        wait::until("time to pass", Duration::from_secs(30), || {
            let now = SystemClock.wall();
            (now.since(away) > Duration::from_secs(seconds)).then_some(now)
        })
    };
    let broken = pass(2);
    site.set_port("db1", false);
    let mended = pass(14);
    site.set_port("db1", true);
    let back = pass(22);
    site.start_collector();
    // The agent's next try may be a minute off.
    wait::until("live data of the next session", Duration::from_secs(90), || {
        let next = sessions(&site).split_off(1);
        let is_live = |s: &Session| s.batches.iter().filter(|(lane, _)| *lane == LIVE).count() > 2;
        next.iter().any(is_live).then_some(())
    });
    let late = site.incident(PORT, "db1", |i| i.condition == "clear");
    assert!(late.late, "{late:?}");
    assert!((broken..mended).contains(&at(&late, "occurred")), "{late:?}");
    assert!(at(&late, "detected") > back.minus(Duration::from_secs(1)), "{late:?}");
    let all = site.incidents(PORT);
    let [incident] = &all[..] else { panic!("one incident: {all:#?}") };
    assert_eq!((&*incident.condition, incident.reopened), ("clear", 0));
    let ended: Vec<Timestamp> = ledger(&site)
        .iter()
        .filter(|e| e["incident"].as_u64().map(|n| format!("W-{n:06}")).as_ref() == Some(&late.id))
        .filter(|e| e["condition"] == "clear")
        .map(|e| Timestamp::from_micros(e["at_event"].as_i64().unwrap()))
        .collect();
    assert_eq!(ended.len(), 1, "it ended once");
    assert!((mended..back).contains(&ended[0]), "{} {mended} {back}", ended[0]);
    sink.wait_for(PORT, "opened");
    let is_opening = |m: &&Message| m.label("alertname") == PORT && m.event() == "opened";
    let opened = sink.received().iter().filter(is_opening).count();
    println!("occurred {}, ended {}, {opened} messages", at(&late, "occurred"), ended[0]);
    assert_eq!(opened, 1, "{:?}", sink.told());
}

/// The entries of the ledger.
fn ledger(site: &Site) -> Vec<serde_json::Value> {
    let lines = site.command(&["ledger", "export"]);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const LIVE: u8 = 0;
const BACKFILL: u8 = 1;

/// A session as the journal holds it: when it was opened, then the lane and the time of each of its batches.
struct Session {
    source: u32,
    opened: Timestamp,
    batches: Vec<(u8, Timestamp)>,
}

/// What the journal says of a session that was accepted.
#[derive(serde::Deserialize)]
struct Opened {
    stamp: Stamp,
    source: u32,
}

#[derive(serde::Deserialize)]
struct Stamp {
    wall: Timestamp,
}

/// The sessions that sent batches, in the order in which they were opened.
fn sessions(site: &Site) -> Vec<Session> {
    let mut sessions: Vec<Session> = Vec::new();
    for item in Reader::open(&site.collector_data().join("journal"), Lsn::FIRST) {
        let Item::Record { kind, payload, .. } = item.unwrap() else { panic!("damaged") };
        match kind {
            6 => {
                let Opened { stamp, source } = rmp_serde::from_slice(&payload).unwrap();
                sessions.push(Session { source, opened: stamp.wall, batches: Vec::new() });
            }
            4 => {
                let source = u32::from_le_bytes(payload[..4].try_into().unwrap());
                let wall = i64::from_le_bytes(payload[12..20].try_into().unwrap());
                let own = sessions.iter_mut().rev().find(|s| s.source == source).unwrap();
                own.batches.push((payload[28], Timestamp::from_micros(wall)));
            }
            _ => {}
        }
    }
    sessions.retain(|session| !session.batches.is_empty());
    sessions
}

/// For each session under the load of all the others.
const OPEN_WITHIN: Duration = Duration::from_secs(60);

/// Fewer than one address may have connections, since all of them come from one.
fn live_agents() -> usize {
    if std::env::var("WARDROUND_TESTS").as_deref() == Ok("long") { 400 } else { 200 }
}

/// Scenario: 200 agents have sessions, the collector is killed and started again, and they come back late within what their
/// backoff may take; one of them never does. Guarantees: no silence incident but that one's.
#[test]
fn a_restart_calls_nobody_silent() {
    // A node is silent after 3.5 s under this scale, and agents are back only after 5 s.
    let mut site = Site::start("127.0.0.1", "[contract]\ntime_scale = 40\n", &[]);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let nodes: Vec<_> =
        (0..live_agents()).map(|n| join(&runtime, &site, &format!("n{n:03}"))).collect();
    let (run, running) = watch::channel(true);
    let (tell, mut told) = mpsc::channel(nodes.len());
    let address = site.agents_port().to_owned();
    let open = |some: &[Member], session_no: u64| {
        for (identity, credentials) in some {
            let (identity, credentials) = (identity.clone(), Arc::clone(credentials));
            let (address, running, tell) = (address.clone(), running.clone(), tell.clone());
            runtime.spawn(async move {
                let node = identity.node().to_owned();
                let session =
                    heartbeats(&address, &identity, &credentials, session_no, running, tell);
                // It ends when the collector is killed.
                if let Err(error) = session.await
                    && session_no > 1
                {
                    println!("{node}: {error}");
                }
            });
        }
    };
    open(&nodes, 1);
    for _ in &nodes {
        let opened = async { timeout(OPEN_WITHIN, told.recv()).await };
        runtime.block_on(opened).expect("a session opens").unwrap();
    }
    let before = SystemClock.boot();
    site.kill_collector();
    wait::until("an outage", Duration::from_secs(10), || {
        (SystemClock.boot().since(before) > Duration::from_secs(4)).then_some(())
    });
    site.start_collector();
    let started = SystemClock.boot();
    wait::until("agents on their way back", Duration::from_secs(10), || {
        (SystemClock.boot().since(started) > Duration::from_millis(4_600)).then_some(())
    });
    assert_eq!(site.incidents(SILENT), [], "they are unknown, not silent");
    let (gone, back) = nodes.split_first().unwrap();
    open(back, 2);
    for _ in back {
        let opened = async { timeout(OPEN_WITHIN, told.recv()).await };
        runtime.block_on(opened).expect("a session opens").unwrap();
    }
    let silent = site.incident(SILENT, gone.0.node(), |i| i.condition == "breached");
    assert_eq!(site.incidents(SILENT), [silent]);
    println!("{} agents over a restart: silent is only {}", nodes.len(), gone.0.node());
    drop(run);
}

/// A node that joined.
type Member = (NodeIdentity, Arc<NodeCredentials>);

fn join(runtime: &tokio::runtime::Runtime, site: &Site, name: &str) -> Member {
    let token: JoinToken = site.command(&["token", "create", "--node", name]).parse().unwrap();
    let data = site.dir().join(name);
    let joined = agent_uplink::join(site.agents_port(), &token, None, &data, "test", &SystemClock);
    let joined = runtime.block_on(joined).unwrap();
    (joined.identity, Arc::new(NodeCredentials::load(&data).unwrap()))
}

/// A session that only beats, until `running` is dropped; tells when it is open.
async fn heartbeats(
    address: &str,
    identity: &NodeIdentity,
    credentials: &NodeCredentials,
    session_no: u64,
    mut running: watch::Receiver<bool>,
    tell: mpsc::Sender<()>,
) -> anyhow::Result<()> {
    let tls = TlsConnector::from(Arc::new(client_config(credentials)?));
    let target = address.to_owned();
    let connector = tower::service_fn(move |_: Uri| {
        let (target, tls) = (target.clone(), tls.clone());
        async move {
            let tcp = tokio::net::TcpStream::connect(target).await?;
            let name = ServerName::try_from(COLLECTOR_NAME).expect("a constant DNS name");
            Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(tls.connect(name, tcp).await?))
        }
    });
    let channel =
        Endpoint::from_static("http://collector").connect_with_connector(connector).await?;
    let (sender, receiver) = mpsc::channel(4);
    sender.send(up(wire::Hello::from(&hello(identity, session_no)))).await?;
    let mut down =
        SessionClient::new(channel).stream(ReceiverStream::new(receiver)).await?.into_inner();
    let first = down.message().await?.and_then(|d| d.message);
    anyhow::ensure!(matches!(first, Some(Down::Welcome(_))), "no welcome but {first:?}");
    tell.send(()).await?;
    let mut beats = tokio::time::interval(Duration::from_secs(1));
    let mut number = 0;
    loop {
        tokio::select! {
            ended = running.changed() => if ended.is_err() { return Ok(()) },
            message = down.message() => { message?; }
            _ = beats.tick() => {
                number += 1;
                sender.send(up(beat(number))).await?;
            }
        }
    }
}

fn beat(number: u64) -> wire::Heartbeat {
    wire::Heartbeat {
        number,
        clock: Some(reading().into()),
        next_seq: 1,
        spool_bytes: 0,
        clock_offset_us: Some(0),
        clock_round_trip_us: Some(0),
    }
}

fn hello(identity: &NodeIdentity, session_no: u64) -> Hello {
    let mut stream = [0; 16];
    let name = identity.node().as_bytes();
    stream[..name.len()].copy_from_slice(name);
    Hello {
        protocol: PROTOCOL..=PROTOCOL,
        features: Vec::new(),
        stream: StreamId(stream),
        boot_id: [0; 16],
        run_id: None,
        session_no,
        identity: identity.clone(),
        catalog: None,
        spooled: SeqSet::default(),
        clock: reading(),
        agent_version: "test".to_owned(),
        next_seq: Seq(1),
    }
}

fn reading() -> ClockReading {
    ClockReading { wall: SystemClock.wall(), boot: SystemClock.boot(), synced: false }
}

//! What a hostile node costs the others: the time until their rounds are acknowledged, with it at work and without.

use crate::hostile::{ELSEWHERE, batch, bomb, met, node, sets};
use proto::encode_catalog;
use proto::wire::down::Message as Down;
use rustls::ClientConfig;
use shared_journal::{Item, Lsn, Reader};
use shared_model::Clock;
use shared_runtime::SystemClock;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tests::lone::Collector;
use tests::speaker::{self, Speaker, block_on, hello, identity};
use tokio::io::AsyncWriteExt;

/// Nodes that behave, each with this many series and a round each so often.
const NODES: usize = 16;
const SERIES: u32 = 50;
const EVERY: Duration = Duration::from_millis(100);

/// Kind byte of a catalog in the collector's journal, see `collector/src/engine/record.rs`.
const CATALOG: u8 = 3;

/// The two states take turns, so that neither has a quieter machine.
const TURNS: usize = 6;
const TURN: Duration = Duration::from_secs(10);

/// Acknowledgement times of both states, microseconds.
#[derive(Default)]
struct Times {
    quiet: Vec<u64>,
    beset: Vec<u64>,
}

/// A node that behaves: notes how long each of its rounds takes until it is acknowledged.
async fn behave(
    agents: String,
    config: Arc<ClientConfig>,
    name: String,
    beset: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
    times: Arc<Mutex<Times>>,
) {
    let hello = hello(&identity(&name), [7; 16], [8; 16]);
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut speaker = Speaker::meet(&agents, here, &config, &hello).await.unwrap().0;
    speaker.say(encode_catalog(&sets(1, 1, SERIES)).unwrap()).await;
    let mut seq = 0;
    let mut rounds = tokio::time::interval(EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !over.load(Ordering::Relaxed) {
        rounds.tick().await;
        seq += 1;
        let (at, state) = (SystemClock.boot(), beset.load(Ordering::Relaxed));
        speaker.say(batch(seq, 1, 1, SERIES as usize)).await;
        match speaker.hear().await.unwrap() {
            Some(Down::Ack(_)) => {}
            other => panic!("{name}: {other:?}"),
        }
        // A round that saw both states says nothing of either.
        if state == beset.load(Ordering::Relaxed) {
            let took = u64::try_from(SystemClock.boot().since(at).as_micros()).unwrap();
            let mut times = times.lock().unwrap();
            if state { &mut times.beset } else { &mut times.quiet }.push(took);
        }
    }
}

/// How many catalogs are in a stopped collector's journal.
fn catalogs(collector: &Collector) -> usize {
    let records = Reader::open(&collector.data().join("journal"), Lsn::FIRST);
    records.filter(|item| matches!(item, Ok(Item::Record { kind: CATALOG, .. }))).count()
}

/// Scenario: a node that sends its whole catalog in each session: twice in one run of the collector, after a kill, and after
/// two orderly stops, so that the journal before both kept states is not read any more. Guarantees: one record of it is in the
/// journal; all rounds are acknowledged, and all are stored under their series; the journal replays to the same ledger.
#[test]
fn a_catalog_that_comes_again_is_bound_and_kept_once() {
    let mut collector = Collector::start();
    let dir = tempfile::tempdir().unwrap();
    let config = node(&collector, "db1", dir.path());
    let mut seq = 0;
    let mut session = |collector: &Collector| {
        block_on(async {
            let mut speaker = met(collector, &config, "db1").await;
            for _ in 0..3 {
                speaker.say(encode_catalog(&sets(1, 3, 20)).unwrap()).await;
                seq += 1;
                speaker.say(batch(seq, 3, 3, 20)).await;
                match speaker.hear().await.unwrap() {
                    Some(Down::Ack(_)) => {}
                    other => panic!("record {seq}: {other:?}"),
                }
            }
        });
    };
    session(&collector);
    session(&collector);
    collector.kill();
    collector.restart();
    session(&collector);
    for _ in 0..2 {
        collector.stop();
        collector.restart();
        session(&collector);
    }
    let password = collector.account("zhang", "engineer");
    let stored = block_on(async {
        let mut api = collector.session("zhang", &password).await.unwrap();
        api.range("test_value{n=~\"41|60\"}[1h]").await.unwrap()
    });
    // The first and the last of the third set.
    assert_eq!(stored.len(), 2, "{stored:?}");
    assert!(stored.iter().all(|(_, samples)| samples.len() == 15), "{stored:?}");
    collector.stop();
    assert_eq!(catalogs(&collector), 1);
    println!("{}", collector.done(&["ledger", "replay"]).trim());
}

/// The hostile node: bombs, a million series, junk and half-open connections, each again as soon as it was refused.
async fn beset_by(
    agents: String,
    config: Arc<ClientConfig>,
    on: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
) {
    let mut bombs: Vec<_> = (1..=8).map(|seq| bomb(seq, 64 << 20, 4 << 20)).collect();
    let defined = encode_catalog(&sets(1, 40, 500)).unwrap();
    let mut half_open = Vec::new();
    while !over.load(Ordering::Relaxed) {
        if !on.load(Ordering::Relaxed) {
            half_open.clear();
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        if let Ok(mut tcp) = speaker::tcp(&agents, ELSEWHERE).await
            && half_open.len() < 200
        {
            // It may be closed already: that is the point.
            drop(tcp.write_all(&[22, 3, 1]).await);
            half_open.push(tcp);
        }
        let hello = hello(&identity("hostile"), [9; 16], [9; 16]);
        let met = Speaker::meet(&agents, ELSEWHERE, &config, &hello);
        let Ok(Ok((mut speaker, _))) = tokio::time::timeout(Duration::from_secs(2), met).await
        else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let rage = async {
            speaker.say(defined.clone()).await;
            for _ in 0..50 {
                for bomb in &mut bombs {
                    bomb.seq += 8;
                    speaker.say(bomb.clone()).await;
                }
                while let Ok(Ok(Some(_))) =
                    tokio::time::timeout(Duration::from_millis(1), speaker.hear()).await
                {
                }
            }
            speaker.say_bytes(bytes::Bytes::from_static(&[0xff; 512])).await;
            speaker.end().await
        };
        drop(tokio::time::timeout(Duration::from_secs(3), rage).await);
    }
}

/// Scenario: sixteen nodes send ten rounds a second; a hostile one with a good certificate does its worst in every other
/// stretch. Guarantees: with it the 99th percentile of the others' acknowledgements stays under twice what it is without,
/// in the same run; nobody else is refused anything.
#[test]
fn a_hostile_node_costs_only_itself() {
    if std::env::var("WARDROUND_TESTS").as_deref() != Ok("long") {
        println!("only in the long tests");
        return;
    }
    let collector = Collector::start();
    let dir = tempfile::tempdir().unwrap();
    let (beset, over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let times = Arc::new(Mutex::new(Times::default()));
    let hostile = node(&collector, "hostile", dir.path());
    let rage = {
        let (agents, on, over) = (collector.agents.clone(), Arc::clone(&beset), Arc::clone(&over));
        std::thread::spawn(move || block_on(beset_by(agents, hostile, on, over)))
    };
    let names: Vec<String> = (0..NODES).map(|n| format!("node-{n:02}")).collect();
    let configs: Vec<_> = names.iter().map(|name| node(&collector, name, dir.path())).collect();
    block_on(async {
        let mut nodes = tokio::task::JoinSet::new();
        for (name, config) in names.into_iter().zip(configs) {
            let (beset, over, times) = (Arc::clone(&beset), Arc::clone(&over), Arc::clone(&times));
            nodes.spawn(behave(collector.agents.clone(), config, name, beset, over, times));
        }
        for turn in 0..TURNS * 2 {
            beset.store(turn % 2 == 1, Ordering::Relaxed);
            tokio::time::sleep(TURN).await;
        }
        over.store(true, Ordering::Relaxed);
        while let Some(ended) = nodes.join_next().await {
            ended.unwrap();
        }
    });
    rage.join().unwrap();
    let mut times = times.lock().unwrap();
    let mut percentile = |beset: bool, percent: usize| {
        let times = if beset { &mut times.beset } else { &mut times.quiet };
        times.sort_unstable();
        times[(times.len() - 1) * percent / 100]
    };
    let (p50, p99) = (percentile(false, 50), percentile(false, 99));
    let (beset_p50, beset_p99) = (percentile(true, 50), percentile(true, 99));
    println!(
        "acknowledged: without p50 {p50} us, p99 {p99} us; beset p50 {beset_p50} us, p99 {beset_p99} us; {} and {} rounds",
        times.quiet.len(),
        times.beset.len()
    );
    let log = collector.log();
    println!("refused: {} lines in the log", log.matches("refused").count());
    assert!(log.contains("refused a record"), "the hostile node did nothing");
    assert!(beset_p99 < p99 * 2, "{beset_p99} us against {p99} us");
}

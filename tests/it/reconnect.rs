//! Many agents and one collector that stops, dies and comes back; and hours of backfill beside live rounds.

use shared_journal::{Item, Lsn, Reader};
use std::path::Path;
use std::time::Duration;
use tests::crew::{Hand, Waiting};
use tests::lone::Collector;
use tests::{books, wait};

/// Kind byte of a catalog in the collector's journal, see `collector/src/engine/record.rs`.
const CATALOG: u8 = 3;
const BATCH: u8 = 4;

/// How many agents the tests have: enough that one that behaves differently shows.
const AGENTS: usize = 40;

fn crew(collector: &Collector, dir: &Path, count: usize) -> Vec<Hand> {
    let join = |n: usize| Waiting::join(collector, &format!("node-{n:03}"), dir).start();
    let mut crew: Vec<Hand> = (0..count).map(join).collect();
    crew.iter_mut().for_each(Hand::round);
    settled(&mut crew, "the first rounds to be confirmed");
    crew
}

/// Waits until every agent has a session and nothing unconfirmed.
fn settled(crew: &mut [Hand], what: &str) {
    wait::until(what, Duration::from_secs(120), || crew.iter().all(Hand::is_settled).then_some(()));
}

fn catalogs(collector: &Collector) -> usize {
    let records = Reader::open(&collector.data().join("journal"), Lsn::FIRST);
    let kinds = records.map(|item| match item.unwrap() {
        Item::Record { kind, .. } => kind,
        other => panic!("{other:?}"),
    });
    kinds.filter(|kind| *kind == CATALOG).count()
}

/// Scenario: forty agents stream; the collector is stopped by SIGTERM and started, then killed and started; rounds are made
/// all the time. Guarantees: at the stop every session ends in order and nothing that was on the way comes twice; no agent
/// sends its catalog again; every round is journalled once.
#[test]
fn agents_come_back_without_their_catalogs() {
    let mut collector = Collector::start();
    let dir = tempfile::tempdir().unwrap();
    let mut crew = crew(&collector, dir.path(), AGENTS);
    crew.iter_mut().for_each(Hand::round);
    collector.stop();
    let log = collector.log();
    assert!(!log.contains("send the rest again"), "{log}");
    assert!(log.matches("session ended").count() >= AGENTS, "every session ends in order");
    assert!(!log.contains("session broken off"), "{log}");
    assert_eq!(catalogs(&collector), AGENTS);
    let told = |hand: &Hand| hand.uplink.status().last_failure.unwrap_or_default();
    let drained = crew.iter().filter(|hand| told(hand).contains("about to stop")).count();
    println!("{drained} of {AGENTS} agents were asked to come back and have not tried yet");
    crew.iter_mut().for_each(Hand::round);
    collector.restart();
    settled(&mut crew, "the rounds after the stop");
    for _ in 0..3 {
        crew.iter_mut().for_each(Hand::round);
        collector.kill();
        crew.iter_mut().for_each(Hand::round);
        collector.restart();
        settled(&mut crew, "the rounds after the kill");
    }
    let rounds = crew[0].rounds();
    drop(crew);
    collector.stop();
    let sent = catalogs(&collector);
    println!("{sent} catalogs for {AGENTS} agents over 4 restarts");
    assert_eq!(sent, AGENTS, "a catalog was sent again");
    let books = books::read(&collector.data().join("journal"));
    assert_eq!(books.batches.len(), AGENTS);
    assert!(
        books.batches.values().all(|b| b.len() as u64 == rounds && b.values().all(|n| *n == 1))
    );
}

/// Scenario: an agent comes to a collector with four hours of rounds while it goes on making them, ten a second; before that
/// it made as many without any backlog. Guarantees: by the collector's journal, no round waited a second longer than the
/// longest wait without a backlog (I15); all of the backlog arrives, once.
#[test]
fn hours_of_backfill_do_not_delay_live_rounds() {
    const HOURS_4: u64 = 14_400;
    const LIVE: u64 = 100;
    let mut collector = Collector::start();
    let dir = tempfile::tempdir().unwrap();
    let mut calm = Waiting::join(&collector, "calm", dir.path()).start();
    let mut laden = Waiting::join(&collector, "laden", dir.path());
    laden.backlog(HOURS_4);
    let make = |hand: &mut Hand| {
        for _ in 0..LIVE {
            hand.round();
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    let open = |hand: &Hand| {
        wait::until("a session", Duration::from_secs(60), || {
            hand.uplink.status().connected.then_some(())
        });
    };
    open(&calm);
    make(&mut calm);
    let mut laden = laden.start();
    open(&laden);
    make(&mut laden);
    settled(std::slice::from_mut(&mut laden), "the backlog to arrive");
    settled(std::slice::from_mut(&mut calm), "the calm one's rounds");
    drop((calm, laden));
    collector.stop();
    books::read(&collector.data().join("journal")).expect_each_once();
    let waits = |from: u64, to: u64, most: u64| waits_ms(&collector, from, to, most);
    let calm = waits(1, LIVE, LIVE);
    let laden = waits(HOURS_4 + 1, HOURS_4 + LIVE, HOURS_4 + LIVE);
    println!(
        "longest wait of a live round: {calm} ms without, {laden} ms with four hours of backfill"
    );
    assert!(laden < calm + 1000, "{laden} ms against {calm} ms");
}

/// The longest time between a round's own time and its journalling, milliseconds, over the numbers `from`..=`to` of the
/// stream that ends at `most`.
fn waits_ms(collector: &Collector, from: u64, to: u64, most: u64) -> i64 {
    let mut streams = std::collections::BTreeMap::<u32, Vec<(u64, i64)>>::new();
    let mut decoder = proto::BodyDecoder::new().unwrap();
    for item in Reader::open(&collector.data().join("journal"), Lsn::FIRST) {
        let Item::Record { kind: BATCH, payload, .. } = item.unwrap() else { continue };
        let u32_at = |at: usize| u32::from_le_bytes(payload[at..at + 4].try_into().unwrap());
        let u64_at = |at: usize| u64::from_le_bytes(payload[at..at + 8].try_into().unwrap());
        let body = bytes::Bytes::copy_from_slice(&payload[45..]);
        let batch = decoder.decode(&body, u32_at(33), u32_at(37), u32_at(29)).unwrap();
        let made = batch.blocks[0].times[0].as_micros();
        let wait_ms = (u64_at(12).cast_signed() - made) / 1000;
        streams.entry(u32_at(0)).or_default().push((u64_at(4), wait_ms));
    }
    let of = streams.into_values().find(|s| s.iter().map(|(seq, _)| *seq).max() == Some(most));
    let waits = of.unwrap().into_iter().filter(|(seq, _)| (from..=to).contains(seq));
    waits.map(|(_, wait)| wait).max().unwrap()
}

//! `kill -9` in mid-stream: nothing acknowledged is lost or doubled, clocks and incidents go on where they were.

use serde::Deserialize;
use std::time::Duration;
use tests::chance::Chance;
use tests::demo::{Demo, Incident};
use tests::{books, wait};

fn kills() -> u64 {
    if std::env::var("WARDROUND_TESTS").as_deref() == Ok("long") { 50 } else { 10 }
}

/// Samples of one series as the query API answers them.
fn samples(demo: &Demo, expression: &str) -> Vec<(f64, f64)> {
    #[derive(Deserialize)]
    struct Answer {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        result: Vec<Series>,
    }
    #[derive(Deserialize)]
    struct Series {
        values: Vec<(f64, String)>,
    }
    let answer: Answer = serde_json::from_str(&demo.run(&["query", expression])).unwrap();
    let values = answer.data.result.into_iter().flat_map(|s| s.values);
    values.map(|(at, value)| (at, value.parse().unwrap())).collect()
}

/// `node_time_seconds` is its own oracle: the value of each sample is the time at which it was taken. What is stored is what
/// the journal has, up to the newest sample that was stored when we asked.
fn expect_true_times(demo: &Demo, host: &str) {
    let found = samples(demo, &format!("node_time_seconds{{host=\"{host}\"}}[1h]"));
    for (at, value) in &found {
        assert!((at - value).abs() < 1.0, "the sample at {at} holds {value}");
    }
    let stored: Vec<i64> = found.iter().map(|(at, _)| (at * 1_000.0).round() as i64).collect();
    let newest = stored.last().copied();
    let mut journalled = journalled(demo, host);
    journalled.retain(|at| Some(*at) <= newest);
    journalled.sort_unstable();
    assert_eq!(stored, journalled, "what is stored is not what was acknowledged");
    println!("{host}: {} samples, each journalled and stored once, and true", stored.len());
    assert!(stored.len() > 10);
}

fn journalled(demo: &Demo, host: &str) -> Vec<i64> {
    books::times_of(&demo.dir().join("collector/journal"), host, "node_time_seconds")
}

fn the_incident(demo: &Demo) -> Incident {
    let mut all = demo.incidents();
    let found =
        all.iter().position(|i| i.cause == "ib.no_active_port").expect("the incident is there");
    all.swap_remove(found)
}

fn expect_going_on(demo: &Demo, before: &Incident) {
    let after = the_incident(demo);
    assert_eq!(
        (&after.id, &after.state, &after.clocks),
        (&before.id, &before.state, &before.clocks)
    );
}

/// Scenario: an incident is open with its clocks running; the collector is killed at random moments.
/// Guarantees: the same incident with the same due times, an intact ledger, every record of every stream journalled once
/// without a hole, and the stored samples unique and true.
#[test]
fn a_killed_collector_forgets_nothing() {
    let demo = Demo::up(1);
    demo.run(&["fault", "ib-down"]);
    let before = the_incident(&demo);
    let mut chance = Chance::new("collector kills");
    for _ in 0..kills() {
        chance.pass(100, 1500);
        demo.run(&["crash", "collector"]);
        expect_going_on(&demo, &before);
    }
    settle(&demo);
    println!("{}", demo.collector(&["ledger", "verify"]));
    books::read(&demo.dir().join("collector/journal")).expect_each_once();
    expect_true_times(&demo, "node-1");
    let opened = demo.incidents().iter().filter(|i| i.cause == "ib.no_active_port").count();
    assert_eq!(opened, 1, "the fault was opened again");
}

/// Scenario: an incident is open with its clocks running; the first agent is killed at random moments while it streams.
/// Guarantees: one stream, its sequence numbers journalled once each without a hole, samples unique and true; the incident
/// goes on with the same clocks, and the ledger is intact.
#[test]
fn a_killed_agent_repeats_and_loses_nothing_acknowledged() {
    let demo = Demo::up(1);
    demo.run(&["fault", "ib-down"]);
    let before = the_incident(&demo);
    let mut chance = Chance::new("agent kills");
    for _ in 0..kills() {
        chance.pass(300, 2000);
        demo.run(&["crash", "node-1"]);
        expect_going_on(&demo, &before);
    }
    settle(&demo);
    expect_going_on(&demo, &before);
    println!("{}", demo.collector(&["ledger", "verify"]));
    let books = books::read(&demo.dir().join("collector/journal"));
    assert_eq!(books.streams, 2, "an agent forgot its stream");
    books.expect_each_once();
    expect_true_times(&demo, "node-1");
}

/// Waits until both agents stream again after the last kill.
fn settle(demo: &Demo) {
    let newest = |host: &str| {
        let found = samples(demo, &format!("node_time_seconds{{host=\"{host}\"}}[1h]"));
        found.last().map(|(at, _)| *at)
    };
    let mark = newest("node-1");
    wait::until("new samples of node-1", Duration::from_secs(60), || {
        newest("node-1").filter(|at| Some(*at) > mark)
    });
}

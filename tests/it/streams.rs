//! `kill -9` of the collector under twenty streams whose every sample is a formula of node, series and tick.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use tests::chance::Chance;
use tests::load::api::Api;
use tests::lone::Collector;
use tests::streams::formula::{SERIES, time_of, value};
use tests::streams::{Streams, name};
use tests::{books, wait};

const NODES: u32 = 20;
/// Rule windows and deadlines run sixty times as fast, so that incidents come and go between the kills.
const CONFIG: &str = "[contract]\ntime_scale = 60\n[log]\nlevel = \"warn\"\n";
/// For the streams to be acknowledged to the last record after the last kill.
const QUIET_WITHIN: Duration = Duration::from_secs(90);

fn kills() -> u64 {
    if std::env::var("WARDROUND_TESTS").as_deref() == Ok("long") { 50 } else { 10 }
}

/// Scenario: twenty nodes stream ten batches a second each over the real spool and uplink; the collector is killed at random
/// moments, and a person acknowledges incidents while it is.
/// Guarantees: every acknowledged sample is stored once with the formula's value, the numbers of each stream are stored or
/// declared lost without a hole, an act that was answered is there for good, the ledger is intact, and replaying the journal
/// from its beginning yields the same ledger byte for byte.
#[test]
fn a_killed_collector_keeps_every_formula() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut collector = Collector::start_with(CONFIG);
    let password = collector.account("wang", "engineer");
    let mut streams = runtime.block_on(Streams::start(&collector, NODES, dir.path()));
    let mut chance = Chance::new("collector kills under formula streams");
    let mut acts = Acts::default();
    for _ in 0..kills() {
        chance.pass(300, 1_500);
        let mut api = runtime.block_on(collector.session("wang", &password)).unwrap();
        acts.answered.extend(runtime.block_on(acknowledge_one(&mut api)));
        // This one races with the kill: what was answered must stand, what was not may.
        let act = runtime.spawn(async move { acknowledge_one(&mut api).await });
        chance.pass(1, 30);
        collector.kill();
        acts.answered.extend(runtime.block_on(act).unwrap());
        collector.restart();
    }
    let offered = runtime.block_on(streams.stop_offering());
    wait::until("every record to be acknowledged", QUIET_WITHIN, || {
        (streams.unacknowledged() == 0).then_some(())
    });
    let mut api = runtime.block_on(collector.session("wang", &password)).unwrap();
    for (node, ticks) in (0..).zip(&offered) {
        runtime.block_on(expect_formulas(&mut api, node, ticks));
    }
    println!(
        "{} batches of {NODES} nodes, every sample once and true; {} acts answered",
        offered.iter().map(BTreeSet::len).sum::<usize>(),
        acts.answered.len()
    );
    assert!(!acts.answered.is_empty(), "no act was answered at all");
    runtime.block_on(acts.expect_kept(&mut api));
    drop(streams);
    collector.stop();
    let verified = collector.command(&["ledger", "verify"]);
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success(), "{said}{}", String::from_utf8_lossy(&verified.stderr));
    println!("{}", said.trim());
    books::read(&collector.data().join("journal")).expect_each_once();
    expect_same_ledger(&collector.data());
}

/// Acts that the collector answered.
#[derive(Default)]
struct Acts {
    answered: BTreeSet<String>,
}

impl Acts {
    async fn expect_kept(&self, api: &mut Api) {
        for id in &self.answered {
            let incident: Incident = api.get(&format!("/api/v1/incidents/{id}")).await.unwrap();
            let noted = incident.notes.iter().any(|n| n.by == "wang");
            assert!(noted, "the act on {id} was answered and is not there: {incident:?}");
        }
    }
}

#[derive(Deserialize, Debug)]
struct Page {
    incidents: Vec<Incident>,
}

#[derive(Deserialize, Debug)]
struct Incident {
    id: String,
    notes: Vec<Note>,
}

#[derive(Deserialize, Debug)]
struct Note {
    by: String,
}

/// Acknowledges the newest open incident; its number once that was answered.
async fn acknowledge_one(api: &mut Api) -> Option<String> {
    let page: Page = api.get("/api/v1/incidents?state=open&limit=1").await.ok()?;
    let id = page.incidents.into_iter().next()?.id;
    api.post(&format!("/api/v1/incidents/{id}/acknowledge"), "").await.ok()?;
    Some(id)
}

/// Every series of a node holds exactly the samples of the ticks that were offered.
async fn expect_formulas(api: &mut Api, node: u32, ticks: &BTreeSet<i64>) {
    let expression = format!("formula{{host=\"{}\"}}[1h]", name(node));
    let found = api.range(&expression).await.unwrap();
    assert_eq!(found.len() as u32, SERIES, "series of node {node}");
    for (labels, samples) in found {
        let series: u32 = labels["series"].parse().unwrap();
        let expected: BTreeMap<i64, f64> = ticks
            .iter()
            .filter_map(|tick| Some((time_of(*tick).as_millis(), value(node, series, *tick)?)))
            .collect();
        let stored: Vec<(i64, f64)> =
            samples.iter().map(|(at, v)| ((at * 1e3).round() as i64, *v)).collect();
        let distinct: BTreeMap<i64, f64> = stored.iter().copied().collect();
        assert_eq!(distinct.len(), stored.len(), "a sample of node {node} is there twice");
        let same = expected.len() == distinct.len()
            && expected
                .iter()
                .zip(&distinct)
                .all(|(a, b)| a.0 == b.0 && a.1.to_bits() == b.1.to_bits());
        if !same {
            let missing: Vec<_> = expected.keys().filter(|at| !distinct.contains_key(at)).collect();
            let wrong: Vec<_> = distinct
                .iter()
                .filter(|(at, v)| expected.get(at).is_none_or(|e| e.to_bits() != v.to_bits()))
                .collect();
            panic!("node {node} series {series}: missing {missing:?}, wrong {wrong:?}");
        }
    }
}

/// A collector over a copy without ledger and state replays the journal from its first record.
fn expect_same_ledger(data: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("data");
    let copied = std::process::Command::new("cp").arg("-a").arg(data).arg(&copy).status().unwrap();
    assert!(copied.success());
    std::fs::remove_dir_all(copy.join("ledger")).unwrap();
    for entry in std::fs::read_dir(&copy).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("state") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    let mut second = Collector::over(copy.clone(), CONFIG);
    second.kill();
    let (written, replayed) = (bytes(&data.join("ledger")), bytes(&copy.join("ledger")));
    assert!(!written.is_empty(), "no incident was raised at all");
    // The second collector goes on judging after the replay and may have written more.
    assert!(
        replayed.starts_with(&written),
        "the replay differs at byte {:?} of {}",
        written.iter().zip(&replayed).position(|(a, b)| a != b),
        written.len()
    );
    println!("replay of the whole journal: {} bytes of ledger, identical", written.len());
}

/// All segments one after the other, in order of name.
fn bytes(dir: &Path) -> Vec<u8> {
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "seg"));
    files.sort();
    files.iter().flat_map(|f| std::fs::read(f).unwrap()).collect()
}

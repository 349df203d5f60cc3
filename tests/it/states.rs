//! The rebuildable stores, deleted and damaged under `kill -9` of a running collector.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tests::load::api::Api;
use tests::lone::Collector;
use tests::streams::Streams;
use tests::{books, wait};

/// Incidents close within seconds, and the state is kept as often as it may be.
const CONFIG: &str = "[contract]\ntime_scale = 1000\nwatch = \"1s\"\nsignature_required = false\n[store]\nsnapshot_every = \"1s\"\n[log]\nlevel = \"warn\"\n";
/// For an incident to be responded to, mended, verified and watched.
const CLOSED_WITHIN: Duration = Duration::from_secs(60);

const CLOSED_MIN: usize = 2;

/// What is done to the files of a killed collector.
struct Damage {
    what: &'static str,
    /// Files and folders of the data folder.
    of: &'static [&'static str],
    how: fn(&Path),
    /// What the collector says of it, where it can know.
    said: &'static str,
}

const REBUILDING: &str = "rebuilding the closed incidents from the ledger";
const DAMAGED: &str = "a kept state is damaged";

const DAMAGES: &[Damage] = &[
    Damage { what: "nothing", of: &[], how: remove, said: "" },
    Damage { what: "closed incidents deleted", of: &["closed"], how: remove, said: "" },
    Damage { what: "closed incidents cut in half", of: &["closed"], how: halve, said: REBUILDING },
    Damage { what: "closed incidents with a byte flipped", of: &["closed"], how: flip, said: "" },
    Damage { what: "newest state deleted", of: &["state"], how: remove, said: "" },
    Damage { what: "newest state flipped", of: &["state"], how: flip, said: DAMAGED },
    Damage { what: "newest state cut", of: &["state"], how: halve, said: DAMAGED },
    Damage { what: "both states flipped", of: &["state", "state.older"], how: flip, said: DAMAGED },
    Damage {
        what: "all of it deleted",
        of: &["state", "state.older", "closed"],
        how: remove,
        said: "",
    },
];

fn remove(path: &Path) {
    if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
}

fn halve(path: &Path) {
    for file in files(path) {
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    }
}

fn flip(path: &Path) {
    for file in files(path) {
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 0x10;
        }
        fs::write(&file, &bytes).unwrap();
    }
}

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    fs::read_dir(path).unwrap().flat_map(|entry| files(&entry.unwrap().path())).collect()
}

/// Scenario: five nodes stream, a person closes incidents, the collector is killed, and its rebuildable stores are deleted or
/// damaged before it starts again: closed incidents, the newest kept state, both, all.
/// Guarantees: each time it starts by itself and answers every closed incident as before; in the end the ledger is intact,
/// the journal yields it byte for byte, and every record of every stream is there once.
#[test]
fn what_can_be_rebuilt_is_rebuilt() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut collector = Collector::start_with(CONFIG);
    let password = collector.account("wang", "engineer");
    let mut streams = runtime.block_on(Streams::start(&collector, 5, dir.path()));
    for Damage { what, of, how, said } in DAMAGES {
        let mut api = runtime.block_on(collector.session("wang", &password)).unwrap();
        let known = wait::until("incidents to close", CLOSED_WITHIN, || {
            runtime.block_on(act_on_all(&mut api));
            let found = runtime.block_on(closed(&mut api));
            (found.len() >= CLOSED_MIN && has_states(&collector.data())).then_some(found)
        });
        let logged = collector.log().len();
        collector.kill();
        of.iter().for_each(|name| how(&collector.data().join(name)));
        collector.restart();
        let mut api = runtime.block_on(collector.session("wang", &password)).unwrap();
        let after = runtime.block_on(closed(&mut api));
        for (id, incident) in &known {
            assert_eq!(after.get(id), Some(incident), "{what}: {id}\n{}", collector.log());
        }
        wait::until("the damage to be told", CLOSED_WITHIN, || {
            collector.log()[logged..].contains(said).then_some(())
        });
        println!("{what}: {} closed incidents, the same", known.len());
    }
    runtime.block_on(streams.stop_offering());
    wait::until("every record to be acknowledged", Duration::from_secs(60), || {
        (streams.unacknowledged() == 0).then_some(())
    });
    drop(streams);
    collector.stop();
    let data = collector.data();
    println!("{}", collector.done(&["ledger", "verify"]).trim());
    println!("{}", collector.done(&["ledger", "replay", "--data", data.to_str().unwrap()]).trim());
    books::read(&data.join("journal")).expect_each_once();
}

fn has_states(data: &Path) -> bool {
    ["state", "state.older", "closed"].iter().all(|name| data.join(name).exists())
}

async fn page(api: &mut Api, query: &str) -> Vec<serde_json::Value> {
    let page: serde_json::Value = api.get(&format!("/api/v1/incidents?{query}")).await.unwrap();
    page["incidents"].as_array().unwrap().clone()
}

/// Does the next thing that a person would do about each incident. An incident that moved on meanwhile refuses it.
async fn act_on_all(api: &mut Api) {
    for incident in page(api, "limit=200").await {
        let verb = match (incident["state"].as_str(), incident["condition"].as_str()) {
            (Some("open"), _) => "acknowledge",
            (Some("acknowledged"), Some("clear")) => "resolve",
            (Some("resolved"), Some("clear")) => "verify",
            _ => continue,
        };
        let id = incident["id"].as_str().unwrap();
        let body = if verb == "resolve" { r#"{"fix": "old files removed"}"# } else { "" };
        drop(api.post(&format!("/api/v1/incidents/{id}/{verb}"), body).await);
    }
}

/// Every closed incident as the API tells it, by number.
async fn closed(api: &mut Api) -> BTreeMap<String, serde_json::Value> {
    let mut found = BTreeMap::new();
    for incident in page(api, "state=closed&limit=200").await {
        let id = incident["id"].as_str().unwrap().to_owned();
        let whole = api.get(&format!("/api/v1/incidents/{id}")).await.unwrap();
        found.insert(id, whole);
    }
    found
}

//! A backup of a running collector, restored and started elsewhere.

use serde::Deserialize;
use std::collections::BTreeSet;
use std::process::Output;
use std::time::Duration;
use tests::load::api::Api;
use tests::lone::Collector;
use tests::streams::Streams;
use tests::wait;

const CONFIG: &str = "[contract]\ntime_scale = 60\n[log]\nlevel = \"warn\"\n";

#[derive(Deserialize)]
struct Page {
    incidents: Vec<Incident>,
}

#[derive(Deserialize)]
struct Incident {
    id: String,
}

async fn incidents(api: &mut Api) -> BTreeSet<String> {
    let page: Page = api.get("/api/v1/incidents?limit=500").await.unwrap();
    page.incidents.into_iter().map(|i| i.id).collect()
}

fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert!(output.status.success(), "{text}");
    text
}

/// Scenario: a backup is taken while five nodes stream and incidents come and go; it is restored elsewhere, proved, and started
/// there; then one byte of it is flipped. Guarantees: both chains hold, the journal in it yields its ledger byte for byte, the
/// second collector knows the first one's incidents and accounts, and the damaged file is refused with nothing written.
#[test]
fn a_backup_of_a_running_collector_restores() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let collector = Collector::start_with(CONFIG);
    let password = collector.account("wang", "engineer");
    let streams = runtime.block_on(Streams::start(&collector, 5, dir.path()));
    let mut api = runtime.block_on(collector.session("wang", &password)).unwrap();
    let before = wait::until("an incident", Duration::from_secs(60), || {
        let found = runtime.block_on(incidents(&mut api));
        (!found.is_empty()).then_some(found)
    });
    let (file, restored) = (dir.path().join("backup"), dir.path().join("restored"));
    let (path, data) = (file.to_str().unwrap(), restored.to_str().unwrap().to_owned());
    println!("{}", said(&collector.command(&["backup", "--with-key", path])).trim());
    drop((streams, collector));

    let idle = Collector::start();
    said(&idle.command(&["restore", path, "--data", &data]));
    for [what, how] in [["audit", "verify"], ["ledger", "replay"]] {
        println!("{}", said(&idle.command(&[what, how, "--data", &data])).trim());
    }
    let second = Collector::over(restored, CONFIG);
    println!("{}", said(&second.command(&["ledger", "verify"])).trim());
    let mut api = runtime.block_on(second.session("wang", &password)).unwrap();
    let after = runtime.block_on(incidents(&mut api));
    assert!(after.is_superset(&before), "{before:?} {after:?}");

    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let other = dir.path().join("other");
    let refused = idle.command(&["restore", path, "--data", other.to_str().unwrap()]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && words.contains("damaged"), "{words}");
    assert!(!other.exists() || std::fs::read_dir(&other).unwrap().next().is_none());
}

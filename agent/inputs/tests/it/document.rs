//! Documents by their mappings.

use crate::round::{cases, clock, round, value, words};
use crate::server;
use agent_inputs::{Document, DocumentProbe};
use agent_probe::Sink;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

const MAPPING: &str = r#"
[[metric]]
name = "wardround_storage_state"
help = "State of the array."
value = "/status"
enum = { OK = 0, DEGRADED = 1, FAILED = 2 }
labels = { system = "=array" }

[[metric]]
name = "wardround_storage_part_state"
help = "State of a disk."
value = "/nodes/*/disks/*/state"
enum = { ONLINE = 0, REBUILD = 1, FAILED = 2 }
labels = { system = "=array", node = "/nodes/*/name", part = "*2" }

[[metric]]
name = "wardround_storage_pool_free_ratio"
help = "Free share of a pool."
unit = "ratio"
value = "/pools/*/free_percent"
scale = 0.01
labels = { system = "=array", pool = "/pools/*/name" }

[[metric]]
name = "array_cache_protected"
help = "Whether the write cache is protected."
value = "/cache/battery"
optional = true
"#;

const GOOD: &str = r#"{
  "status": "DEGRADED",
  "nodes": [
    {"name": "n1", "disks": {"slot1": {"state": "ONLINE"}, "slot2": {"state": "FAILED"}}},
    {"name": "n2", "disks": {"slot1": {"state": "ONLINE"}}}
  ],
  "pools": [{"name": "his", "free_percent": "42.5"}, {"name": "log", "free_percent": 7}],
  "cache": {"battery": true}
}"#;

/// A mapping file, and settings for a document beside it.
fn settings(dir: &Path, place: &str, more: &str) -> Document {
    let mapping = dir.join("array.toml");
    std::fs::write(&mapping, MAPPING).unwrap();
    toml::from_str(&format!("name = \"array\"\n{place}\nmapping = {mapping:?}\n{more}")).unwrap()
}

fn file(dir: &Path, text: &[u8]) -> PathBuf {
    let path = dir.join("array.json");
    std::fs::write(&path, text).unwrap();
    path
}

async fn read(settings: &Document) -> (String, String) {
    let mut probe = DocumentProbe::new(settings, clock());
    let (outcome, samples) = round(&mut probe, &mut Sink::default()).await;
    (words(&outcome), samples)
}

const EXPECTED: &str = "\
array_cache_protected 1
wardround_document_missing{document=\"array\"} 0
wardround_document_up{document=\"array\"} 1
wardround_storage_part_state{node=\"n1\",part=\"slot1\",system=\"array\"} 0
wardround_storage_part_state{node=\"n1\",part=\"slot2\",system=\"array\"} 2
wardround_storage_part_state{node=\"n2\",part=\"slot1\",system=\"array\"} 0
wardround_storage_pool_free_ratio{pool=\"his\",system=\"array\"} 0.425
wardround_storage_pool_free_ratio{pool=\"log\",system=\"array\"} 0.07
wardround_storage_state{system=\"array\"} 1
";

/// Scenario: the same document from a file, from a socket that ends it by closing and from one that says its length. Guarantees: the
/// same samples, scaled, by members' keys, names and texts.
#[tokio::test]
async fn a_document_reads_the_same_from_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), GOOD.as_bytes());
    let (said, samples) = read(&settings(dir.path(), &format!("path = {path:?}"), "")).await;
    let without_age: String =
        samples.split_inclusive('\n').filter(|l| !l.contains("age_seconds")).collect();
    assert_eq!((said.as_str(), without_age.as_str()), ("sampled", EXPECTED));
    let (plain, length) = (dir.path().join("plain"), dir.path().join("length"));
    server::unix(&plain, GOOD.as_bytes().to_vec());
    let bytes = u32::try_from(GOOD.len()).unwrap().to_be_bytes();
    server::unix(&length, [&bytes[..], GOOD.as_bytes()].concat());
    for (socket, framing) in [(plain, "end"), (length, "length")] {
        let more = format!("request = \"status\\n\"\nframing = \"{framing}\"");
        let (said, samples) =
            read(&settings(dir.path(), &format!("socket = {socket:?}"), &more)).await;
        assert_eq!((said.as_str(), samples.as_str()), ("sampled", EXPECTED), "{framing}");
    }
}

/// Scenario: values that are missing, null, of another kind, unknown to the enumeration, labels that are missing, and an optional value
/// that is not there. Guarantees: each is left out and complained of by metric and place, never by its content; the rest is read.
#[tokio::test]
async fn what_is_missing_is_left_out_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let text = r#"{"status":"secret","nodes":[{"disks":{"a":{"state":"ONLINE"}}},{"name":"n2","disks":null}],
        "pools":[{"name":"x","free_percent":null},{"name":"y","free_percent":[1]},{"name":"z","free_percent":50}]}"#;
    let path = file(dir.path(), text.as_bytes());
    let (said, samples) = read(&settings(dir.path(), &format!("path = {path:?}"), "")).await;
    assert_eq!(
        said,
        "array: wardround_storage_state: expected a text of the enumeration\n\
         array: wardround_storage_part_state [0, a]: expected a value for each label\n\
         array: wardround_storage_part_state [1]: no value\n\
         array: wardround_storage_pool_free_ratio [0]: no value\n\
         array: wardround_storage_pool_free_ratio [1]: expected a number, truth, or text that is a number\n"
    );
    let pool = "wardround_storage_pool_free_ratio{pool=\"z\",system=\"array\"}";
    assert_eq!(value(&samples, pool), Some(0.5));
    assert_eq!(value(&samples, "wardround_document_missing{document=\"array\"}"), Some(5.0));
    assert_eq!(value(&samples, "wardround_document_up{document=\"array\"}"), Some(1.0));
}

/// Scenario: no file, a folder, an empty file, half a document, no UTF-8, depth without end, one that is too long, one that is too old,
/// a socket that nobody serves. Guarantees: down, with why, and nothing else.
#[tokio::test]
async fn documents_that_cannot_be_read_are_down() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none");
    let at = |path: &Path| format!("path = {path:?}");
    let half = &GOOD.as_bytes()[..GOOD.len() / 2];
    let deep = "[".repeat(10_000);
    let long = format!("{GOOD}{}", " ".repeat(2_000));
    let mut found = Vec::new();
    for (text, why) in [
        (&b""[..], "is not JSON"),
        (half, "is not JSON"),
        (b"\xff\xfe{}", "is not JSON"),
        (deep.as_bytes(), "more than 2048 bytes"),
        (&deep.as_bytes()[..2_000], "is not JSON"),
        (long.as_bytes(), "more than 2048 bytes"),
    ] {
        let path = file(dir.path(), text);
        found.push((read(&settings(dir.path(), &at(&path), "max_bytes = \"2KiB\"")).await, why));
    }
    found.push((read(&settings(dir.path(), &at(&missing), "")).await, "does not exist"));
    found.push((read(&settings(dir.path(), &at(dir.path()), "")).await, "is not a regular file"));
    let socket = format!("socket = {:?}", dir.path().join("array.toml"));
    found.push((read(&settings(dir.path(), &socket, "")).await, "ask "));
    let path = file(dir.path(), GOOD.as_bytes());
    let old = std::fs::File::options().write(true).open(&path).unwrap();
    // The test's clock stands at the begin of 2026.
    old.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_767_225_600 - 61))
        .unwrap();
    found.push((
        read(&settings(dir.path(), &at(&path), "max_age = \"1m\"")).await,
        "was written 61 s ago",
    ));
    for ((said, samples), why) in found {
        assert!(said.contains(why), "{why}: {said}");
        let rest: String = samples.lines().filter(|l| !l.contains("age_seconds")).collect();
        assert_eq!(rest, "wardround_document_up{document=\"array\"} 0", "{why}");
    }
}

/// Scenario: more members than series are allowed. Guarantees: as many as allowed, and a complaint.
#[tokio::test]
async fn series_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let pools: Vec<String> =
        (0..500).map(|i| format!("{{\"name\":\"p{i}\",\"free_percent\":1}}")).collect();
    let path = file(dir.path(), format!("{{\"pools\":[{}]}}", pools.join(",")).as_bytes());
    let (said, samples) =
        read(&settings(dir.path(), &format!("path = {path:?}"), "max_series = 100")).await;
    assert!(said.contains("more than 100 series"), "{said}");
    assert_eq!(samples.lines().filter(|l| l.starts_with("wardround_storage_pool")).count(), 100);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(128)))]

    /// Scenario: the document cut off anywhere, with any byte overwritten. Guarantees: no panic; up or down is said, and no value
    /// that is not finite.
    #[test]
    fn broken_documents_are_read_or_refused(cut in 0_usize..500, at in 0_usize..500, with in any::<u8>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut text = GOOD.as_bytes().to_vec();
        text.truncate(cut);
        if let Some(byte) = text.get_mut(at) {
            *byte = with;
        }
        let path = file(dir.path(), &text);
        let (_, samples) = runtime.block_on(read(&settings(dir.path(), &format!("path = {path:?}"), "")));
        prop_assert!(samples.contains("wardround_document_up"), "{}", samples);
        prop_assert!(!samples.contains("inf") && !samples.contains("NaN"), "{}", samples);
    }
}

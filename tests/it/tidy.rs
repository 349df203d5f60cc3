//! The shape of the repository: who may depend on whom, and habits that a compiler does not check.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tests::binaries::repository;

/// Layers of ARCHITECTURE.md; a crate depends only on lower ones.
const LAYERS: &[(&str, u8)] = &[
    ("shared-model", 0),
    ("proto", 1),
    ("shared-journal", 1),
    ("shared-runtime", 1),
    ("agent-probe", 1),
    ("collector-domain", 1),
    ("agent-probes", 2),
    ("agent-fabric", 2),
    ("agent-databases", 2),
    ("agent-inputs", 2),
    ("agent-peers", 2),
    ("agent-uplink", 2),
    ("collector-ingest", 2),
    ("collector-store", 2),
    ("collector-promql", 2),
    ("collector-standards", 2),
    ("collector-incidents", 2),
    ("collector-notify", 2),
    ("collector-api", 2),
    ("agent", 3),
    ("collector", 3),
    ("tests", 4),
];

/// Edges between crates of one layer, each a recorded decision.
const NAMED_EDGES: &[(&str, &str)] =
    &[("collector-standards", "collector-promql"), ("collector-api", "collector-promql")];

/// Libraries that only some rooms may know.
const KNOWN_TO: &[(&str, &[&str])] = &[
    ("tonic", &["proto", "agent-uplink", "collector-ingest", "collector-api", "tests"]),
    ("tonic-health", &["collector-api"]),
    ("tonic-reflection", &["collector-api"]),
    ("tokio-postgres", &["agent-databases"]),
    ("tokio-postgres-rustls", &["agent-databases"]),
    ("sled", &["collector-store"]),
    ("pco", &["collector-store"]),
    ("hmac", &["collector-notify"]),
    ("reqwest", &[]),
];

/// Crates that call what no safe crate offers: the workspace's lints, but `unsafe_code` is denied rather than forbidden, so
/// that the files named here can allow it.
const CALLS: &[(&str, &str)] = &[
    ("agent", "agent/src/heap.rs"),
    ("agent-fabric", "agent/fabric/src/port_events/ffi.rs"),
    ("agent-fabric", "agent/fabric/src/umad/ffi.rs"),
    ("agent-probes", "agent/probes/src/nvme/admin.rs"),
    ("agent-probes", "agent/probes/src/timex/call.rs"),
];

struct Manifest {
    name: String,
    path: String,
    dependencies: BTreeSet<String>,
    text: String,
}

fn manifests() -> Vec<Manifest> {
    let root = repository();
    let workspace: toml::Table =
        std::fs::read_to_string(root.join("Cargo.toml")).unwrap().parse().unwrap();
    let members = workspace["workspace"]["members"].as_array().unwrap();
    members.iter().map(|m| manifest(&root, m.as_str().unwrap())).collect()
}

fn manifest(root: &Path, path: &str) -> Manifest {
    let text = std::fs::read_to_string(root.join(path).join("Cargo.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let dependencies = table.get("dependencies").and_then(|d| d.as_table());
    Manifest {
        name: table["package"]["name"].as_str().unwrap().to_owned(),
        path: path.to_owned(),
        dependencies: dependencies.into_iter().flat_map(|d| d.keys().cloned()).collect(),
        text,
    }
}

/// Whether a manifest repeats every lint of the workspace, with unsafe code denied.
fn has_the_lints(text: &str) -> bool {
    let lints = |text: &str, table: &str| -> toml::Table {
        let whole: toml::Table = text.parse().unwrap();
        let below = if table.is_empty() { Some(&whole) } else { whole[table].as_table() };
        below.unwrap()["lints"].as_table().unwrap().clone()
    };
    let workspace = std::fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let mut expected = lints(&workspace, "workspace");
    expected["rust"]["unsafe_code"] = "deny".into();
    lints(text, "") == expected
}

/// Scenario: every source file. Guarantees: unsafe code is allowed in the named files only.
#[test]
fn unsafe_code_is_in_named_files_only() {
    let mut found = BTreeSet::new();
    let mut folders = vec![repository()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_source = path.extension().is_some_and(|end| end == "rs") && name != "tidy.rs";
            if path.is_dir() && !path.is_symlink() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if is_source && std::fs::read_to_string(&path).unwrap().contains("unsafe_code") {
                found.insert(path.strip_prefix(repository()).unwrap().to_owned());
            }
        }
    }
    let named: BTreeSet<_> = CALLS.iter().map(|(_, file)| Path::new(file).to_owned()).collect();
    assert_eq!(found, named);
}

/// Scenario: every manifest of the workspace. Guarantees: the path is the name, lints are inherited, and dependencies point
/// down the layers but for the named edges; an agent never knows the collector nor the reverse.
#[test]
fn dependencies_point_down() {
    let layers: BTreeMap<&str, u8> = LAYERS.iter().copied().collect();
    let manifests = manifests();
    assert_eq!(manifests.len(), layers.len(), "a crate is missing in LAYERS");
    for crate_ in &manifests {
        let Manifest { name, path, dependencies, text } = crate_;
        assert_eq!(*name, path.replace('/', "-"), "path and name differ");
        let calls = CALLS.iter().any(|(known, _)| known == name);
        let inherits = text.contains("[lints]\nworkspace = true");
        assert!(inherits || calls && has_the_lints(text), "{name} does not inherit the lints");
        let own = layers[name.as_str()];
        for dependency in dependencies {
            let Some(&below) = layers.get(dependency.as_str()) else { continue };
            let named = NAMED_EDGES.contains(&(name.as_str(), dependency.as_str()));
            assert!(
                below < own || named,
                "{name} (layer {own}) may not depend on {dependency} (layer {below})"
            );
            let side = |n: &str| n.split('-').next().unwrap().to_owned();
            let sides = BTreeSet::from([side(name), side(dependency)]);
            let mixed = sides.contains("agent") && sides.contains("collector");
            assert!(!mixed, "{name} and {dependency} are of different sides");
        }
        // Only notifications leave the collector by HTTP, and an agent asks by it what its node's programs measure; the tests
        // ask both questions.
        let speaks = text.lines().any(|l| l.starts_with("hyper = ") && l.contains("\"client\""));
        let may_speak = ["agent-inputs", "collector-notify", "tests"].contains(&name.as_str());
        assert!(!speaks || may_speak, "{name} may not be an HTTP client");
        for (library, rooms) in KNOWN_TO {
            let knows = dependencies.contains(*library);
            assert!(!knows || rooms.contains(&name.as_str()), "{name} may not know {library}");
        }
    }
}

/// Scenario: every metric that a rule of the packs reads. Guarantees: some source of ours emits it: a rule over a name that
/// nobody emits is quiet for ever.
#[test]
fn rules_read_what_is_emitted() {
    let root = repository();
    let emitted: String = ["agent", "collector"]
        .iter()
        .flat_map(|room| sources(&root.join(room)))
        // What a test makes up is not emitted.
        .filter(|file| !file.components().any(|part| part.as_os_str() == "tests"))
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let mapped = std::fs::read_to_string(root.join("docs/inputs.md")).unwrap();
    let packs = root.join("collector/standards/packs/his");
    let mut read = 0;
    for pack in std::fs::read_dir(packs).unwrap() {
        let path = pack.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        // A dot belongs to a rule's id.
        let word = |c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.';
        let rules = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        for name in rules.flat_map(|line| line.split(word)).filter(|word| is_metric(word)) {
            read += 1;
            // The normal form of storage is named by whoever maps a document to it.
            let is_mapped = name.starts_with("wardround_storage_") && mapped.contains(name);
            let is_emitted = is_mapped || emitted.contains(&format!("\"{name}\""));
            assert!(is_emitted, "{}: {name}", path.display());
        }
    }
    assert!(read > 50, "only {read} names were found");
}

/// Names that only metrics have: ours and node_exporter's.
fn is_metric(word: &str) -> bool {
    ["node_", "wardround_"].iter().any(|prefix| word.starts_with(prefix)) && word.len() > 12
}

/// Every Rust file below a folder.
fn sources(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // Captured trees have links that lead round in a circle.
        if path.is_dir() && !path.is_symlink() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Scenario: the probes of an agent and those that the demonstration names. Guarantees: it names each, so that none reads this
/// machine's own faults into it unasked.
#[test]
fn the_demonstration_knows_every_probe() {
    let script = repository().join("deploy/demo/lab/daemons.mjs");
    let script = std::fs::read_to_string(script).unwrap();
    for name in agent_probes::NAMES {
        assert!(script.contains(&format!("\"{name}\"")), "{name} is in no list of daemons.mjs");
    }
}

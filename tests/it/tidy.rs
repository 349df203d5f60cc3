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
    ("agent-databases", 2),
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

/// Rooms with an interface of the kernel that only `unsafe` reaches: they repeat the lints and deny it but for the named file.
const OWN_LINTS: &[&str] = &["agent-probes"];

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
        let lints = match OWN_LINTS.contains(&name.as_str()) {
            true => "unsafe_code = \"deny\"",
            false => "[lints]\nworkspace = true",
        };
        assert!(text.contains(lints), "{name} does not inherit the lints");
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
        // Only notifications leave the collector by HTTP; the tests ask it questions.
        let speaks = text.lines().any(|l| l.starts_with("hyper = ") && l.contains("\"client\""));
        let may_speak = ["collector-notify", "tests"].contains(&name.as_str());
        assert!(!speaks || may_speak, "{name} may not be an HTTP client");
        for (library, rooms) in KNOWN_TO {
            let knows = dependencies.contains(*library);
            assert!(!knows || rooms.contains(&name.as_str()), "{name} may not know {library}");
        }
    }
}

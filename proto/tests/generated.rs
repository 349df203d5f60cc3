//! The committed generated code is what the `.proto` files yield.

use std::path::{Path, PathBuf};

const FILES: [&str; 5] = ["session", "batch", "catalog", "enrollment", "event"];
const GENERATED: &str = "wardround.agent.v1.rs";

fn regenerate() -> std::io::Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let files: Vec<PathBuf> =
        FILES.iter().map(|name| root.join(format!("wardround/agent/v1/{name}.proto"))).collect();
    let descriptors = protox::compile(files, [root]).map_err(std::io::Error::other)?;
    let out = tempfile::tempdir()?;
    tonic_prost_build::configure()
        .out_dir(out.path())
        .bytes(".")
        .build_transport(false)
        .compile_fds(descriptors)?;
    std::fs::read_to_string(out.path().join(GENERATED))
}

/// Scenario: the `.proto` files are compiled again. Guarantees: the result is the committed file, byte for byte.
#[test]
fn committed_code_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/generated").join(GENERATED);
    let fresh = regenerate().unwrap();
    if std::env::var_os("WARDROUND_UPDATE").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == fresh,
        "{} is out of date: run WARDROUND_UPDATE=1 cargo test -p proto --test generated",
        path.display()
    );
}

//! The committed generated code is what the `.proto` files yield.

use prost::Message as _;
use std::path::{Path, PathBuf};

/// Each package with its files.
const PACKAGES: [(&str, &[&str]); 2] = [
    ("wardround.agent.v1", &["session", "batch", "catalog", "enrollment", "event"]),
    ("wardround.noc.v1", &["incidents"]),
];

/// Generated code, and the descriptors that it was made from.
fn regenerate(package: &str, files: &[&str]) -> std::io::Result<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let folder = root.join(package.replace('.', "/"));
    let files: Vec<PathBuf> = files.iter().map(|f| folder.join(format!("{f}.proto"))).collect();
    let descriptors = protox::compile(files, [root]).map_err(std::io::Error::other)?;
    let out = tempfile::tempdir()?;
    let bytes = descriptors.encode_to_vec();
    tonic_prost_build::configure()
        .out_dir(out.path())
        .bytes(".")
        .build_transport(false)
        .compile_fds(descriptors)?;
    Ok((std::fs::read_to_string(out.path().join(format!("{package}.rs")))?, bytes))
}

fn expect_current(name: &str, fresh: &[u8]) -> std::io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/generated").join(name);
    if std::env::var_os("WARDROUND_UPDATE").is_some() {
        std::fs::write(&path, fresh)?;
    }
    assert!(
        std::fs::read(&path).unwrap_or_default() == fresh,
        "{} is out of date: run WARDROUND_UPDATE=1 cargo test -p proto --test generated",
        path.display()
    );
    Ok(())
}

/// Scenario: the `.proto` files are compiled again. Guarantees: the result is the committed files, byte for byte; the
/// descriptors that reflection hands out are among them.
#[test]
fn committed_code_is_current() {
    for (package, files) in PACKAGES {
        let (code, descriptors) = regenerate(package, files).unwrap();
        expect_current(&format!("{package}.rs"), code.as_bytes()).unwrap();
        if package == "wardround.noc.v1" {
            expect_current(&format!("{package}.fds"), &descriptors).unwrap();
        }
    }
}

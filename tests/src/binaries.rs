//! Where the tested programs are.

use std::path::PathBuf;

/// The repository's root.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the repository")
        .to_owned()
}

/// The folder of the binaries that were built with this test: beside the test binary's own folder.
pub fn folder() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.ancestors().nth(2).unwrap().to_owned();
    for name in ["wardround-collector", "wardround-agent"] {
        assert!(
            folder.join(name).is_file(),
            "{name} is not built: run 'cargo build --workspace' first"
        );
    }
    folder
}

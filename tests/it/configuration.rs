//! Bad configuration, as a person meets it on the command line.

use std::process::{Command, Output};
use tests::binaries;

fn check(program: &str, text: &str) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.toml");
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(binaries::folder().join(program));
    command.arg("--config").arg(&config).arg("check-config").output().unwrap()
}

/// Scenario: several faults in one file, misspelt keys among them. Guarantees: all at once, each with its path, unknown keys
/// with a suggestion, and a failing exit status.
#[test]
fn all_faults_are_reported_at_once() {
    for (program, text, expected) in [
        (
            "wardround-collector",
            "data_dirr = \"/x\"\n[contract]\ntime_scale = \"ten\"\nwatch = \"24\"\n[[core_service]]\nname = \"a\"\n",
            &[
                "data_dirr: unknown key; did you mean 'data_dir'?",
                "contract.time_scale: ",
                "contract.watch: ",
                "core_service[0]: missing field",
            ][..],
        ),
        (
            "wardround-agent",
            "data_dri = \"/x\"\n[spool]\nmax_bytes = \"5GB\"\n[[postgres]]\nport = 70000\n",
            &[
                "data_dri: unknown key; did you mean 'data_dir'?",
                "spool.max_bytes: ",
                "postgres[0].port: ",
            ][..],
        ),
    ] {
        let output = check(program, text);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        for words in expected {
            assert!(said.contains(words), "{program}: '{words}' is missing in\n{said}");
        }
    }
}

/// Scenario: an empty file. Guarantees: both daemons take it.
#[test]
fn an_empty_file_works() {
    for program in ["wardround-collector", "wardround-agent"] {
        let output = check(program, "");
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Scenario: a named file that is not there. Guarantees: an error that names it, not the defaults.
#[test]
fn a_missing_named_file_is_an_error() {
    for program in ["wardround-collector", "wardround-agent"] {
        let mut command = Command::new(binaries::folder().join(program));
        let output = command
            .args(["--config", "/nonexistent/wardround.toml", "check-config"])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && said.contains("/nonexistent/wardround.toml"),
            "{program}: {said}"
        );
    }
}

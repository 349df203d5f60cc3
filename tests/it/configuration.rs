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

/// Scenario: several faults in one file, of form and of meaning, misspelt keys among them. Guarantees: all at once, each with
/// its path, unknown keys with a suggestion, and a failing exit status.
#[test]
fn all_faults_are_reported_at_once() {
    for (program, text, expected) in [
        (
            "wardround-collector",
            "data_dirr = \"/x\"\n[agents]\nseries_max = 0\n[contract]\ntime_scale = \"ten\"\nwatch = \"24\"\n\
             [[core_service]]\nname = \"a\"\n[[core_service]]\nname = \"b\"\ndatabase = \"his\"\n[log]\nlevel = \"loud\"\n",
            &[
                "7 faults",
                "data_dirr: unknown key; did you mean 'data_dir'?",
                "contract.time_scale: ",
                "contract.watch: ",
                "core_service[0]: missing field",
                "agents.series_max: must be 1 to ",
                "core_service[1].database: no [[database_service]] is named 'his'; none is declared",
                "log.level: log level 'loud'",
            ][..],
        ),
        (
            "wardround-agent",
            "data_dri = \"/x\"\n[spool]\nmax_bytes = \"5GB\"\nmax_disk_ratio = 2.0\n[probe.cpuu]\n[[postgres]]\nport = 70000\n\
             [[postgres]]\nport = 0\n[log]\nlevel = \"loud\"\n",
            &[
                "7 faults",
                "data_dri: unknown key; did you mean 'data_dir'?",
                "spool.max_bytes: ",
                "postgres[0].port: ",
                "spool.max_disk_ratio: write a share",
                "probe.cpuu: unknown probe; did you mean 'cpu'?",
                "postgres[1].port: write 1 to 65535",
                "log.level: log level 'loud'",
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

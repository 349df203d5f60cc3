//! The logs of a collector that does not run, read without changing them.

use super::Finding;
use std::path::Path;

/// Each log's folder with what follows from damage in it.
const LOGS: [(&str, &str); 3] = [
    ("journal", "what is damaged is named at the next start and lost; the rest is kept"),
    ("settings", "the collector will not start: restore the settings from a backup"),
    (
        "audit",
        "keep a copy of the folder for whoever asks what happened, then restore it from a backup",
    ),
];

pub(super) fn examine(data_dir: &Path) -> Vec<Finding> {
    let mut findings = vec![ledger(&data_dir.join("ledger"))];
    findings.extend(LOGS.iter().map(|(name, advice)| segments(data_dir, name, advice)));
    findings
}

fn ledger(dir: &Path) -> Finding {
    let check = "ledger";
    if !dir.is_dir() {
        return Finding::ok(check, "none yet");
    }
    match collector_store::ledger::verify(dir) {
        Ok(report) => Finding::ok(check, format!("{} entries, the chain holds", report.entries)),
        Err(error) => Finding::fail(
            check,
            format!("{:#}", anyhow::Error::new(error)),
            "keep a copy of the folder as it is, then restore the ledger from a backup",
        ),
    }
}

fn segments(data_dir: &Path, check: &'static str, advice: &str) -> Finding {
    let dir = data_dir.join(check);
    if !dir.is_dir() {
        return Finding::ok(check, "none yet");
    }
    match shared_journal::verify(&dir) {
        Ok(summary) if summary.damaged.is_empty() => {
            Finding::ok(check, format!("{} records, every checksum fits", summary.records))
        }
        Ok(summary) => {
            let found = format!("{} damaged places in {}", summary.damaged.len(), dir.display());
            Finding::fail(check, found, advice)
        }
        Err(error) => Finding::fail(check, format!("{:#}", anyhow::Error::new(error)), advice),
    }
}

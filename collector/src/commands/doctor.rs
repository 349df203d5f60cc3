//! `doctor`.

use super::table::Format;
use crate::config::Config;
use crate::doctor::{self, Verdict};
use anyhow::bail;
use shared_runtime::config::ConfigErrors;

pub(super) fn run(loaded: Result<Config, ConfigErrors>, format: Format) -> anyhow::Result<()> {
    let findings = doctor::examine(loaded);
    format.print(&findings, &["CHECK", "VERDICT", "FOUND"], |finding| {
        let advice = finding.advice.as_ref().map(|advice| format!("; {advice}"));
        let found = format!("{}{}", finding.found, advice.unwrap_or_default());
        vec![finding.check.to_owned(), finding.verdict.to_string(), found.replace('\n', "; ")]
    })?;
    match findings.iter().filter(|f| f.verdict == Verdict::Fail).count() {
        0 => Ok(()),
        failed => bail!("{failed} of {} checks failed", findings.len()),
    }
}

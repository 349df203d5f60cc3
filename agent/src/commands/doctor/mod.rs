//! `doctor`: checks one by one what this node needs, and says what to do about it. Changes nothing and takes no lock, so
//! that it may run beside a running agent.

mod collector;
mod databases;
mod node;
mod probes;

use super::{block_on, write};
use crate::config::Config;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

/// Arguments of `doctor`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  wardround-agent doctor
  wardround-agent doctor --format json
  sudo -u wardround wardround-agent doctor     as the account that 'run' has

Every probe and database is read once; nothing is sent. A database that runs here and is not watched is named with the
script that makes its account and the lines to paste.
Exit status: 0 all is well, 1 a warning, 2 a failure or wrong usage.")]
pub(super) struct DoctorArgs {
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One array of objects
    Json,
}

/// How a check went.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// One check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
struct Check {
    name: String,
    verdict: Verdict,
    /// What was found.
    found: String,
    /// What to do; none where all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
    /// What to paste for it: a script and lines of the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    paste: Option<String>,
}

impl Check {
    fn ok(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            verdict: Verdict::Ok,
            found: found.into(),
            advice: None,
            paste: None,
        }
    }

    fn warn(name: impl Into<String>, found: impl Into<String>, advice: impl Into<String>) -> Self {
        let advice = Some(advice.into());
        Self { name: name.into(), verdict: Verdict::Warn, found: found.into(), advice, paste: None }
    }

    fn fail(name: impl Into<String>, found: impl Into<String>, advice: impl Into<String>) -> Self {
        let advice = Some(advice.into());
        Self { name: name.into(), verdict: Verdict::Fail, found: found.into(), advice, paste: None }
    }
}

impl DoctorArgs {
    /// `path` is the configuration file that was named, if any.
    pub(super) fn run(&self, path: Option<&Path>) -> anyhow::Result<ExitCode> {
        let checks = match Config::load(path) {
            Ok(config) => checks(&config)?,
            // Every other check would speak of a node that is configured otherwise.
            Err(errors) => vec![Check::fail(
                "configuration",
                errors.to_string().trim().replace('\n', "; "),
                "correct the file: 'wardround-agent check-config' names all its faults",
            )],
        };
        match self.format {
            Format::Text => write(text(&checks).as_bytes())?,
            Format::Json => write((serde_json::to_string_pretty(&checks)? + "\n").as_bytes())?,
        }
        Ok(ExitCode::from(status(&checks)))
    }
}

fn checks(config: &Config) -> anyhow::Result<Vec<Check>> {
    let mut checks = vec![Check::ok("configuration", "valid")];
    checks.extend(node::checks(config));
    block_on(async {
        collector::check(config, &mut checks).await;
        probes::check(config, &mut checks).await;
        checks.extend(databases::checks(config));
        Ok(())
    })?;
    Ok(checks)
}

/// 0 all is well, 1 a warning, 2 a failure.
fn status(checks: &[Check]) -> u8 {
    match checks.iter().map(|check| check.verdict).max() {
        None | Some(Verdict::Ok) => 0,
        Some(Verdict::Warn) => 1,
        Some(Verdict::Fail) => 2,
    }
}

fn text(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Check { name, verdict, found, advice, paste } in checks {
        let verdict = match verdict {
            Verdict::Ok => "OK",
            Verdict::Warn => "WARN",
            Verdict::Fail => "FAIL",
        };
        writeln!(text, "{verdict:<5} {name:<width$}  {found}")
            .expect("writing to a String cannot fail");
        if let Some(advice) = advice {
            writeln!(text, "{:<5} {:<width$}  -> {advice}", "", "")
                .expect("writing to a String cannot fail");
        }
        for line in paste.iter().flat_map(|paste| paste.lines()) {
            writeln!(text, "      | {line}").expect("writing to a String cannot fail");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: no check, and checks of each verdict. Guarantees: the worst decides the exit status; advice stands under
    /// its check; JSON has the same words.
    #[test]
    fn the_worst_verdict_decides() {
        let (ok, warn) = (Check::ok("a", "fine"), Check::warn("bb", "odd", "look"));
        let fail = Check::fail("c", "broken", "mend");
        for (checks, expected) in [
            (vec![], 0),
            (vec![ok.clone()], 0),
            (vec![warn.clone(), ok.clone()], 1),
            (vec![warn.clone(), fail, ok.clone()], 2),
        ] {
            assert_eq!(status(&checks), expected, "{checks:?}");
        }
        assert_eq!(text(&[ok, warn.clone()]), "OK    a   fine\nWARN  bb  odd\n          -> look\n");
        let json = serde_json::to_value([warn]).unwrap();
        assert_eq!((&json[0]["verdict"], &json[0]["advice"]), (&"WARN".into(), &"look".into()));
    }
}

//! `doctor`: looks at everything a collector stands on, one thing after the other, and says what to do.
//!
//! While the daemon runs it is asked through the admin socket; while it does not, its files are read without changing them.

mod data;
mod host;
mod live;
mod logs;
mod ports;

use crate::config::Config;
use serde::Serialize;
use shared_runtime::config::ConfigErrors;
use std::fmt;

/// What a check says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// Works now, and will not for ever or not under load.
    Warn,
    /// Does not work.
    Fail,
    /// Cannot be known here.
    Unknown,
}

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) check: &'static str,
    pub(crate) verdict: Verdict,
    /// What was found.
    pub(crate) found: String,
    /// What to do; `None` when nothing is to be done.
    pub(crate) advice: Option<String>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "OK",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
            Self::Unknown => "UNKNOWN",
        })
    }
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, found: found.into(), advice: None }
    }

    fn warn(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        let advice = Some(advice.into());
        Self { check, verdict: Verdict::Warn, found: found.into(), advice }
    }

    fn fail(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        let advice = Some(advice.into());
        Self { check, verdict: Verdict::Fail, found: found.into(), advice }
    }

    fn unknown(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Unknown, found: found.into(), advice: None }
    }
}

/// All checks in the order in which a person would mend what they find.
pub(crate) fn examine(loaded: Result<Config, ConfigErrors>) -> Vec<Finding> {
    let config = match loaded {
        Ok(config) => config,
        Err(errors) => {
            let advice = "mend the keys that are named; nothing else can be looked at before";
            return vec![Finding::fail("configuration", errors.to_string(), advice)];
        }
    };
    let mut findings = vec![Finding::ok("configuration", "valid")];
    findings.extend(data::examine(&config));
    let status = live::status(&config);
    match &status {
        Ok(status) => findings.extend(live::examine(&config, status)),
        Err(why) => {
            findings.push(why.clone());
            findings.extend(logs::examine(&config.data_dir()));
            findings.extend(ports::examine(&config));
        }
    }
    findings.extend(host::examine(status.ok().map(|s| s.pid)));
    findings
}

//! Logs of the daemons.

use std::error::Error;
use std::fmt::Write;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One readable line per event.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// A log filter that does not parse.
#[derive(Debug, thiserror::Error)]
#[error(
    "log level '{0}' is not one of off, error, warn, info, debug, trace or a filter such as info,collector_ingest=debug"
)]
pub struct InvalidLogLevel(pub String);

/// Whether `level` is a filter that [`init`] will take.
pub fn check_level(level: &str) -> Result<(), InvalidLogLevel> {
    filter(level).map(drop)
}

fn filter(level: &str) -> Result<EnvFilter, InvalidLogLevel> {
    let invalid = || InvalidLogLevel(level.to_owned());
    // A word that is no level would be taken for the name of a module, and everything else be silent.
    let is_known = |part: &str| {
        part.contains('=') || (!part.is_empty() && part.parse::<LevelFilter>().is_ok())
    };
    if !level.split(',').map(str::trim).all(is_known) {
        return Err(invalid());
    }
    EnvFilter::builder().parse(level).map_err(|_| invalid())
}

/// Starts logging to standard error. Called once, at start.
pub fn init(level: &str, format: LogFormat) -> Result<(), InvalidLogLevel> {
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter(level)?).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => builder.with_ansi(false).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // A second call in one process (tests) keeps the first subscriber, which is what its caller wants.
    drop(started);
    Ok(())
}

/// An error with all its causes on one line: `write /x: permission denied`.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        write!(text, ": {inner}").expect("writing to a String cannot fail");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: levels, filters and words that are neither. Guarantees: a misspelt level is refused, not taken for a module.
    #[test]
    fn a_misspelt_level_is_refused() {
        for (level, ok) in [
            ("info", true),
            ("WARN", true),
            ("off", true),
            ("trace", true),
            ("info,agent_uplink=debug", true),
            ("agent_uplink=debug, warn", true),
            ("loud", false),
            ("info,loud", false),
            ("info,agent_uplink=loud", false),
            ("", false),
            ("==", false),
        ] {
            assert_eq!(check_level(level).is_ok(), ok, "{level}");
        }
    }
}

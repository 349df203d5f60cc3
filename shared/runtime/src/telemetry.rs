//! Logs of the daemons.

use std::error::Error;
use std::fmt::Write;
use tracing_subscriber::EnvFilter;

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
    "log level '{0}' is not one of error, warn, info, debug, trace or a filter such as info,wardround=debug"
)]
pub struct InvalidLogLevel(pub String);

/// Whether `level` is a filter that [`init`] will take.
pub fn check_level(level: &str) -> Result<(), InvalidLogLevel> {
    filter(level).map(drop)
}

fn filter(level: &str) -> Result<EnvFilter, InvalidLogLevel> {
    EnvFilter::builder().parse(level).map_err(|_| InvalidLogLevel(level.to_owned()))
}

/// Starts logging to standard error. Called once, at start.
pub fn init(level: &str, format: LogFormat) -> Result<(), InvalidLogLevel> {
    let filter =
        EnvFilter::builder().parse(level).map_err(|_| InvalidLogLevel(level.to_owned()))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
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

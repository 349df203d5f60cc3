//! `audit verify|list`.

use crate::config::Config;
use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};
use collector_store::audit::{self, AuditEntry};
use shared_model::Timestamp;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(super) enum Audit {
    /// Recompute the hash chain; names the first entry that does not fit
    #[command(
        after_help = "Works on files, also while the collector runs or on another machine.\n\nExample:\n  wardround-collector audit verify --data /media/usb/collector"
    )]
    Verify {
        /// The collector's data folder, or a copy of it [default: the configured data_dir]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Print the entries, oldest first, proving each
    #[command(
        after_help = "Works on files, also while the collector runs or on another machine.\n\nExamples:\n  wardround-collector audit list --since 2026-11-25T00:00:00Z\n  wardround-collector audit list --format json | jq 'select(.outcome == \"refused\")'"
    )]
    List {
        /// The collector's data folder, or a copy of it [default: the configured data_dir]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Only entries of this instant and later
        #[arg(long, value_name = "TIME")]
        since: Option<Timestamp>,
        /// Lines for people, or one JSON object a line
        #[arg(long, default_value = "text")]
        format: Format,
    },
}

/// How entries are printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One line an entry
    Text,
    /// One JSON object a line
    Json,
}

impl Audit {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<()> {
        match self {
            Self::Verify { data } => verify(&folder(config, data)?),
            Self::List { data, since, format } => list(&folder(config, data)?, since, format),
        }
    }
}

fn folder(config: &Config, data: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let dir = data.unwrap_or_else(|| config.data_dir()).join("audit");
    if !dir.is_dir() {
        bail!("{} is not a folder: name the collector's data folder with --data", dir.display());
    }
    Ok(dir)
}

fn verify(dir: &std::path::Path) -> anyhow::Result<()> {
    let report = audit::verify(dir)?;
    let head = data_encoding::HEXLOWER.encode(&report.head);
    super::print(&format!("audit log is intact: {} entries, head {head}", report.entries))
}

fn list(dir: &std::path::Path, since: Option<Timestamp>, format: Format) -> anyhow::Result<()> {
    for item in audit::iter(dir) {
        let (number, entry) = item?;
        if since.is_some_and(|since| entry.event.at < since) {
            continue;
        }
        super::print(&match format {
            Format::Text => text(number, &entry)?,
            Format::Json => json(number, &entry)?,
        })?;
    }
    Ok(())
}

fn text(number: u64, entry: &AuditEntry) -> anyhow::Result<String> {
    let AuditEntry { event, count, lost } = entry;
    let from = event.from.as_deref().unwrap_or("-");
    let mut line = format!(
        "{number} {} {} from {from}: {} {} {}",
        event.at,
        event.who.escape_debug(),
        word(&event.action)?,
        event.object.escape_debug(),
        word(&event.outcome)?,
    );
    if !event.detail.is_empty() {
        line.push_str(&format!(" ({})", event.detail.escape_debug()));
    }
    if *count > 1 {
        line.push_str(&format!(", {count} times"));
    }
    if *lost > 0 {
        line.push_str(&format!(", {lost} events before it were lost"));
    }
    Ok(line)
}

/// The word by which a value is written in JSON.
fn word(value: &impl serde::Serialize) -> anyhow::Result<String> {
    let value = serde_json::to_value(value).context("write an entry")?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}

fn json(number: u64, entry: &AuditEntry) -> anyhow::Result<String> {
    let AuditEntry { event, count, lost } = entry;
    let object = serde_json::json!({
        "number": number, "at": event.at.to_string(), "who": event.who, "from": event.from,
        "action": event.action, "object": event.object, "outcome": event.outcome,
        "detail": event.detail, "count": count, "lost": lost,
    });
    serde_json::to_string(&object).context("write an entry")
}

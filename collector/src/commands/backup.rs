//! `backup` and `restore`.

use crate::admin::{BackupCut, BackupRequest, Request, ask};
use crate::config::Config;
use anyhow::Context;
use clap::Args;
use collector_store::backup::{self, Cut, CutPart, Manifest};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

#[derive(Args)]
#[command(
    after_help = "In it: the journal from where the kept states need it, the kept states, ledger, audit log, settings (sealed), CA, samples.\nWhoever has the file has the CA's key: keep it like one. The settings' key is not in it: keep a copy of that apart,\nor add --with-key.\n\nExamples:\n  wardround-collector backup /media/usb/wardround.backup\n  wardround-collector backup --without-series --with-key /root/wardround.backup"
)]
pub(super) struct Backup {
    /// The file to write, mode 0600
    file: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    /// Put the key of the settings in: whoever has the file can then read accounts and tokens
    #[arg(long)]
    with_key: bool,
    /// Leave the samples out: incidents, acts and accounts only
    #[arg(long)]
    without_series: bool,
}

#[derive(Args)]
#[command(
    after_help = "Everything is proved before the first byte is written, and ledger and audit log once more where they were restored.\n\nExamples:\n  wardround-collector restore /media/usb/wardround.backup --check\n  wardround-collector restore /media/usb/wardround.backup --data /var/lib/wardround-collector"
)]
pub(super) struct Restore {
    /// The backup
    file: PathBuf,
    /// The data folder to make: empty or not there
    #[arg(long, value_name = "DIR", required_unless_present = "check")]
    data: Option<PathBuf>,
    /// Only prove the file, write nothing
    #[arg(long, conflicts_with = "data")]
    check: bool,
}

impl Backup {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<()> {
        let Self { file, force, with_key, without_series } = self;
        let with_series = !without_series;
        if !force && file.symlink_metadata().is_ok() {
            return Err(backup::BackupError::Exists(file).into());
        }
        let to = std::path::absolute(&file).context("find the file's full name")?;
        let to = to.display().to_string();
        let request = Request::Backup(BackupRequest::Cut { to, with_key, with_series });
        let cut: BackupCut = ask(&config.data_dir(), &request)?;
        let staging = cut.staging.clone();
        let written = write(config, &file, force, with_key, with_series, cut);
        Cut::discard(&staging)?;
        let manifest = written?;
        super::print(&format!("{} holds {}", file.display(), said(&manifest)))
    }
}

fn write(
    config: &Config,
    file: &std::path::Path,
    force: bool,
    with_key: bool,
    with_series: bool,
    cut: BackupCut,
) -> anyhow::Result<Manifest> {
    let place = |part: CutPart| (part.clone(), cut.staging.join(&part.name));
    let mut parts: Vec<(CutPart, PathBuf)> = cut.parts.into_iter().map(place).collect();
    if with_key {
        let key = config.settings_key();
        let bytes = key.metadata().with_context(|| format!("read {}", key.display()))?.len();
        parts.push((CutPart { name: "settings.key".to_owned(), bytes }, key));
    }
    let total: u64 = parts.iter().map(|(part, _)| part.bytes).sum();
    let manifest = Manifest {
        created: cut.created,
        collector: cut.collector,
        ledger: cut.ledger,
        audit: cut.audit,
        with_key,
        with_series,
        parts: Vec::new(),
    };
    let mut shown = None;
    let is_terminal = std::io::stderr().is_terminal();
    let mut progress = |taken: u64| {
        let percent = taken * 100 / total.max(1);
        if is_terminal && shown != Some(percent) {
            shown = Some(percent);
            // A terminal that went away is no reason to stop.
            drop(write!(std::io::stderr(), "\r{percent} % of {} MiB", total >> 20));
        }
    };
    let manifest = backup::write(file, force, manifest, &parts, &mut progress)?;
    if is_terminal {
        drop(writeln!(std::io::stderr()));
    }
    Ok(manifest)
}

impl Restore {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let Self { file, data, .. } = self;
        let Some(data) = data else {
            let manifest = backup::check(&file)?;
            return super::print(&format!("{} is intact: {}", file.display(), said(&manifest)));
        };
        let manifest = backup::restore(&file, &data)?;
        super::print(&format!("{} was made of {}", data.display(), said(&manifest)))?;
        if !manifest.with_key {
            super::print(&format!(
                "put the settings key into {} before the first start, mode 0400: it is not in the backup",
                data.join("settings.key").display()
            ))?;
        }
        Ok(())
    }
}

/// A backup in one line.
fn said(manifest: &Manifest) -> String {
    let Manifest { created, collector, ledger, audit, with_key, with_series, parts } = manifest;
    let bytes: u64 = parts.iter().map(|p| p.bytes).sum();
    format!(
        "{collector} at {created}: {} files, {bytes} bytes, ledger entry {} {}, audit entry {} {}, {} the settings key, {} samples",
        parts.len(),
        ledger.0,
        ledger.1,
        audit.0,
        audit.1,
        if *with_key { "with" } else { "without" },
        if *with_series { "with" } else { "without" },
    )
}

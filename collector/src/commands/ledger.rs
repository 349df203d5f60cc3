//! `ledger verify|replay`.

use crate::config::Config;
use crate::engine::Replayed;
use anyhow::bail;
use clap::Subcommand;
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub(super) enum Ledger {
    /// Recompute the hash chain; names the first entry that does not fit
    #[command(
        after_help = "Works on files, also while the collector runs or on another machine.\n\nExample:\n  wardround-collector ledger verify --dir /media/usb/ledger"
    )]
    Verify {
        /// Folder of the ledger [default: DATA/ledger]
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// Judge the whole journal again and compare each ledger entry, byte for byte, with the written one
    #[command(
        after_help = "Works on the files of a stopped collector or on a copy. Begins at the journal's start, or where that was dropped at\nthe oldest kept state. Needs the version that wrote them.\n\nExample:\n  wardround-collector ledger replay --data /media/usb/collector"
    )]
    Replay {
        /// The collector's data folder, or a copy of it [default: the configured data_dir]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
}

impl Ledger {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<()> {
        match self {
            Self::Verify { dir } => {
                verify(&dir.unwrap_or_else(|| config.data_dir().join("ledger")))
            }
            Self::Replay { data } => replay(&data.unwrap_or_else(|| config.data_dir())),
        }
    }
}

fn verify(dir: &Path) -> anyhow::Result<()> {
    if !dir.is_dir() {
        bail!("{} is not a folder: name the ledger's with --dir", dir.display());
    }
    let report = collector_store::ledger::verify(dir)?;
    let head = data_encoding::HEXLOWER.encode(&report.head);
    super::print(&format!("ledger is intact: {} entries, head {head}", report.entries))
}

fn replay(data: &Path) -> anyhow::Result<()> {
    for needed in ["journal", "ledger"] {
        if !data.join(needed).is_dir() {
            bail!(
                "{} has no folder {needed}: name a collector's data folder with --data",
                data.display()
            );
        }
    }
    let Replayed { from, records, entries, unwritten, head: (number, head) } =
        crate::engine::replay(data)?;
    let head = data_encoding::HEXLOWER.encode(&head);
    super::print(&format!(
        "replay is identical: from {from}, {records} journal records, {entries} ledger entries, head {number} {head}"
    ))?;
    if unwritten > 0 {
        super::print(&format!(
            "{unwritten} of them are not written yet: the next start adds them"
        ))?;
    }
    Ok(())
}

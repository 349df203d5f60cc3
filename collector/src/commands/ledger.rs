//! `ledger verify`.

use crate::config::Config;
use anyhow::bail;
use clap::Subcommand;
use std::path::PathBuf;

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
}

impl Ledger {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<()> {
        let Self::Verify { dir } = self;
        let dir = dir.unwrap_or_else(|| config.data_dir().join("ledger"));
        if !dir.is_dir() {
            bail!("{} is not a folder: name the ledger's with --dir", dir.display());
        }
        let report = collector_store::ledger::verify(&dir)?;
        let head = data_encoding::HEXLOWER.encode(&report.head);
        super::print(&format!("ledger is intact: {} entries, head {head}", report.entries))
    }
}

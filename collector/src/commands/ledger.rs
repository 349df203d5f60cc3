//! `ledger verify|checkpoint|export|replay`.

use crate::admin::{LedgerRequest, Request, ask};
use crate::config::Config;
use crate::engine::Replayed;
use anyhow::{Context, bail};
use clap::Subcommand;
use collector_store::ledger::{Checkpoint, Follow, Proven};
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub(super) enum Ledger {
    /// Recompute the hash chain; with a checkpoint also prove that nothing was rewritten or rolled back
    #[command(
        after_help = "Works on files, also while the collector runs or on another machine. The chain alone proves that nothing was changed within it;\nonly a checkpoint that was handed out earlier proves that the whole was not written anew or cut off.\n\nExamples:\n  wardround-collector ledger verify --dir /media/usb/ledger\n  wardround-collector ledger verify --checkpoint 2026-11-01.json --key 3b6a27bc...\n\nExit status: 0 proven, 1 not: what is missing or another is on standard error."
    )]
    Verify {
        /// Folder of the ledger [default: DATA/ledger]
        #[arg(long)]
        dir: Option<PathBuf>,
        /// A checkpoint that was handed out earlier
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        /// The collector's public key, as it was handed over at the installation
        #[arg(long, value_name = "HEX", requires = "checkpoint")]
        key: Option<String>,
    },
    /// Have the running collector sign the ledger as it is: keep the file out of the provider's reach
    #[command(
        after_help = "The collector also writes one a day to DATA/checkpoints.\n\nExamples:\n  wardround-collector ledger checkpoint\n  wardround-collector ledger checkpoint -o /media/usb/2026-11-27.json"
    )]
    Checkpoint {
        /// Where to write it [default: standard output]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Print the ledger's entries as JSON, one a line, each proved as it is read
    #[command(
        after_help = "Works on files, also while the collector runs or on another machine.\n\nExamples:\n  wardround-collector ledger export > ledger.jsonl\n  wardround-collector ledger export | jq 'select(.kind == \"signed\")'"
    )]
    Export {
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
            Self::Verify { dir, checkpoint, key } => {
                let dir = dir.unwrap_or_else(|| config.data_dir().join("ledger"));
                match checkpoint {
                    Some(file) => prove(&dir, &file, key.as_deref()),
                    None => verify(&dir),
                }
            }
            Self::Export { dir } => {
                export(&dir.unwrap_or_else(|| config.data_dir().join("ledger")))
            }
            Self::Checkpoint { output } => checkpoint(config, output.as_deref()),
            Self::Replay { data } => replay(&data.unwrap_or_else(|| config.data_dir())),
        }
    }
}

fn checkpoint(config: &Config, output: Option<&Path>) -> anyhow::Result<()> {
    let request = Request::Ledger(LedgerRequest::Checkpoint);
    let text: String = ask(&config.data_dir(), &request)?;
    match output {
        Some(path) => shared_runtime::replace_file(path, text.as_bytes(), 0o644)
            .with_context(|| format!("write {}", path.display())),
        None => super::print(text.trim_end()),
    }
}

fn prove(dir: &Path, file: &Path, key: Option<&str>) -> anyhow::Result<()> {
    check_folder(dir)?;
    let text = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
    let named = || format!("the checkpoint {}", file.display());
    let checkpoint = Checkpoint::read(&text).with_context(named)?;
    if let Some(key) = key {
        checkpoint.expect_key(key).with_context(named)?;
    }
    let Proven { report, proven, unproven } = checkpoint.prove(dir)?;
    let head = data_encoding::HEXLOWER.encode(&report.head);
    let (of, taken, signer) = checkpoint.names();
    super::print(&format!("ledger is intact: {} entries, head {head}", report.entries))?;
    super::print(&format!(
        "entries 1 to {proven} are those that the checkpoint of {of}, taken {taken}, has seen"
    ))?;
    super::print(&format!(
        "{unproven} entries follow the checkpoint unproven: their chain holds, but no checkpoint has seen them yet"
    ))?;
    if key.is_none() {
        super::print(&format!(
            "it was signed with key {signer}: compare it with the one that was handed over, or pass --key"
        ))?;
    }
    Ok(())
}

fn export(dir: &Path) -> anyhow::Result<()> {
    check_folder(dir)?;
    for (entry, number) in Follow::open(dir).zip(1u64..) {
        let mut json = serde_json::to_value(&entry?).context("write an entry as JSON")?;
        json["number"] = number.into();
        super::print(&json.to_string())?;
    }
    Ok(())
}

fn check_folder(dir: &Path) -> anyhow::Result<()> {
    if !dir.is_dir() {
        bail!("{} is not a folder: name the ledger's with --dir", dir.display());
    }
    Ok(())
}

fn verify(dir: &Path) -> anyhow::Result<()> {
    check_folder(dir)?;
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

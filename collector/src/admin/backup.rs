//! The cut of a backup. The copying is the command's work, so that the daemon only stops for the links.

use super::server::{Admin, done};
use crate::engine::Command;
use anyhow::{Context, anyhow};
use collector_domain::AuditAction;
use collector_store::backup::{Cut, CutPart};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use shared_model::Timestamp;
use std::path::PathBuf;
use tokio::sync::oneshot;

/// About backups.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum BackupRequest {
    /// Hold everything as it is at one instant; answers [`BackupCut`]. `to` is for the audit log.
    Cut { to: String, with_key: bool, with_series: bool },
}

/// Files as they are at one instant, until the next cut or start.
#[derive(Serialize, Deserialize)]
pub(crate) struct BackupCut {
    /// Folder with the files under their names.
    pub(crate) staging: PathBuf,
    pub(crate) parts: Vec<CutPart>,
    pub(crate) created: Timestamp,
    /// Name and version of the daemon.
    pub(crate) collector: String,
    /// Number and hash of the last entry.
    pub(crate) ledger: (u64, String),
    pub(crate) audit: (u64, String),
}

impl Admin {
    pub(super) async fn backup(&self, request: BackupRequest) -> anyhow::Result<serde_json::Value> {
        let BackupRequest::Cut { to, with_key, with_series } = request;
        let outcome = self.cut(with_series).await;
        let what = match (with_key, with_series) {
            (true, true) => "with the settings key",
            (true, false) => "with the settings key, without samples",
            (false, true) => "",
            (false, false) => "without samples",
        };
        done(self.audited(AuditAction::Backup, to, what, outcome)?)
    }

    /// Each log is taken by whoever writes it, between two of its groups: first the accounts and the CA, then the audit log, then
    /// journal, state, ledger and samples at once, so that the ledger is never ahead of its journal.
    async fn cut(&self, with_series: bool) -> anyhow::Result<BackupCut> {
        let mut cut = Cut::begin(&self.data.join(STAGING))?;
        {
            let _held = self.settings.lock();
            cut.folder(&self.data, "settings", &|_| true)?;
        }
        for file in ["ca.key", "ca.crt"] {
            cut.file(&self.data, file)?;
        }
        let (cut, audit) = self.trail.cut(cut).await.context("cut the audit log")?;
        let (reply, answer) = oneshot::channel();
        let gone = || anyhow!("the collector is stopping");
        let command = Command::Cut { cut, with_series, reply };
        self.commands.send(command).await.map_err(|_| gone())?;
        let (cut, ledger) = answer.await.map_err(|_| gone())??;
        let (staging, parts) = cut.finish();
        let hex = |(number, hash): (u64, [u8; 32])| (number, HEXLOWER.encode(&hash));
        Ok(BackupCut {
            staging,
            parts,
            created: self.clock.wall(),
            collector: concat!("wardround-collector ", env!("CARGO_PKG_VERSION")).to_owned(),
            ledger: hex(ledger),
            audit: hex(audit),
        })
    }
}

/// Folder of the data folder in which a cut is held. One backup at a time: a second one takes the first one's cut away.
pub(crate) const STAGING: &str = "backup.cut";

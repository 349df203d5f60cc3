//! Signed checkpoints of the ledger: on demand, and one a day, so that a copy can leave the provider's reach.

use crate::config::Identity;
use crate::engine::{Command, Settings};
use anyhow::{Context, anyhow};
use collector_store::ledger::Checkpoint;
use shared_model::Clock;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// What the signing key is derived from the settings' key for; a change here is another key.
const PURPOSE: &str = "wardround ledger checkpoint signing key v1";
/// How often it is looked whether today's checkpoint is there.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// Takes checkpoints.
#[derive(Clone)]
pub(crate) struct Checkpoints {
    pub(crate) identity: Identity,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    /// Folder of the daily ones.
    pub(crate) dir: PathBuf,
}

impl Checkpoints {
    /// A checkpoint of what is on disk now.
    pub(crate) async fn take(&self) -> anyhow::Result<Checkpoint> {
        let gone = || anyhow!("the collector is stopping");
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Hashes(reply)).await.map_err(|_| gone())?;
        let hashes = answer.await.map_err(|_| gone())?;
        let seed = self.settings.lock().derive(PURPOSE);
        let (of, now) = (self.of(), self.clock.wall());
        // A hash for each entry that ever was: not on the network's threads.
        let sign = move || Checkpoint::sign(&of, now, &hashes, &seed);
        tokio::task::spawn_blocking(sign).await.context("sign the checkpoint")
    }

    /// Writes one a day, named by its date in UTC, until `stopped` says so. A failure is logged and tried again.
    pub(crate) async fn run(self, mut stopped: watch::Receiver<bool>) {
        loop {
            if let Err(error) = self.write_todays().await {
                tracing::warn!(error = format!("{error:#}"), "no checkpoint of the ledger");
            }
            tokio::select! {
                // An error means that the sender is gone, which ends this as well.
                _ = stopped.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn write_todays(&self) -> anyhow::Result<()> {
        let now = self.clock.wall().to_string();
        let date = now.split('T').next().unwrap_or(&now);
        let path = self.dir.join(format!("{date}.json"));
        if path.exists() {
            return Ok(());
        }
        let checkpoint = self.take().await?;
        std::fs::create_dir_all(&self.dir)
            .with_context(|| format!("make the folder {}", self.dir.display()))?;
        shared_runtime::replace_file(&path, checkpoint.to_json().as_bytes(), 0o644)
            .with_context(|| format!("write {}", path.display()))?;
        tracing::info!(path = %path.display(), "checkpoint of the ledger: hand a copy to the hospital");
        Ok(())
    }

    fn of(&self) -> String {
        let Identity { provider, hospital, appliance, .. } = &self.identity;
        format!("{provider}/{hospital}/{appliance}")
    }
}

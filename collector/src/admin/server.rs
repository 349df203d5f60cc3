//! The daemon's end of the admin socket.

use super::{ANSWER_WITHIN, Answer, REQUEST_MAX_BYTES, Request, socket_path};
use crate::audit::AuditTrail;
use crate::checkpoints::Checkpoints;
use crate::engine::{Command, Published, Settings};
use crate::notifier::Notifier;
use anyhow::{Context, bail};
use collector_domain::{AuditAction, AuditEvent, AuditOutcome, Auditor};
use collector_ingest::Inbound;
use serde::Serialize;
use shared_model::Clock;
use shared_runtime::tls::Authority;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

/// Answers requests until dropped.
pub(crate) struct Admin {
    /// The settings log.
    pub(crate) settings: Settings,
    /// The CA: pins of tokens, certificates of clients.
    pub(crate) authority: Arc<Authority>,
    /// What the engine shows.
    pub(crate) published: Published,
    /// The receivers of notifications.
    pub(crate) notifier: Arc<Notifier>,
    /// The engine's queue.
    pub(crate) inbound: mpsc::WeakSender<Inbound>,
    /// Takes what was done through the socket.
    pub(crate) auditor: Arc<dyn Auditor>,
    /// The audit log, for backups.
    pub(crate) trail: Arc<AuditTrail>,
    /// The engine, for backups.
    pub(crate) commands: mpsc::Sender<Command>,
    /// Takes checkpoints of the ledger.
    pub(crate) checkpoints: Checkpoints,
    /// The data folder.
    pub(crate) data: PathBuf,
    /// Time.
    pub(crate) clock: Arc<dyn Clock>,
}

impl Admin {
    /// Binds the socket. One left over by a killed daemon is replaced: the data folder's lock is ours already.
    pub(crate) fn bind(data_dir: &Path) -> anyhow::Result<UnixListener> {
        let path = socket_path(data_dir);
        if path.symlink_metadata().is_ok() {
            std::fs::remove_file(&path)
                .with_context(|| format!("remove the old {}", path.display()))?;
        }
        let listener =
            UnixListener::bind(&path).with_context(|| format!("listen on {}", path.display()))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .with_context(|| format!("set the mode of {}", path.display()))?;
        Ok(listener)
    }

    /// Serves one connection after the other; they are short and local.
    pub(crate) async fn serve(self, listener: UnixListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let outcome =
                        tokio::time::timeout(ANSWER_WITHIN, self.connection(stream)).await;
                    if let Ok(Err(error)) = outcome {
                        tracing::warn!(error = format!("{error:#}"), "admin connection failed");
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "admin socket cannot accept");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    async fn connection(&self, mut stream: UnixStream) -> anyhow::Result<()> {
        let peer = stream.peer_cred().context("ask who is there")?.uid();
        let own = rustix::process::geteuid().as_raw();
        if peer != 0 && peer != own {
            bail!("user id {peer} may not use the admin socket");
        }
        let (read, mut write) = stream.split();
        let mut line = String::new();
        tokio::io::BufReader::new(read.take(REQUEST_MAX_BYTES)).read_line(&mut line).await?;
        let answer = match serde_json::from_str(&line) {
            Ok(request) => match self.answer(request).await {
                Ok(result) => Answer::Done(result),
                Err(error) => Answer::Error(format!("{error:#}")),
            },
            Err(e) => Answer::Error(format!("the request is not understood: {e}")),
        };
        // A crash must not take the trace of what was answered.
        self.auditor.settled().await;
        let mut bytes = serde_json::to_vec(&answer)?;
        bytes.push(b'\n');
        write.write_all(&bytes).await?;
        Ok(())
    }

    async fn answer(&self, request: Request) -> anyhow::Result<serde_json::Value> {
        match request {
            Request::Status => self.status(),
            Request::Token(request) => self.token(request),
            Request::User(request) => self.user(request),
            Request::Node(request) => self.node(request),
            Request::Client(request) => self.client(request),
            Request::Backup(request) => self.backup(request).await,
            Request::Webhook(request) => self.webhook(request).await,
            Request::Ledger(request) => self.ledger(request).await,
        }
    }

    /// Notes what became of a change, and passes its outcome on.
    pub(super) fn audited<T>(
        &self,
        action: AuditAction,
        object: String,
        done: &str,
        outcome: anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let (result, detail) = match &outcome {
            Ok(_) => (AuditOutcome::Done, done.to_owned()),
            Err(error) => (AuditOutcome::Refused, format!("{error:#}")),
        };
        self.auditor.note(AuditEvent {
            at: self.clock.wall(),
            who: "admin socket".to_owned(),
            from: None,
            action,
            object,
            outcome: result,
            detail,
        });
        outcome
    }
}

/// A result as the socket carries it.
pub(super) fn done(result: impl Serialize) -> anyhow::Result<serde_json::Value> {
    serde_json::to_value(result).context("write the answer")
}

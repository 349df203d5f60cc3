//! The audit trail of the running daemon: what happens is queued, written by a thread of its own, and never waited for
//! but by those whose answer must not outlive its trace.

mod clip;
mod coalesce;
mod writer;

use anyhow::{Context, anyhow};
use collector_domain::{AuditEvent, Auditor, Settled};
use collector_store::audit::{self, AuditEntry, AuditError, AuditLog, Hash};
use collector_store::backup::{BackupError, Cut};
use shared_model::Clock;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};
use writer::Writer;

/// Events that wait for the disk: some seconds of a flood, at most about 4 MiB. What comes on top is counted, not kept.
const QUEUE: usize = 4096;

/// Takes events for the audit log.
pub(crate) struct AuditTrail {
    queue: mpsc::Sender<Message>,
    /// Events that found the queue full since the last entry was written.
    lost: Arc<AtomicU64>,
    /// Number of the last entry on disk.
    newest: Arc<AtomicU64>,
    dir: PathBuf,
}

/// What the writing thread is told.
enum Message {
    Event(AuditEvent),
    /// Answer when everything before this is on disk.
    Settle(oneshot::Sender<()>),
    /// Take the log into a backup, with the number and hash of its last entry.
    Cut(Cut, oneshot::Sender<CutTaken>),
    /// Write what is held back, and end.
    Stop,
}

/// What becomes of [`Message::Cut`].
type CutTaken = Result<(Cut, (u64, Hash)), BackupError>;

/// The writing thread. It ends by itself only when the disk fails.
pub(crate) type AuditThread = JoinHandle<anyhow::Result<()>>;

impl AuditTrail {
    /// Opens the log in `dir` and starts writing to it.
    pub(crate) fn start(
        dir: &Path,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<(Arc<Self>, AuditThread)> {
        let log = AuditLog::open(dir)
            .with_context(|| format!("open the audit log in {}", dir.display()))?;
        let (trail, messages) = Self::queued(dir);
        let writer = trail.writer(log, clock);
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || {
                writer.run(messages).inspect_err(|error| {
                    tracing::error!(error = format!("{error:#}"), "the audit log stopped");
                })
            })
            .context("start the audit log's thread")?;
        Ok((Arc::new(trail), thread))
    }

    fn queued(dir: &Path) -> (Self, mpsc::Receiver<Message>) {
        let (queue, messages) = mpsc::channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        (Self { queue, lost, newest: Arc::default(), dir: dir.to_owned() }, messages)
    }

    fn writer(&self, log: AuditLog, clock: Arc<dyn Clock>) -> Writer {
        self.newest.store(log.head().0, Ordering::Release);
        Writer::new(log, &self.dir, clock, Arc::clone(&self.lost), Arc::clone(&self.newest))
    }

    /// The last `limit` entries before number `before`, or the very last ones, newest first. Reads the disk.
    pub(crate) fn newest(
        &self,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<(u64, AuditEntry)>, AuditError> {
        let end = self.newest.load(Ordering::Acquire) + 1;
        audit::newest(&self.dir, before.map_or(end, |b| b.min(end)), limit)
    }

    /// Resolves when the writing thread has ended.
    pub(crate) async fn closed(&self) {
        self.queue.closed().await;
    }

    /// Takes the log into a backup, between two writings.
    pub(crate) async fn cut(&self, cut: Cut) -> anyhow::Result<(Cut, (u64, Hash))> {
        let (done, taken) = oneshot::channel();
        let gone = || anyhow!("the audit log has stopped");
        self.queue.send(Message::Cut(cut, done)).await.map_err(|_| gone())?;
        Ok(taken.await.map_err(|_| gone())??)
    }

    /// Writes what is held back, and ends.
    pub(crate) async fn stop(&self) {
        // An error means that the thread has ended already.
        drop(self.queue.send(Message::Stop).await);
    }
}

impl Auditor for AuditTrail {
    fn note(&self, event: AuditEvent) {
        if self.queue.try_send(Message::Event(clip::clipped(event))).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn settled(&self) -> Settled {
        let queue = self.queue.clone();
        Box::pin(async move {
            let (done, settled) = oneshot::channel();
            // When the thread has ended the daemon is ending too, and the answer with it.
            if queue.send(Message::Settle(done)).await.is_err() || settled.await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

#[cfg(test)]
mod tests;

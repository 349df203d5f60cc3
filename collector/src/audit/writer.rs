//! The thread that writes the audit log: groups of events behind one `fdatasync`.

use super::coalesce::Coalescer;
use super::{CutTaken, Message};
use anyhow::Context;
use collector_domain::{AuditAction, AuditEvent, AuditOutcome};
use collector_store::audit::{AuditEntry, AuditError, AuditLog};
use collector_store::backup::Cut;
use shared_journal::JournalError;
use shared_model::Clock;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Events written behind one `fdatasync`.
const GROUP_MAX: usize = 512;
/// How often counts that are due are looked for, and a full disk is tried again.
const TICK: Duration = Duration::from_secs(1);

/// The log, and what is on its way into it.
pub(super) struct Writer {
    log: AuditLog,
    clock: Arc<dyn Clock>,
    lost: Arc<AtomicU64>,
    newest: Arc<AtomicU64>,
    coalescer: Coalescer,
    /// Not written yet: those of one group and the counts that were due. While the disk takes nothing no further message
    /// is taken either.
    pending: VecDeque<AuditEntry>,
    waiting: Vec<oneshot::Sender<()>>,
    /// Backups that wait for their cut.
    cuts: Vec<(Cut, oneshot::Sender<CutTaken>)>,
    dir: PathBuf,
}

impl Writer {
    /// `lost` is counted up by those who find the queue full; `newest` is told the number of the last entry on disk.
    pub(super) fn new(
        log: AuditLog,
        dir: &Path,
        clock: Arc<dyn Clock>,
        lost: Arc<AtomicU64>,
        newest: Arc<AtomicU64>,
    ) -> Self {
        Self {
            log,
            clock,
            lost,
            newest,
            coalescer: Coalescer::default(),
            pending: VecDeque::new(),
            waiting: Vec::new(),
            cuts: Vec::new(),
            dir: dir.to_owned(),
        }
    }

    /// Writes until told to stop. A full disk is waited for; a failed `fdatasync` is an error.
    pub(super) fn run(mut self, messages: mpsc::Receiver<Message>) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .context("start the audit log's runtime")?;
        runtime.block_on(self.write_all(messages))
    }

    async fn write_all(&mut self, mut messages: mpsc::Receiver<Message>) -> anyhow::Result<()> {
        let mut group = Vec::with_capacity(GROUP_MAX);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            let is_behind = !self.pending.is_empty();
            let mut stop = false;
            tokio::select! {
                biased;
                _ = ticks.tick() => self.due(),
                received = messages.recv_many(&mut group, GROUP_MAX), if !is_behind => {
                    stop = received == 0;
                }
            }
            for message in group.drain(..) {
                stop |= self.take(message);
            }
            if stop {
                self.last();
            }
            let is_written = self.write()?;
            if stop {
                anyhow::ensure!(is_written, "the last audit entries could not be written");
                return Ok(());
            }
        }
    }

    /// Takes one message; returns whether it is the last one.
    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Event(event) => {
                let mut out = Vec::new();
                self.coalescer.offer(event, self.clock.boot(), &mut out);
                self.pending.extend(out);
                false
            }
            Message::Settle(done) => {
                self.waiting.push(done);
                false
            }
            Message::Cut(cut, done) => {
                self.cuts.push((cut, done));
                false
            }
            Message::Stop => true,
        }
    }

    /// Counts whose minute is over, and losses that nothing was written after.
    fn due(&mut self) {
        let mut out = Vec::new();
        self.coalescer.due(self.clock.boot(), &mut out);
        self.pending.extend(out);
        self.declare_losses();
    }

    fn last(&mut self) {
        let mut out = Vec::new();
        self.coalescer.flush(&mut out);
        self.pending.extend(out);
        self.declare_losses();
    }

    fn declare_losses(&mut self) {
        if self.pending.is_empty() && self.lost.load(Ordering::Relaxed) > 0 {
            let event = AuditEvent {
                at: self.clock.wall(),
                who: "collector".to_owned(),
                from: None,
                action: AuditAction::Record,
                object: "audit log".to_owned(),
                outcome: AuditOutcome::Ended,
                detail: "events came faster than the disk took them".to_owned(),
            };
            self.pending.push_back(AuditEntry { event, count: 1, lost: 0 });
        }
    }

    /// Writes what is pending and tells those who wait. Returns whether everything is on disk.
    fn write(&mut self) -> anyhow::Result<bool> {
        match self.try_write() {
            Ok(()) => {
                for done in self.waiting.drain(..) {
                    if done.send(()).is_err() {
                        tracing::trace!("who waited for the audit log has hung up");
                    }
                }
                for (cut, done) in std::mem::take(&mut self.cuts) {
                    if done.send(self.cut(cut)).is_err() {
                        tracing::trace!("who waited for a backup has hung up");
                    }
                }
                Ok(true)
            }
            Err(AuditError::Journal(error @ JournalError::Write { .. })) => {
                tracing::error!(
                    error = shared_runtime::telemetry::chain(&error),
                    "the audit log cannot be written; whoever acts or signs in waits until it can"
                );
                Ok(false)
            }
            Err(error) => Err(error).context("write the audit log"),
        }
    }

    fn cut(&self, mut cut: Cut) -> CutTaken {
        let data = self.dir.parent().unwrap_or(Path::new("."));
        cut.folder(data, "audit", &|_| true)?;
        Ok((cut, self.log.head()))
    }

    fn try_write(&mut self) -> Result<(), AuditError> {
        while let Some(mut entry) = self.pending.pop_front() {
            let lost = self.lost.swap(0, Ordering::Relaxed);
            entry.lost += lost;
            if let Err(error) = self.log.append(&entry) {
                entry.lost -= lost;
                self.lost.fetch_add(lost, Ordering::Relaxed);
                self.pending.push_front(entry);
                return Err(error);
            }
        }
        self.log.sync()?;
        self.newest.store(self.log.head().0, Ordering::Release);
        Ok(())
    }
}

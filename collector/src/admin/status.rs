//! How the running daemon is, for `doctor`.

use super::server::{Admin, done};
use serde::{Deserialize, Serialize};

/// The daemon and its engine now.
#[derive(Serialize, Deserialize)]
pub(crate) struct DaemonStatus {
    pub(crate) pid: u32,
    pub(crate) version: String,
    /// Time since the engine published last; it does so each second.
    pub(crate) idle_seconds: f64,
    /// The wall clock minus the engine's steady time: a step of the wall clock, or a lag of the engine.
    pub(crate) wall_minus_steady_seconds: f64,
    /// Records that sessions handed over and the engine has not taken.
    pub(crate) queue_waiting: usize,
    /// So many fit.
    pub(crate) queue_capacity: usize,
    /// How long the last group's fdatasync of the journal took.
    pub(crate) sync_last_seconds: f64,
    /// The longest since the start.
    pub(crate) sync_max_seconds: f64,
    /// Age of the newest state file; `None` before the first of this run.
    pub(crate) snapshot_age_seconds: Option<f64>,
    /// Open sessions of agents.
    pub(crate) sessions: u64,
    /// Entries of the ledger.
    pub(crate) ledger_entries: u64,
}

impl Admin {
    pub(super) fn status(&self) -> anyhow::Result<serde_json::Value> {
        let view = self.published.view();
        let (wall, boot) = (self.clock.wall(), self.clock.boot());
        let (waiting, capacity) = self.inbound.upgrade().map_or((0, 0), |queue| {
            (queue.max_capacity() - queue.capacity(), queue.max_capacity())
        });
        let micros = |us: u64| us as f64 / 1e6;
        done(DaemonStatus {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            idle_seconds: boot.since(view.made).as_secs_f64(),
            wall_minus_steady_seconds: wall.as_secs_f64() - view.now.as_secs_f64(),
            queue_waiting: waiting,
            queue_capacity: capacity,
            sync_last_seconds: micros(view.totals.sync_last_us),
            sync_max_seconds: micros(view.totals.sync_max_us),
            snapshot_age_seconds: view
                .totals
                .snapshot_made
                .map(|made| boot.since(made).as_secs_f64()),
            sessions: view.totals.sessions,
            ledger_entries: view.incidents.revision,
        })
    }
}

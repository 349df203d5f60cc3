//! How long a round waits for its acknowledgement, which the collector gives when the round is on its disk.
//!
//! The nodes send one round a second each, at moments spread over the second. The clock starts when a round is wanted, before it
//! is encoded and whatever the node waits for, and stops when its acknowledgement was read, so mutual TLS, the journal's group and its `fdatasync` are in it, and the load
//! program's own share of the machine as well.

use super::fleet::{Fleet, NODES_MAX};
use super::lab::Collector;
use super::node::Plan;
use super::replay::Replay;
use super::report::Row;
use super::spread::percentile;
use anyhow::{Context, Result, ensure};
use shared_model::Clock;
use shared_runtime::SystemClock;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Rounds that make the series known; not measured.
const WARM_UP: usize = 5;
const SECONDS_MAX: u64 = 240;

/// How much is sent.
#[derive(Clone, Debug)]
pub struct Size {
    /// Simulated nodes.
    pub nodes: usize,
    /// Series of each.
    pub series: usize,
    /// Rounds of each.
    pub seconds: u64,
    /// Recording to replay.
    pub recording: Option<PathBuf>,
}

/// Runs a collector under that load.
pub async fn measure(binaries: &Path, size: &Size, dir: &Path) -> Result<Vec<Row>> {
    ensure!((1..=NODES_MAX).contains(&size.nodes), "1 to {NODES_MAX} nodes");
    ensure!((1..=SECONDS_MAX).contains(&size.seconds), "1 to {SECONDS_MAX} seconds");
    let rounds = WARM_UP + usize::try_from(size.seconds)?;
    let replay = Arc::new(Replay::new(size.recording.as_deref(), size.series, rounds)?);
    let mut collector = Collector::start(binaries, "", dir).await?;
    let start = SystemClock.wall().minus(Duration::from_secs(WARM_UP as u64 + 1));
    let plan = Plan::new(collector.agents, replay, start);
    let acknowledged = Arc::clone(&plan.acknowledged);
    let mut fleet = Fleet::join(&collector, size.nodes, &plan, &dir.join("nodes")).await?;
    fleet.advance(WARM_UP as u64).await?;
    acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let kept_pace = fleet.keep_pace(size.seconds).await;
    // Why a collector ended says more than that its sessions did.
    collector.process.check()?;
    kept_pace?;
    let waits = std::mem::take(&mut *acknowledged.lock().unwrap_or_else(PoisonError::into_inner));
    let millis: Vec<f64> = waits.iter().map(|wait| wait.as_secs_f64() * 1e3).collect();
    ensure!(millis.len() == size.nodes * usize::try_from(size.seconds)?, "rounds are missing");
    let at = |share| percentile(&millis, share).context("no round was measured");
    Ok(vec![Row {
        quantity: "round to acknowledgement, ms: p50 / p99 / max".to_owned(),
        ours: format!("{:.1} / {:.1} / {:.1}", at(0.5)?, at(0.99)?, at(1.0)?),
        peer: "-".to_owned(),
        mark: None,
        ratio: format!(
            "{} nodes x {} series, a round a second each for {} s; on the collector's disk when acknowledged",
            size.nodes, size.series, size.seconds
        ),
    }])
}

//! Whether an agent's memory grows: an hour's rounds in six minutes, since its probes read ten times a second.

use super::agent_cost::CHANGING;
use super::cpu::resident;
use super::lab::{Collector, start_agent};
use super::report::{Row, mib};
use anyhow::{Result, ensure};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;
use tokio::time::sleep;

/// Rounds of an hour at 1 s.
const HOUR_ROUNDS: u32 = 3_600;
/// Between two rounds, the shortest that an agent takes.
const INTERVAL: Duration = Duration::from_millis(100);
/// First rounds open files, fill buffers and meet each probe's own first rounds.
const SETTLE: Duration = Duration::from_secs(30);
/// The promise: what an hour may add. The allocator gives memory back in pages, and a page more or less is no growth.
const GROWTH_MAX: u64 = 256 << 10;

/// Runs an agent for `rounds` rounds after it has settled; an hour's by default.
pub async fn measure(binaries: &Path, rounds: Option<u32>, dir: &Path) -> Result<Vec<Row>> {
    let rounds = rounds.unwrap_or(HOUR_ROUNDS);
    let mut collector = Collector::start(binaries, "", dir).await?;
    let mut probes = String::new();
    for name in CHANGING {
        writeln!(probes, "[probe.{name}]\ninterval = \"{}ms\"", INTERVAL.as_millis())?;
    }
    let mut agent = start_agent(binaries, &collector, collector.agents, "agent", &probes, dir)?;
    sleep(SETTLE).await;
    let mut api = collector.reader().await?;
    let (before, samples) =
        (resident(agent.pid())?, api.metric("wardround_collector_samples_total").await?);
    sleep(INTERVAL * rounds).await;
    agent.check()?;
    collector.process.check()?;
    let after = resident(agent.pid())?;
    let mut api = collector.reader().await?;
    let samples = api.metric("wardround_collector_samples_total").await? - samples;
    let least = f64::from(rounds) * CHANGING.len() as f64;
    ensure!(samples >= least, "only {samples} samples came: the agent made fewer rounds");
    let growth = after.now.saturating_sub(before.now);
    let is_hour = rounds >= HOUR_ROUNDS;
    let mark = (format!("<= {} KiB", GROWTH_MAX >> 10), growth <= GROWTH_MAX);
    Ok(vec![Row {
        quantity: format!("agent: resident memory after {rounds} rounds, MiB"),
        ours: format!("{} -> {} (peak {})", mib(before.now), mib(after.now), mib(after.peak)),
        peer: "-".to_owned(),
        ratio: format!("{} KiB more; {samples:.0} samples", growth >> 10),
        mark: is_hour.then_some(mark),
    }])
}

//! Samples per CPU second of the collector, through mutual TLS, journal and rules, beside Prometheus and VictoriaMetrics
//! that take the same samples by remote write.
//!
//! All servers run at once and take turns, so that none has a quieter machine; whoever does not have its turn is idle.
//! Timestamps lie in the past and advance by one second per round, and rounds follow each other as fast as the server
//! answers: this is the cost of a sample, not a promise of latency.

use super::api::Api;
use super::cpu::{Account, resident};
use super::fleet::{Fleet, NODES_MAX};
use super::lab::{Collector, Peer};
use super::node::Plan;
use super::remote_write::RemoteWriter;
use super::replay::Replay;
use super::report::{Row, mib};
use super::rule_inputs;
use super::spread::Spread;
use anyhow::{Context, Result, ensure};
use shared_model::Clock;
use shared_runtime::SystemClock;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Rounds that make the series known; not measured.
const WARM_UP: usize = 10;
/// What is still in memory is written meanwhile, at the server's own cost. The collector writes its state at least once
/// in it (`SNAPSHOT_EVERY`): as often per sample as its default of five minutes means at one round a second.
const SETTLE: Duration = Duration::from_secs(6);
const SNAPSHOT_EVERY: &str = "[store]\nsnapshot_every = \"5s\"\n";
/// The promise: samples per CPU second.
const RATE_MIN: f64 = 700_000.0;
/// Most rounds: beyond, the values of a recording would repeat.
const ROUNDS_MAX: usize = 1_500;

/// How much is sent.
#[derive(Clone, Debug)]
pub struct Size {
    /// Simulated nodes.
    pub nodes: usize,
    /// Series of each.
    pub series: usize,
    /// Seconds of node time per turn.
    pub rounds: usize,
    /// Turns of each server.
    pub turns: usize,
    /// Recording to replay.
    pub recording: Option<PathBuf>,
}

/// What one server did in its turns.
#[derive(Default)]
struct Tally {
    rates: Vec<f64>,
}

impl Tally {
    fn add(&mut self, pid: u32, before: &Account, samples: f64) -> Result<()> {
        let spent = Account::of(pid)?.ticks_since(before).as_secs_f64();
        ensure!(spent > 0.0, "a turn too short for the kernel's clock ticks: send more rounds");
        self.rates.push(samples / spent);
        Ok(())
    }

    fn spread(&self) -> Result<Spread> {
        Spread::of(&self.rates).context("no turn was measured")
    }
}

/// Runs the servers and gives each its turns.
pub async fn measure(binaries: &Path, size: &Size, dir: &Path) -> Result<Vec<Row>> {
    let rounds = WARM_UP + size.rounds * size.turns;
    ensure!((1..=NODES_MAX).contains(&size.nodes), "1 to {NODES_MAX} nodes");
    ensure!(rounds <= ROUNDS_MAX, "{rounds} rounds are above the limit of {ROUNDS_MAX}");
    let replay = Arc::new(Replay::new(size.recording.as_deref(), size.series, rounds)?);
    let start = SystemClock.wall().minus(Duration::from_secs(rounds as u64 + 120));
    let mut collector = Collector::start(binaries, SNAPSHOT_EVERY, dir).await?;
    let mut prometheus = Peer::prometheus("global: {scrape_interval: 1m}\n", dir).await?;
    let mut victoria = Peer::victoria_metrics(dir).await?;
    let plan = Plan::new(collector.agents, Arc::clone(&replay), start);
    let mut fleet = Fleet::join(&collector, size.nodes, &plan, &dir.join("nodes")).await?;
    let mut api = collector.reader().await?;
    let writer =
        |peer: &Peer| RemoteWriter::new(peer.address, "/api/v1/write", &replay, size.nodes, start);
    let mut writers = [writer(&prometheus), writer(&victoria)];
    fleet.advance(WARM_UP as u64).await?;
    for writer in &mut writers {
        writer.advance(WARM_UP).await?;
    }
    sleep(SETTLE).await;

    let samples = (size.nodes * size.series * size.rounds) as f64;
    let pids = [prometheus.process.pid(), victoria.process.pid()];
    let (mut ours, mut theirs) = (Tally::default(), [Tally::default(), Tally::default()]);
    let counted = api.metric("wardround_collector_samples_total").await?;
    let groups = api.metric("wardround_collector_groups_total").await?;
    for _ in 0..size.turns {
        let before = Account::of(collector.process.pid())?;
        let advanced = fleet.advance(size.rounds as u64).await;
        // Why a collector ended says more than that its sessions did.
        collector.process.check()?;
        advanced?;
        sleep(SETTLE).await;
        ours.add(collector.process.pid(), &before, samples)?;
        for ((writer, pid), tally) in writers.iter_mut().zip(pids).zip(&mut theirs) {
            let before = Account::of(pid)?;
            writer.advance(size.rounds).await?;
            sleep(SETTLE).await;
            tally.add(pid, &before, samples)?;
        }
    }
    for process in [&mut collector.process, &mut prometheus.process, &mut victoria.process] {
        process.check()?;
    }
    // What the collector itself counted must be what was sent: nothing may be left out unseen.
    let taken = api.metric("wardround_collector_samples_total").await? - counted;
    let sent = samples * size.turns as f64;
    ensure!((taken - sent).abs() < 0.5, "{sent} samples were sent, the collector counts {taken}");
    let judged = breached(&mut api).await?;
    ensure!(
        judged == size.nodes,
        "{judged} of {} nodes are found in breach of {}",
        size.nodes,
        rule_inputs::BREACH
    );
    let groups = api.metric("wardround_collector_groups_total").await? - groups;
    let batches = (size.nodes * size.rounds * size.turns) as f64 / groups.max(1.0);
    let incidents = api.metric("wardround_incidents_current").await?;
    let memory = |pid: u32| resident(pid).map(|r| r.peak);
    let memory = [memory(collector.process.pid())?, memory(pids[0])?, memory(pids[1])?];
    let about = format!(
        "{} nodes x {} series ({:.0} % constant; {}), {} s of node time per turn, {batches:.1} batches per fdatasync, {incidents} incidents",
        size.nodes,
        size.series,
        replay.constant_ratio() * 100.0,
        replay.source,
        size.rounds
    );
    rows(&ours, &theirs, memory, &about)
}

/// How many subjects the collector finds in breach of the rule that every node breaches.
async fn breached(api: &mut Api) -> Result<usize> {
    #[derive(serde::Deserialize)]
    struct Findings {
        findings: Vec<Finding>,
    }
    #[derive(serde::Deserialize)]
    struct Finding {
        rule: String,
        condition: String,
    }
    let Findings { findings } = api.get("/api/v1/findings").await?;
    let breached = |f: &&Finding| f.rule == rule_inputs::BREACH && f.condition == "breached";
    Ok(findings.iter().filter(breached).count())
}

fn rows(ours: &Tally, theirs: &[Tally; 2], memory: [u64; 3], about: &str) -> Result<Vec<Row>> {
    let (rate, thousand) = (ours.spread()?, 1e-3);
    let mut rows = Vec::new();
    for (peer, tally) in ["prometheus", "victoria-metrics"].iter().zip(theirs) {
        let their = tally.spread()?;
        rows.push(Row {
            quantity: "collector: thousand samples per CPU second".to_owned(),
            ours: format!("{:.0} (mTLS, journal, rules, store)", rate.times(thousand)),
            peer: format!("{peer} {:.0} (remote write)", their.times(thousand)),
            ratio: format!("{:.1} times", rate.median / their.median),
            mark: Some((format!(">= {:.0}", RATE_MIN * thousand), rate.median >= RATE_MIN)),
        });
    }
    rows.push(Row {
        quantity: "collector: peak resident memory, MiB".to_owned(),
        ours: mib(memory[0]),
        peer: format!("prometheus {}, victoria-metrics {}", mib(memory[1]), mib(memory[2])),
        ratio: about.to_owned(),
        mark: None,
    });
    Ok(rows)
}

//! What an agent costs its node and the network, beside node_exporter with its default collectors scraped every
//! second.
//!
//! Both run at the same time and are measured over the same windows. The agent's costs include encoding, its spool on
//! disk and TLS; node_exporter's do not include TLS nor any store, which its scraper would have to add.

use super::api::{Api, sample_count};
use super::cpu::{Account, resident};
use super::http::{Http, Traffic};
use super::lab::{Collector, Peer, start_agent};
use super::proxy::Proxy;
use super::report::{Row, mib};
use super::spread::Spread;
use anyhow::{Context, Result, ensure};
use hyper::Method;
use shared_model::{BootTime, Clock};
use shared_runtime::SystemClock;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// Probes of what node_exporter shows by default on any machine and that changes from second to second. What changes
/// slowly (names, versions, inventory, sensors) is read at its own interval, and what the kernel tells by itself when it
/// changes (`netclass`) then and at its own interval; node_exporter reads them at each scrape.
pub const CHANGING: &[&str] = &[
    "arp",
    "conntrack",
    "cpu",
    "diskstats",
    "filefd",
    "filesystem",
    "loadavg",
    "meminfo",
    "netdev",
    "netstat",
    "pressure",
    "schedstat",
    "sockstat",
    "softnet",
    "stat",
    "time",
    "timex",
    "vmstat",
];
/// First rounds open files and send catalogs; they are not measured.
const SETTLE: Duration = Duration::from_secs(8);
/// Readings are cut halfway between two rounds, so that none is split.
const HALF_MS: i64 = 500;
/// The promise: CPU per round against node_exporter's per scrape.
const CPU_RATIO_MAX: f64 = 0.25;
/// The promise: milliseconds of CPU per round of 1 s, all included.
const ROUND_MAX_MS: f64 = 1.8;
/// The promise: those of reading alone.
const SAMPLING_MAX_MS: f64 = 1.2;
/// The promise: resident memory in MiB.
const RESIDENT_MAX_MIB: u64 = 15;
/// Threads of the agent that read nothing.
const NOT_SAMPLING: [&str; 3] = ["uplink", "sync", "wardround-agent"];

/// Everything read at one boundary between windows.
struct Reading {
    at: BootTime,
    agent: Account,
    exporter: Account,
    samples: f64,
    up: u64,
    down: u64,
    scrapes: u64,
    scraped: u64,
}

/// The quantities of one window.
#[derive(Default)]
struct Windows {
    agent_ms: Vec<f64>,
    sampling_ms: Vec<f64>,
    exporter_ms: Vec<f64>,
    samples_per_round: Vec<f64>,
    up_per_sample: Vec<f64>,
    down_per_sample: Vec<f64>,
    scraped_per_sample: Vec<f64>,
}

/// How often the agent's probes read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Intervals {
    /// All every second, as node_exporter is scraped.
    Equal,
    /// Each at its own default.
    Default,
}

/// Runs collector, agent and node_exporter and measures `windows` windows of `window` each.
pub async fn measure(
    binaries: &Path,
    intervals: Intervals,
    windows: usize,
    window: Duration,
    dir: &Path,
) -> Result<Vec<Row>> {
    let mut collector = Collector::start(binaries, "", dir).await?;
    let mut api = collector.reader().await?;
    let proxy = Proxy::to(collector.agents).await?;
    let mut probes = String::new();
    for name in CHANGING.iter().filter(|_| intervals == Intervals::Equal) {
        writeln!(probes, "[probe.{name}]\ninterval = \"1s\"")?;
    }
    let mut agent = start_agent(binaries, &collector, proxy.address, "agent", &probes, dir)?;
    let mut exporter = Peer::node_exporter(Vec::new(), dir).await?;
    let page = Http::plain(exporter.address).await?.get("/metrics").await?;
    let per_scrape = sample_count(&String::from_utf8_lossy(&page)) as f64;
    let scraper = Scraper::start(&exporter).await?;
    let pids = (agent.pid(), exporter.process.pid());
    sleep(SETTLE).await;

    let mut measured = Windows::default();
    let mut before: Option<Reading> = None;
    let mut first: Option<(BootTime, Account)> = None;
    for _ in 0..=windows {
        if before.is_some() {
            sleep(window.saturating_sub(Duration::from_millis(900))).await;
        }
        until_half_second().await;
        agent.check()?;
        exporter.process.check()?;
        collector.process.check()?;
        let now = Reading::take(pids, &mut api, &proxy.traffic, &scraper).await?;
        match &before {
            Some(before) => measured.add(before, &now, per_scrape)?,
            None => first = Some((now.at, now.agent.clone())),
        }
        before = Some(now);
    }
    let resident = (resident(pids.0)?, resident(pids.1)?);
    let (begin, account) = first.context("no window was asked for")?;
    let ticks = Account::of(pids.0)?.ticks_since(&account);
    let rounds = SystemClock.boot().since(begin).as_secs_f64();
    measured.rows(intervals, per_scrape, resident, ticks.as_secs_f64() * 1e3 / rounds)
}

impl Reading {
    async fn take(
        (agent, exporter): (u32, u32),
        api: &mut Api,
        wire: &Traffic,
        scraper: &Scraper,
    ) -> Result<Self> {
        ensure!(
            !scraper.task.is_finished(),
            "the scraper ended: did node_exporter stop answering?"
        );
        Ok(Self {
            at: SystemClock.boot(),
            agent: Account::of(agent)?,
            exporter: Account::of(exporter)?,
            scrapes: scraper.count.load(Ordering::Relaxed),
            scraped: scraper.traffic.received.load(Ordering::Relaxed),
            up: wire.sent.load(Ordering::Relaxed),
            down: wire.received.load(Ordering::Relaxed),
            samples: api.metric("wardround_collector_samples_total").await?,
        })
    }
}

impl Windows {
    fn add(&mut self, before: &Reading, now: &Reading, per_scrape: f64) -> Result<()> {
        let rounds = now.at.since(before.at).as_secs_f64().round();
        let scrapes = (now.scrapes - before.scrapes) as f64;
        let samples = now.samples - before.samples;
        ensure!(scrapes > 0.0 && samples > 0.0, "a window without scrapes or without samples");
        self.agent_ms.push(now.agent.nanos_since(&before.agent).as_secs_f64() * 1e3 / rounds);
        let sampling =
            now.agent.nanos_of_threads_since(&before.agent, |name| !NOT_SAMPLING.contains(&name));
        self.sampling_ms.push(sampling.as_secs_f64() * 1e3 / rounds);
        self.exporter_ms
            .push(now.exporter.nanos_since(&before.exporter).as_secs_f64() * 1e3 / scrapes);
        self.samples_per_round.push(samples / rounds);
        self.up_per_sample.push((now.up - before.up) as f64 / samples);
        self.down_per_sample.push((now.down - before.down) as f64 / samples);
        self.scraped_per_sample
            .push((now.scraped - before.scraped) as f64 / (scrapes * per_scrape));
        Ok(())
    }

    fn rows(
        &self,
        intervals: Intervals,
        per_scrape: f64,
        (agent, exporter): (super::cpu::Resident, super::cpu::Resident),
        ticks_ms: f64,
    ) -> Result<Vec<Row>> {
        let spread = |values: &[f64]| Spread::of(values).context("no window was measured");
        let (ours, theirs) = (spread(&self.agent_ms)?, spread(&self.exporter_ms)?);
        let ratio = ours.median / theirs.median;
        let (up, down) = (spread(&self.up_per_sample)?, spread(&self.down_per_sample)?);
        let scraped = spread(&self.scraped_per_sample)?;
        let series = spread(&self.samples_per_round)?.median;
        let resident_max = RESIDENT_MAX_MIB << 20;
        let pace = match intervals {
            Intervals::Equal => "",
            Intervals::Default => ", default intervals",
        };
        let sampling = spread(&self.sampling_ms)?;
        // The promises are about equal work.
        let is_equal = intervals == Intervals::Equal;
        let is_met = ratio < CPU_RATIO_MAX && ours.median <= ROUND_MAX_MS && series >= per_scrape;
        let cpu_mark = (format!("<= {ROUND_MAX_MS}, < {CPU_RATIO_MAX} of its CPU"), is_met);
        let sampling_mark = (format!("<= {SAMPLING_MAX_MS}"), sampling.median <= SAMPLING_MAX_MS);
        Ok(vec![
            Row {
                quantity: format!(
                    "agent: CPU per 1 s round, ms (encode, spool, TLS included){pace}"
                ),
                ours: format!("{ours} for {series:.0} series (by ticks {ticks_ms:.2})"),
                peer: format!("node_exporter {theirs} for {per_scrape:.0}"),
                ratio: format!(
                    "{:.2} of its CPU, {:.2} per series",
                    ratio,
                    ratio * per_scrape / series
                ),
                mark: is_equal.then_some(cpu_mark),
            },
            Row {
                quantity: format!("agent: of which reading, ms{pace}"),
                ours: sampling.to_string(),
                peer: "-".to_owned(),
                ratio: format!("{:.2} of node_exporter's", sampling.median / theirs.median),
                mark: is_equal.then_some(sampling_mark),
            },
            Row {
                quantity: format!("agent: resident memory, MiB{pace}"),
                ours: format!("{} (peak {})", mib(agent.now), mib(agent.peak)),
                peer: format!("node_exporter {} (peak {})", mib(exporter.now), mib(exporter.peak)),
                ratio: format!("{:.2}", agent.now as f64 / exporter.now as f64),
                mark: Some((format!("<= {RESIDENT_MAX_MIB}"), agent.now <= resident_max)),
            },
            Row {
                quantity: format!("wire: bytes per sample, TCP payload{pace}"),
                ours: format!("{up} up with TLS, {:.2} down", down.median),
                peer: format!("node_exporter gzip {scraped} without TLS"),
                ratio: format!("{:.2}", up.median / scraped.median),
                mark: None,
            },
        ])
    }
}

/// Scrapes node_exporter every second on one kept-alive connection with gzip, as Prometheus does.
struct Scraper {
    traffic: Arc<Traffic>,
    count: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Scraper {
    async fn start(exporter: &Peer) -> Result<Self> {
        let mut http = Http::plain(exporter.address).await?;
        let (traffic, count) = (Arc::clone(&http.traffic), Arc::new(AtomicU64::new(0)));
        let counted = Arc::clone(&count);
        let task = tokio::spawn(async move {
            let mut ticks = interval(Duration::from_secs(1));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            let headers = [("accept-encoding", "gzip"), ("accept", "text/plain;version=0.0.4")];
            loop {
                ticks.tick().await;
                // The end of this task is what the reader of the windows sees of an error.
                if http.call(Method::GET, "/metrics", &headers, "").await.is_err() {
                    return;
                }
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Ok(Self { traffic, count, task })
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Agents read at whole seconds.
async fn until_half_second() {
    let into = SystemClock.wall().as_millis().rem_euclid(1_000);
    let left = (HALF_MS - into).rem_euclid(1_000);
    sleep(Duration::from_millis(left.unsigned_abs())).await;
}

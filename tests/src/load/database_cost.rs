//! What watching a database costs the database, beside the exporters of Prometheus; and what a whole node with a PostgreSQL costs,
//! beside node_exporter, postgres_exporter and a Prometheus agent that ships what they say.

use super::cpu::{Account, resident};
use super::database_servers::DatabaseServer;
use super::http::Http;
use super::lab::{Collector, Peer, start_agent};
use super::report::{Row, mib};
use super::spread::Spread;
use anyhow::{Context, Result};
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::time::{interval, sleep};

/// First rounds connect, prepare, and read everything once.
const SETTLE: Duration = Duration::from_secs(20);
/// The promise: CPU of the database per round against the exporter's per scrape.
const SERVER_RATIO_MAX: f64 = 0.5;
/// The promise: share of one core of the whole agent, in percent.
const NODE_MAX_PERCENT: f64 = 0.4;
/// The promise: resident memory of it in MiB.
const NODE_MAX_MIB: u64 = 15;

/// Measures `windows` windows of `window` each, everything at one round a second.
pub async fn measure(
    binaries: &Path,
    windows: usize,
    window: Duration,
    dir: &Path,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let span = (windows, window);
    let postgres = DatabaseServer::postgres(dir).await?;
    rows.push(server(binaries, &postgres, "postgres", span, dir).await?);
    rows.extend(node(binaries, &postgres, span, dir).await?);
    drop(postgres);
    let mariadb = DatabaseServer::mariadb(dir).await?;
    rows.push(server(binaries, &mariadb, "mysql", span, dir).await?);
    Ok(rows)
}

/// The database's own cost: with nobody, with the agent, with the exporter, one after the other.
async fn server(
    binaries: &Path,
    server: &DatabaseServer,
    engine: &str,
    span: (usize, Duration),
    dir: &Path,
) -> Result<Row> {
    sleep(SETTLE).await;
    let idle = server_ms(server, span).await?;
    let folder = dir.join(format!("alone-{engine}"));
    std::fs::create_dir(&folder)?;
    let collector = Collector::start(binaries, "", &folder).await?;
    let text = format!("{}{}", crate::probes::off_but(&[]), server.agent);
    let agent = start_agent(binaries, &collector, collector.agents, "agent", &text, &folder)?;
    sleep(SETTLE).await;
    let ours = server_ms(server, span).await?;
    drop((agent, collector));
    let exporter = start_exporter(server, engine, &folder).await?;
    let mut scraper = Http::plain(exporter.address).await?;
    let scraping = tokio::spawn(async move {
        let mut ticks = interval(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            if scraper.get("/metrics").await.is_err() {
                return;
            }
        }
    });
    sleep(SETTLE).await;
    let theirs = server_ms(server, span).await?;
    let is_scraped = !scraping.is_finished();
    scraping.abort();
    anyhow::ensure!(is_scraped, "the exporter stopped answering");
    let (a, b) = (ours.median - idle.median, theirs.median - idle.median);
    Ok(Row {
        quantity: format!("{engine}: CPU of the database per 1 s round, ms"),
        ours: format!("{a:.2} ({ours} less {:.2} idle)", idle.median),
        peer: format!("{engine} exporter {b:.2} ({theirs})"),
        ratio: format!("{:.2} of the exporter's", a / b),
        mark: Some((format!("<= {SERVER_RATIO_MAX} of it"), a <= b * SERVER_RATIO_MAX)),
    })
}

/// Milliseconds of the database's CPU per second.
async fn server_ms(
    server: &DatabaseServer,
    (windows, window): (usize, Duration),
) -> Result<Spread> {
    let mut found = Vec::new();
    let mut before = server.account()?;
    for _ in 0..windows {
        sleep(window).await;
        let now = server.account()?;
        found.push(now.since(&before).as_secs_f64() * 1e3 / window.as_secs_f64());
        before = now;
    }
    Spread::of(&found).context("no window was asked for")
}

async fn start_exporter(server: &DatabaseServer, engine: &str, dir: &Path) -> Result<Peer> {
    let command = server.exporter(engine, dir)?;
    let args = |address| {
        let listen = format!("--web.listen-address={address}");
        command.into_iter().chain([listen]).collect()
    };
    Peer::start(&format!("{engine}-exporter"), "/usr/bin/env", args, "/metrics", dir).await
}

/// Debian's Prometheus as an agent: it scrapes both exporters each second and ships what they say.
async fn start_shipper(exporters: &[Peer], store: SocketAddr, folder: &Path) -> Result<Peer> {
    let mut config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nremote_write: [{{url: \"http://{store}/api/v1/write\"}}]\nscrape_configs:\n"
    );
    for (at, exporter) in exporters.iter().enumerate() {
        writeln!(
            config,
            "- {{job_name: j{at}, static_configs: [{{targets: [\"{}\"]}}]}}",
            exporter.address
        )?;
    }
    let file = folder.join("agent.yml");
    std::fs::write(&file, config)?;
    let wal = folder.join("wal");
    let args = |address| {
        vec![
            "--enable-feature=agent".to_owned(),
            format!("--config.file={}", file.display()),
            format!("--storage.agent.path={}", wal.display()),
            format!("--web.listen-address={address}"),
            "--log.level=warn".to_owned(),
        ]
    };
    Peer::start("prometheus-agent", "/usr/bin/prometheus", args, "/-/ready", folder).await
}

/// A whole node: server probes at their own intervals and the database each second, against the same of Prometheus' world.
async fn node(
    binaries: &Path,
    server: &DatabaseServer,
    (windows, window): (usize, Duration),
    dir: &Path,
) -> Result<Vec<Row>> {
    let folder = dir.join("node");
    std::fs::create_dir(&folder)?;
    let collector = Collector::start(binaries, "", &folder).await?;
    let agent =
        start_agent(binaries, &collector, collector.agents, "agent", &server.agent, &folder)?;
    let exporters = [
        Peer::node_exporter(Vec::new(), &folder).await?,
        start_exporter(server, "postgres", &folder).await?,
    ];
    let store = Peer::victoria_metrics(&folder).await?;
    let shipper = start_shipper(&exporters, store.address, &folder).await?;
    let theirs: Vec<u32> =
        exporters.iter().chain([&shipper]).map(|peer| peer.process.pid()).collect();
    sleep(SETTLE).await;
    let accounts =
        |pids: &[u32]| pids.iter().map(|pid| Account::of(*pid)).collect::<Result<Vec<_>>>();
    let ours = [agent.pid()];
    let mut before = (accounts(&ours)?, accounts(&theirs)?);
    let mut percents = (Vec::new(), Vec::new());
    let percent = |now: &[Account], before: &[Account]| {
        let spent: Duration =
            now.iter().zip(before).map(|(now, before)| now.nanos_since(before)).sum();
        spent.as_secs_f64() * 100.0 / window.as_secs_f64()
    };
    for _ in 0..windows {
        sleep(window).await;
        let now = (accounts(&ours)?, accounts(&theirs)?);
        percents.0.push(percent(&now.0, &before.0));
        percents.1.push(percent(&now.1, &before.1));
        before = now;
    }
    let spread = |values: &[f64]| Spread::of(values).context("no window was asked for");
    let (cpu, peer) = (spread(&percents.0)?, spread(&percents.1)?);
    let memory = resident(ours[0])?;
    let peers: u64 = theirs.iter().map(|pid| Ok(resident(*pid)?.now)).sum::<Result<u64>>()?;
    let names = "node_exporter + postgres_exporter + Prometheus agent";
    Ok(vec![
        Row {
            quantity: "node with a PostgreSQL, 1 s: CPU, % of a core (encode, spool, TLS included)"
                .to_owned(),
            ours: cpu.to_string(),
            peer: format!("{names} {peer}"),
            ratio: format!("{:.2}", cpu.median / peer.median),
            mark: Some((format!("<= {NODE_MAX_PERCENT}"), cpu.median <= NODE_MAX_PERCENT)),
        },
        Row {
            quantity: "node with a PostgreSQL, 1 s: resident memory, MiB".to_owned(),
            ours: format!("{} (peak {})", mib(memory.now), mib(memory.peak)),
            peer: format!("{names} {}", mib(peers)),
            ratio: format!("{:.2}", memory.now as f64 / peers as f64),
            mark: Some((format!("<= {NODE_MAX_MIB}"), memory.now <= NODE_MAX_MIB << 20)),
        },
    ])
}

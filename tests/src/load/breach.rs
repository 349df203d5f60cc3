//! From a breach on the node to the incident, under the contract as it was signed.
//!
//! A port of a made InfiniBand tree goes down at a random moment; the clock starts (`CLOCK_REALTIME`) just before its
//! files are written and stops when the incident is first seen in the REST API, which is asked every 5 ms. The rule
//! itself (`ib.port_down`) decides on the third bad sample, 2 s after the first; this wait is shown and subtracted.
//! Beside it, at the same breaches: node_exporter on the same tree, Prometheus scraping and evaluating every second an
//! alert `for` the same 2 s, until it is firing in Prometheus' own API.

use super::api::Api;
use super::fabric::Fabric;
use super::http::Http;
use super::lab::{Collector, Peer, start_agent};
use super::random::Random;
use super::report::Row;
use super::spread::percentile;
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use shared_model::{Clock, Timestamp};
use shared_runtime::SystemClock;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// From the first bad sample to the third, on which the rule `ib.port_down` decides.
const STANDARD_WAIT: Duration = Duration::from_secs(2);
/// How far the quickest trial may be from it, seconds, before the constant above is taken for outdated.
const WAIT_TOLERANCE_S: f64 = 0.5;
/// How often the collector's API is asked.
const ASK_EVERY: Duration = Duration::from_millis(5);
/// How often Prometheus is asked; its answer lists every alert.
const ASK_PEER_EVERY: Duration = Duration::from_millis(10);
/// Newest incidents per question: more than one second can bring.
const NEWEST: usize = 12;
/// Between two breaches: random, so that they meet every phase of a second.
const PAUSE_MS: (u64, u64) = (400, 1_200);
/// Until every port is known on both sides.
const KNOWN_WITHIN: Duration = Duration::from_secs(30);
/// After the last breach.
const SEEN_WITHIN: Duration = Duration::from_secs(20);
/// The promise: seconds at the 95th percentile, the rule's own wait not counted.
const P95_MAX_S: f64 = 1.3;

/// When each fault was made, or its incident first seen.
pub(super) type Seen = BTreeMap<String, Timestamp>;

#[derive(Deserialize)]
pub(super) struct Page {
    pub(super) incidents: Vec<Incident>,
}

#[derive(Deserialize)]
pub(super) struct Incident {
    pub(super) subject: BTreeMap<String, String>,
    clocks: Clocks,
}

#[derive(Deserialize)]
struct Clocks {
    occurred: String,
    detected: String,
}

#[derive(Deserialize)]
struct Alerts {
    data: AlertList,
}

#[derive(Deserialize)]
struct AlertList {
    alerts: Vec<Alert>,
}

#[derive(Deserialize)]
struct Alert {
    labels: BTreeMap<String, String>,
    state: String,
}

/// Runs both chains and breaks `trials` ports; one more stays up, since a node without any is another incident.
pub async fn measure(binaries: &Path, trials: usize, seed: u64, dir: &Path) -> Result<Vec<Row>> {
    ensure!(
        (1..super::fabric::PORTS_MAX).contains(&trials),
        "1 to {} trials",
        super::fabric::PORTS_MAX - 1
    );
    let root = dir.join("fabric");
    let fabric = Fabric::create(&root, trials + 1)?;
    let mut collector = Collector::start(binaries, "", dir).await?;
    let mut api = collector.reader().await?;
    let probes = format!("[probe.infiniband]\nroot = {root:?}\n");
    let mut agent = start_agent(binaries, &collector, collector.agents, "agent", &probes, dir)?;
    let sysfs = format!("--path.sysfs={}", root.join("sys").display());
    let exporter = Peer::node_exporter(
        vec!["--collector.disable-defaults".to_owned(), "--collector.infiniband".to_owned(), sysfs],
        dir,
    )
    .await?;
    let prometheus = start_prometheus(&exporter, dir).await?;
    let mut alerts = Http::plain(prometheus.address).await?;
    let known = async {
        while !all_known(&mut api, &mut alerts, fabric.ports()).await? {
            agent.check()?;
            sleep(Duration::from_millis(200)).await;
        }
        anyhow::Ok(())
    };
    timeout(KNOWN_WITHIN, known).await.context("not every port was known within 30 s")??;

    let (mut ours, mut theirs) = (Seen::new(), Seen::new());
    let broken = tokio::select! {
        broken = break_all(&fabric, trials, seed) => broken?,
        error = watch_incidents(&mut api, &mut ours) => bail!("watching the collector: {error:#}"),
        error = watch_alerts(&mut alerts, &mut theirs) => bail!("watching Prometheus: {error:#}"),
    };
    collector.process.check()?;
    agent.check()?;
    // The question under way when the last port was broken was given up, and its connection with it.
    let mut api = collector.reader().await?;
    let path = format!("/api/v1/incidents?cause=ib.port_down&limit={}", fabric.ports());
    let Page { incidents } = api.get(&path).await?;
    rows(&broken, &ours, &theirs, &incidents)
}

async fn start_prometheus(exporter: &Peer, dir: &Path) -> Result<Peer> {
    let rules = dir.join("rules.yml");
    let wait = STANDARD_WAIT.as_secs();
    let alert = format!("{{alert: PortDown, expr: 'node_infiniband_state_id != 4', for: {wait}s}}");
    std::fs::write(&rules, format!("groups: [{{name: fabric, rules: [{alert}]}}]\n"))?;
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\nscrape_configs: [{{job_name: node, static_configs: [{{targets: ['{}']}}]}}]\n",
        rules.display(),
        exporter.address
    );
    Peer::prometheus(&config, dir).await
}

/// Whether both sides have read every port.
async fn all_known(api: &mut Api, prometheus: &mut Http, ports: usize) -> Result<bool> {
    const QUERY: &str = "api/v1/query?query=count(node_infiniband_state_id)";
    let count = |answer: &serde_json::Value| {
        answer
            .pointer("/data/result/0/value/1")
            .and_then(|v| v.as_str())
            .and_then(|v| v.parse().ok())
    };
    let ours: serde_json::Value = api.get(&format!("/prometheus/{QUERY}")).await?;
    let theirs = serde_json::from_slice(&prometheus.get(&format!("/{QUERY}")).await?)?;
    Ok(count(&ours) == Some(ports) && count(&theirs) == Some(ports))
}

/// Breaks every port but the last; when each was broken, by device. Returns some time after the last one.
async fn break_all(fabric: &Fabric, trials: usize, seed: u64) -> Result<Seen> {
    let mut random = Random::new(seed);
    let mut broken = Seen::new();
    for port in 0..trials {
        let pause = PAUSE_MS.0 + random.below(PAUSE_MS.1 - PAUSE_MS.0);
        sleep(Duration::from_millis(pause)).await;
        let at = SystemClock.wall();
        fabric.break_link(port)?;
        broken.insert(Fabric::device_name(port), at);
    }
    sleep(SEEN_WITHIN.min(STANDARD_WAIT * 3)).await;
    Ok(broken)
}

/// Notes when each incident is first seen; ends only by an error.
async fn watch_incidents(api: &mut Api, seen: &mut Seen) -> anyhow::Error {
    let path = format!("/api/v1/incidents?cause=ib.port_down&limit={NEWEST}");
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let page: Page = match api.get(&path).await {
            Ok(page) => page,
            Err(error) => return error,
        };
        let at = SystemClock.wall();
        for device in page.incidents.iter().filter_map(|i| i.subject.get("device")) {
            seen.entry(device.clone()).or_insert(at);
        }
    }
}

/// Notes when each alert is first seen firing; ends only by an error.
async fn watch_alerts(http: &mut Http, seen: &mut Seen) -> anyhow::Error {
    let mut ticks = interval(ASK_PEER_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let alerts =
            async { Ok(serde_json::from_slice::<Alerts>(&http.get("/api/v1/alerts").await?)?) };
        let alerts = match alerts.await {
            Ok(alerts) => alerts.data.alerts,
            Err(error) => return error,
        };
        let at = SystemClock.wall();
        for alert in alerts.iter().filter(|a| a.state == "firing") {
            if let Some(device) = alert.labels.get("device") {
                seen.entry(device.clone()).or_insert(at);
            }
        }
    }
}

fn rows(broken: &Seen, ours: &Seen, theirs: &Seen, incidents: &[Incident]) -> Result<Vec<Row>> {
    let (mut raw, mut peer, mut sampling, mut judging, mut showing) =
        (vec![], vec![], vec![], vec![], vec![]);
    for (device, &at) in broken {
        let incident = incidents.iter().find(|i| i.subject.get("device") == Some(device));
        let incident =
            incident.with_context(|| format!("{device} was broken but is no incident"))?;
        let time =
            |text: &str| text.parse::<Timestamp>().map_err(|e| anyhow::anyhow!("{text}: {e}"));
        let (occurred, detected) =
            (time(&incident.clocks.occurred)?, time(&incident.clocks.detected)?);
        let seen = *ours
            .get(device)
            .with_context(|| format!("the incident of {device} was not seen in time"))?;
        let fired =
            *theirs.get(device).with_context(|| format!("Prometheus did not fire for {device}"))?;
        raw.push(seconds(at, seen));
        peer.push(seconds(at, fired));
        sampling.push(seconds(at, occurred));
        judging.push(seconds(occurred, detected));
        showing.push(seconds(detected, seen));
    }
    let wait = STANDARD_WAIT.as_secs_f64();
    let at = |values: &[f64], q: f64| percentile(values, q).context("no breach was measured");
    let both = |values: &[f64], less: f64| -> Result<String> {
        Ok(format!(
            "{:.2} / {:.2} / {:.2}",
            at(values, 0.5)? - less,
            at(values, 0.95)? - less,
            at(values, 1.0)? - less
        ))
    };
    let p95 = at(&raw, 0.95)? - wait;
    let trials = raw.len();
    let quickest = at(&judging, 0.0)?;
    ensure!(
        (quickest - wait).abs() < WAIT_TOLERANCE_S,
        "the rule decided {quickest} s after the first bad sample: has its own wait changed from {wait} s?"
    );
    Ok(vec![
        Row {
            quantity: format!("breach to incident, s: p50 / p95 / max of {trials}"),
            ours: both(&raw, 0.0)?,
            peer: format!("prometheus firing {}", both(&peer, 0.0)?),
            ratio: format!("until seen in the API; both wait the rule's {wait} s"),
            mark: None,
        },
        Row {
            quantity: format!("breach to incident, s: less the rule's own {wait} s"),
            ours: both(&raw, wait)?,
            peer: format!("prometheus firing {}", both(&peer, wait)?),
            ratio: format!(
                "p50 / p95: to the first bad sample {:.2} / {:.2}, to detection {:.2} / {:.2}, to the API {:.3} / {:.3}",
                at(&sampling, 0.5)?,
                at(&sampling, 0.95)?,
                at(&judging, 0.5)?,
                at(&judging, 0.95)?,
                at(&showing, 0.5)?,
                at(&showing, 0.95)?
            ),
            mark: Some((format!("p95 <= {P95_MAX_S}"), p95 <= P95_MAX_S)),
        },
    ])
}

/// Signed, because clocks of different processes are compared.
pub(super) fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    (to.as_micros() - from.as_micros()) as f64 / 1e6
}

//! From something that the kernel tells by itself to the incident, under the contract as it was signed: a network card that
//! loses its carrier, an InfiniBand port that goes down, an error in the kernel's log.
//!
//! The clock starts (`CLOCK_REALTIME`) just before the fault is made at a random moment and stops when the incident is first seen
//! in the REST API, which is asked every 5 ms. Nothing is subtracted: the rules wait for three readings, which follow the event
//! within 140 ms. Needs the right to make links and to write to `/dev/kmsg`.

use super::api::Api;
use super::breach::{Page, Seen, seconds};
use super::fabric::{Fabric, PORTS_MAX};
use super::lab::{Collector, start_agent};
use super::process::run;
use super::random::Random;
use super::report::Row;
use super::spread::percentile;
use anyhow::{Context, Result, bail, ensure};
use shared_model::Clock;
use shared_runtime::SystemClock;
use std::path::Path;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// How often the collector's API is asked.
const ASK_EVERY: Duration = Duration::from_millis(5);
/// Between two faults: random, so that they meet every phase of a second.
const PAUSE_MS: (u64, u64) = (400, 1_200);
/// Until everything is known on both sides.
const KNOWN_WITHIN: Duration = Duration::from_secs(30);
/// After the last fault.
const SEEN_WITHIN: Duration = Duration::from_secs(5);
/// The promise: seconds at the 99th percentile.
const P99_MAX_S: f64 = 0.25;

/// Messages as the kernel writes them, one of each class whose rule opens an incident by itself.
const MESSAGES: [(&str, &str); 8] = [
    ("oom", "Out of memory: Killed process 4711 (made up) total-vm:1kB"),
    ("soft_lockup", "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [made up:1]"),
    ("mlx5_health", "mlx5_core 0000:3b:00.0: print_health_info:423:(pid 0): Health issue observed"),
    ("nvme_timeout", "nvme nvme9: I/O 1 QID 1 timeout, aborting"),
    ("ext4_error", "EXT4-fs error (device made-up): ext4_lookup:1: inode #2"),
    ("btrfs_error", "BTRFS error (device made-up): bad tree block start"),
    ("pcie_uncorrected", "pcieport 0000:00:1c.0: PCIe Bus Error: severity=Uncorrected (Fatal)"),
    ("io_error", "I/O error, dev made-up, sector 1 op 0x0:(READ)"),
];

/// A pair of links that ends with the value: one end is the card, the other the switch it hangs on.
struct Cable {
    card: String,
    switch: String,
}

impl Cable {
    fn plug(number: usize) -> Result<Self> {
        let id = std::process::id() % 10_000;
        let cable = Self { card: format!("wrc{id}n{number}"), switch: format!("wrs{id}n{number}") };
        ip(&["link", "add", &cable.card, "type", "veth", "peer", "name", &cable.switch])
            .context("make a link: this measurement needs the right to do so")?;
        for end in [&cable.card, &cable.switch] {
            ip(&["link", "set", end, "up"])?;
        }
        Ok(cable)
    }

    fn pull(&self) -> Result<()> {
        ip(&["link", "set", &self.switch, "down"])
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        drop(ip(&["link", "del", &self.card]));
    }
}

fn ip(args: &[&str]) -> Result<()> {
    run(Path::new("ip"), args).map(drop)
}

/// Pulls `trials` cables, takes `trials` InfiniBand ports down, and writes one message of each class to the kernel's log.
pub async fn measure(binaries: &Path, trials: usize, seed: u64, dir: &Path) -> Result<Vec<Row>> {
    ensure!((1..PORTS_MAX).contains(&trials), "1 to {} trials", PORTS_MAX - 1);
    let root = dir.join("fabric");
    let fabric = Fabric::create(&root, trials + 1)?;
    let cables = (0..=trials).map(Cable::plug).collect::<Result<Vec<_>>>()?;
    let mut collector = Collector::start(binaries, "", dir).await?;
    let mut api = collector.reader().await?;
    let probes = format!("[probe.infiniband]\nroot = {root:?}\n[probe.kmsg]\ninjected = true\n");
    let mut agent = start_agent(binaries, &collector, collector.agents, "agent", &probes, dir)?;
    let known = async {
        while !all_known(&mut api, &fabric, &cables).await? {
            agent.check()?;
            sleep(Duration::from_millis(200)).await;
        }
        anyhow::Ok(())
    };
    timeout(KNOWN_WITHIN, known).await.context("not everything was known within 30 s")??;
    let fresh = fresh_messages(&mut api).await?;
    let mut random = Random::new(seed);
    let bell = cables.last().context("one cable is left")?;
    let pull = |at: usize| {
        let cable = cables.get(at).context("a cable")?;
        cable.pull()?;
        Ok(cable.card.clone())
    };
    let break_link = |at: usize| {
        fabric.break_link(at)?;
        // The network link that goes with a port: its change is what the kernel tells.
        ip(&["link", "set", &bell.card, if at.is_multiple_of(2) { "down" } else { "up" }])?;
        Ok(Fabric::device_name(at))
    };
    let log = |at: usize| {
        let (class, message) = fresh.get(at).context("a message")?;
        // Without an end of line the kernel would hold it back until something more is said.
        std::fs::write("/dev/kmsg", format!("<3>{message}\n")).context("write to /dev/kmsg")?;
        Ok((*class).to_owned())
    };
    let card = Signal { what: "network card", cause: "net.link_down", label: "device", trials };
    let port = Signal { what: "InfiniBand port", cause: "ib.port_down", label: "device", trials };
    let kernel = Signal { what: "kernel log", cause: "", label: "class", trials: fresh.len() };
    // The log first: a port that is down explains what its driver says.
    let mut rows = Vec::new();
    if kernel.trials > 0 {
        rows.push(kernel.measure(&collector, &mut api, &mut random, log).await?);
    }
    rows.push(card.measure(&collector, &mut api, &mut random, pull).await?);
    rows.push(port.measure(&collector, &mut api, &mut random, break_link).await?);
    collector.process.check()?;
    agent.check()?;
    Ok(rows)
}

/// Those of which none was written within the last hour, such as by an earlier run.
async fn fresh_messages(api: &mut Api) -> Result<Vec<(&'static str, &'static str)>> {
    let mut fresh = Vec::new();
    for (class, message) in MESSAGES {
        let query = format!("wardround_kernel_log_recent_events{{class=\"{class}\"}}>0");
        if !has_result(api, &query).await? {
            fresh.push((class, message));
        }
    }
    Ok(fresh)
}

async fn all_known(api: &mut Api, fabric: &Fabric, cables: &[Cable]) -> Result<bool> {
    let ports = format!("count(node_infiniband_state_id)=={}", fabric.ports());
    let cards = format!("count(node_network_carrier{{device=~\"wrc.*\"}}==1)=={}", cables.len());
    Ok(has_result(api, &ports).await?
        && has_result(api, &cards).await?
        && has_result(api, "wardround_kernel_log_recent_events").await?)
}

async fn has_result(api: &mut Api, query: &str) -> Result<bool> {
    let query: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let answer: serde_json::Value =
        api.get(&format!("/prometheus/api/v1/query?query={query}")).await?;
    Ok(answer.pointer("/data/result/0").is_some())
}

/// A kind of fault and the incident that it makes.
struct Signal {
    what: &'static str,
    /// The incident's rule; empty for any.
    cause: &'static str,
    /// The label by whose value an incident is known as a fault's.
    label: &'static str,
    trials: usize,
}

impl Signal {
    /// Makes the faults by `make`, which answers the value of the label.
    async fn measure(
        &self,
        collector: &Collector,
        api: &mut Api,
        random: &mut Random,
        mut make: impl FnMut(usize) -> Result<String>,
    ) -> Result<Row> {
        let Self { what, cause, label, trials } = *self;
        let mut seen = Seen::new();
        let faults = async {
            let mut made = Seen::new();
            for at in 0..trials {
                let pause = PAUSE_MS.0 + random.below(PAUSE_MS.1 - PAUSE_MS.0);
                sleep(Duration::from_millis(pause)).await;
                let now = SystemClock.wall();
                made.insert(make(at)?, now);
            }
            sleep(SEEN_WITHIN).await;
            anyhow::Ok(made)
        };
        let filter = if cause.is_empty() { String::new() } else { format!("cause={cause}&") };
        let path = format!("/api/v1/incidents?{filter}limit=12");
        let made = tokio::select! {
            made = faults => made?,
            error = watch(api, &path, label, &mut seen) => bail!("watching the collector: {error:#}"),
        };
        // The question under way when the last fault was over was given up, and its connection with it.
        *api = collector.reader().await?;
        let unseen: Vec<&str> =
            made.keys().filter(|fault| !seen.contains_key(*fault)).map(String::as_str).collect();
        ensure!(unseen.is_empty(), "{what}: no incident was seen of {}", unseen.join(", "));
        let both = made.iter().filter_map(|(fault, at)| Some((*at, *seen.get(fault)?)));
        let taken: Vec<f64> = both.map(|(made, seen)| seconds(made, seen)).collect();
        let at = |q: f64| percentile(&taken, q).context("nothing was measured");
        let p99 = at(0.99)?;
        Ok(Row {
            quantity: format!("{what}'s event to incident, s: p50 / p99 / max of {trials}"),
            ours: format!("{:.3} / {p99:.3} / {:.3}", at(0.5)?, at(1.0)?),
            peer: "-".to_owned(),
            ratio: "until seen in the API; the rule's three readings included".to_owned(),
            mark: Some((format!("p99 <= {P99_MAX_S}"), p99 <= P99_MAX_S)),
        })
    }
}

/// Notes when each incident is first seen; ends only by an error.
async fn watch(api: &mut Api, path: &str, label: &str, seen: &mut Seen) -> anyhow::Error {
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let page: Page = match api.get(path).await {
            Ok(page) => page,
            Err(error) => return error,
        };
        let at = SystemClock.wall();
        for value in page.incidents.iter().filter_map(|i| i.subject.get(label)) {
            seen.entry(value.clone()).or_insert(at);
        }
    }
}

//! A program of many nodes over the real spool and uplink, whose every sample is a formula.

pub mod formula;

use crate::lone::{Collector, join};
use agent_uplink::{SpoolLimits, Uplink, UplinkConfig, read_boot_id, start};
use formula::{SERIES, TICK_MS, free_percent, time_of, value};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use shared_model::{Batch, Block, Catalog, Clock, Kind, SeriesDef, SeriesSet, Unit};
use shared_runtime::SystemClock;
use shared_runtime::tls::{NodeCredentials, client_config, identity_of};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// The set of the formulas.
const FORMULAS: u32 = 1;
/// The set of the file system, which a rule of the standard judges.
const FILESYSTEM: u32 = 2;

/// Nodes that offer a batch every tick until they are stopped.
pub struct Streams {
    nodes: Vec<Node>,
    stop: watch::Sender<bool>,
}

struct Node {
    uplink: Uplink,
    offers: JoinHandle<BTreeSet<i64>>,
    sender: JoinHandle<()>,
}

impl Streams {
    /// Joins `count` nodes and lets them stream.
    pub async fn start(collector: &Collector, count: u32, dir: &Path) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut nodes = Vec::new();
        for number in 0..count {
            let data = dir.join(name(number));
            let token = collector.token(&name(number), "1h");
            join(&collector.agents, &token, &data).unwrap();
            nodes.push(Node::start(&collector.agents, number, &data, stopped.clone()));
        }
        Self { nodes, stop }
    }

    /// Records that are not acknowledged yet, of all nodes.
    pub fn unacknowledged(&self) -> u64 {
        self.nodes.iter().map(|node| node.uplink.status().unacked).sum()
    }

    /// Stops offering; what is on the way goes on. The ticks that each node offered.
    pub async fn stop_offering(&mut self) -> Vec<BTreeSet<i64>> {
        self.stop.send_replace(true);
        let mut offered = Vec::new();
        for node in &mut self.nodes {
            offered.push((&mut node.offers).await.unwrap());
        }
        offered
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.nodes.iter().for_each(|node| node.sender.abort());
    }
}

impl Node {
    fn start(address: &str, number: u32, data: &Path, stopped: watch::Receiver<bool>) -> Self {
        let credentials = NodeCredentials::load(data).unwrap();
        let pem = credentials.certificate_pem.as_bytes();
        let config = UplinkConfig {
            address: address.to_owned(),
            data_dir: data.to_owned(),
            identity: identity_of(&CertificateDer::from_pem_slice(pem).unwrap()).unwrap(),
            boot_id: read_boot_id().unwrap(),
            limits: SpoolLimits::default(),
            agent_version: "streams".to_owned(),
        };
        let tls = Arc::new(client_config(&credentials).unwrap());
        let (uplink, task) = start(config, tls, Arc::new(SystemClock)).unwrap();
        let sender = tokio::spawn(task.run(std::future::pending()));
        let offers = tokio::spawn(offer(uplink.clone(), number, stopped));
        Self { uplink, offers, sender }
    }
}

/// Offers the batch of each tick as it comes.
async fn offer(uplink: Uplink, node: u32, stopped: watch::Receiver<bool>) -> BTreeSet<i64> {
    let mut offered = BTreeSet::new();
    let mut ticks = interval(Duration::from_millis(TICK_MS.unsigned_abs()));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let definitions = catalog();
    while !*stopped.borrow() {
        ticks.tick().await;
        let tick = formula::tick_of(SystemClock.wall());
        if offered.contains(&tick) {
            continue;
        }
        let first = offered.is_empty().then_some(&definitions);
        uplink.offer(first, &batch(node, tick)).unwrap();
        offered.insert(tick);
    }
    offered
}

fn batch(node: u32, tick: i64) -> Batch {
    let block = |set, values| Block { set, times: vec![time_of(tick)], values };
    let formulas = (0..SERIES).map(|series| value(node, series, tick)).collect();
    let filesystem = vec![Some(free_percent(node, tick)), Some(100.0)];
    Batch { generation: 1, blocks: vec![block(FORMULAS, formulas), block(FILESYSTEM, filesystem)] }
}

fn catalog() -> Catalog {
    let mut series: Vec<SeriesDef> =
        (0..SERIES).map(|n| definition(n + 1, "formula", &[("series", &n.to_string())])).collect();
    let labels = [("device", "/dev/sdb"), ("fstype", "ext4"), ("mountpoint", "/data")];
    series.push(definition(SERIES + 1, "node_filesystem_avail_bytes", &labels));
    series.push(definition(SERIES + 2, "node_filesystem_size_bytes", &labels));
    let set = |id, references: std::ops::RangeInclusive<u32>| SeriesSet {
        id,
        job: "node".into(),
        instance: "".into(),
        references: references.collect(),
    };
    let sets = vec![set(FORMULAS, 1..=SERIES), set(FILESYSTEM, SERIES + 1..=SERIES + 2)];
    Catalog { generation: 1, base: 0, series, sets }
}

fn definition(reference: u32, name: &str, labels: &[(&str, &str)]) -> SeriesDef {
    SeriesDef {
        reference,
        name: name.into(),
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: labels.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect(),
    }
}

/// The name of a node.
pub fn name(number: u32) -> String {
    format!("stream{number:02}")
}

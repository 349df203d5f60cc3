//! Many agents' uplinks in one process, with real spools, certificates and sessions. What they send is a count: the value
//! of the only series is the number of the round.

use crate::lone::{Collector, join};
use agent_uplink::{SpoolLimits, Uplink, UplinkConfig};
use shared_model::{
    Batch, Block, Catalog, Clock, Kind, NodeIdentity, SeriesDef, SeriesSet, Timestamp, Unit,
};
use shared_runtime::SystemClock;
use shared_runtime::tls::{NodeCredentials, client_config};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// One agent's uplink, on a thread of its own; dropping it says goodbye.
pub struct Hand {
    /// Where rounds are offered.
    pub uplink: Uplink,
    rounds: u64,
    stop: Option<oneshot::Sender<()>>,
    ended: Option<JoinHandle<()>>,
}

/// Joins a node and prepares its uplink; nothing is sent before [`Hand::start`].
pub struct Waiting {
    uplink: Uplink,
    task: agent_uplink::UplinkTask,
    rounds: u64,
}

impl Waiting {
    /// A node called `name` that has just joined; its folder is below `dir`.
    pub fn join(collector: &Collector, name: &str, dir: &Path) -> Self {
        let data = dir.join(name);
        join(&collector.agents, &collector.token(name, "1h"), &data).unwrap();
        let identity = NodeIdentity::new("provider", "hospital", "appliance", name).unwrap();
        let config = UplinkConfig {
            address: collector.agents.clone(),
            data_dir: data.clone(),
            identity,
            boot_id: [3; 16],
            limits: SpoolLimits::default(),
            agent_version: "test".to_owned(),
        };
        let tls = Arc::new(client_config(&NodeCredentials::load(&data).unwrap()).unwrap());
        let (uplink, task) = agent_uplink::start(config, tls, Arc::new(SystemClock)).unwrap();
        Self { uplink, task, rounds: 0 }
    }

    /// Makes rounds while nobody listens.
    pub fn backlog(&mut self, rounds: u64) {
        for _ in 0..rounds {
            self.rounds += 1;
            offer(&self.uplink, self.rounds, SystemClock.wall());
        }
    }

    /// Begins to send.
    pub fn start(self) -> Hand {
        let (stop, stopped) = oneshot::channel::<()>();
        let task = self.task;
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(task.run(async {
                drop(stopped.await);
            }));
        };
        let ended = std::thread::spawn(run);
        Hand { uplink: self.uplink, rounds: self.rounds, stop: Some(stop), ended: Some(ended) }
    }
}

impl Hand {
    /// Makes a round now.
    pub fn round(&mut self) {
        self.rounds += 1;
        offer(&self.uplink, self.rounds, SystemClock.wall());
    }

    /// Whether a session is open and everything is confirmed.
    pub fn is_settled(&self) -> bool {
        let status = self.uplink.status();
        status.connected && status.unacked == 0
    }

    /// Rounds made so far.
    pub fn rounds(&self) -> u64 {
        self.rounds
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(ended) = self.ended.take() {
            drop(ended.join());
        }
    }
}

fn offer(uplink: &Uplink, round: u64, at: Timestamp) {
    let catalog = (round == 1).then(catalog);
    let block = Block { set: 1, times: vec![at], values: vec![Some(round as f64)] };
    uplink.offer(catalog.as_ref(), &Batch { generation: 1, blocks: vec![block] }).unwrap();
}

/// The catalog of every hand.
pub fn catalog() -> Catalog {
    let series = SeriesDef {
        reference: 1,
        name: "test_rounds".into(),
        kind: Kind::Counter,
        unit: Unit::None,
        labels: Vec::new(),
    };
    let set = SeriesSet { id: 1, job: "node".into(), instance: "".into(), references: vec![1] };
    Catalog { generation: 1, base: 0, series: vec![series], sets: vec![set] }
}

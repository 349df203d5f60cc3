//! Many simulated nodes on one collector.

use super::lab::Collector;
use super::node::{Node, Plan};
use anyhow::{Context, Result};
use shared_runtime::SystemClock;
use shared_runtime::tls::{JoinToken, NodeCredentials};
use std::path::Path;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{interval, timeout};

/// Most nodes: each costs a join, a TLS session and a thread's share of this program.
pub const NODES_MAX: usize = 500;
/// For one stretch of rounds; a collector that needs longer has a fault.
const STRETCH_WITHIN: Duration = Duration::from_secs(300);

/// Nodes with open sessions; dropping it ends them.
pub struct Fleet {
    /// How many rounds each node shall have sent.
    goals: Vec<watch::Sender<u64>>,
    reached: mpsc::Receiver<Result<u64>>,
}

impl Fleet {
    /// Joins `nodes` nodes with tokens of their own and opens their sessions. Their keys lie under `dir`.
    pub async fn join(
        collector: &Collector,
        nodes: usize,
        plan: &Plan,
        dir: &Path,
    ) -> Result<Self> {
        let mut goals = Vec::new();
        let (tell, reached) = mpsc::channel(nodes.max(1));
        for index in 0..nodes {
            let name = node_name(index);
            let data = dir.join(&name);
            let token: JoinToken = collector.token(&name)?.parse().context("the token")?;
            let address = plan.collector.to_string();
            let version = env!("CARGO_PKG_VERSION");
            let joined =
                agent_uplink::join(&address, &token, None, &data, version, &SystemClock).await;
            let joined = joined.with_context(|| format!("join {name}"))?;
            let credentials = NodeCredentials::load(&data)?;
            let node = Node::connect(index, plan.clone(), &joined.identity, &credentials).await;
            let node = node.with_context(|| format!("open the session of {name}"))?;
            let (goal, wanted) = watch::channel(0);
            tokio::spawn(node.run(wanted, tell.clone()));
            goals.push(goal);
        }
        Ok(Self { goals, reached })
    }

    /// Lets every node send `rounds` more rounds and waits until all are acknowledged.
    pub async fn advance(&mut self, rounds: u64) -> Result<()> {
        self.goals.iter().for_each(|goal| goal.send_modify(|goal| *goal += rounds));
        let all = async {
            for _ in 0..self.goals.len() {
                self.reached.recv().await.context("every session ended")??;
            }
            Ok(())
        };
        let limit = STRETCH_WITHIN.as_secs();
        timeout(STRETCH_WITHIN, all).await.with_context(|| format!("no end within {limit} s"))?
    }

    /// Lets every node send a round each second for `seconds`, one node after the other in the course of the second, as agents
    /// that were started at any time do, and waits until all are acknowledged.
    pub async fn keep_pace(&mut self, seconds: u64) -> Result<()> {
        let nodes = self.goals.len();
        let mut ticks = interval(Duration::from_secs(1) / u32::try_from(nodes.max(1))?);
        let rounds = nodes * usize::try_from(seconds)?;
        let (mut sent, mut acknowledged) = (0, 0);
        let all = async {
            while acknowledged < rounds {
                tokio::select! {
                    _ = ticks.tick(), if sent < rounds => {
                        if let Some(goal) = self.goals.get(sent % nodes) {
                            goal.send_modify(|goal| *goal += 1);
                        }
                        sent += 1;
                    }
                    reached = self.reached.recv() => {
                        reached.context("every session ended")??;
                        acknowledged += 1;
                    }
                }
            }
            Ok(())
        };
        timeout(STRETCH_WITHIN, all).await.context("rounds were not acknowledged in time")?
    }
}

/// Name of the simulated node with this number.
pub fn node_name(index: usize) -> String {
    format!("load-{index:03}")
}

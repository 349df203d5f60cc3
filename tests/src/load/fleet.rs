//! Many simulated nodes on one collector.

use super::lab::Collector;
use super::node::{Node, Plan};
use anyhow::{Context, Result};
use shared_runtime::SystemClock;
use shared_runtime::tls::{JoinToken, NodeCredentials};
use std::path::Path;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Most nodes: each costs a join, a TLS session and a thread's share of this program.
pub const NODES_MAX: usize = 500;
/// For one stretch of rounds; a collector that needs longer has a fault.
const STRETCH_WITHIN: Duration = Duration::from_secs(300);

/// Nodes with open sessions; dropping it ends them.
pub struct Fleet {
    nodes: usize,
    goal: watch::Sender<u64>,
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
        let (goal, wanted) = watch::channel(0);
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
            tokio::spawn(node.run(wanted.clone(), tell.clone()));
        }
        Ok(Self { nodes, goal, reached })
    }

    /// Lets every node send `rounds` more rounds and waits until all are acknowledged.
    pub async fn advance(&mut self, rounds: u64) -> Result<()> {
        self.goal.send_modify(|goal| *goal += rounds);
        let all = async {
            for _ in 0..self.nodes {
                self.reached.recv().await.context("every session ended")??;
            }
            Ok(())
        };
        let limit = STRETCH_WITHIN.as_secs();
        tokio::time::timeout(STRETCH_WITHIN, all)
            .await
            .with_context(|| format!("no end within {limit} s"))?
    }
}

/// Name of the simulated node with this number.
pub fn node_name(index: usize) -> String {
    format!("load-{index:03}")
}

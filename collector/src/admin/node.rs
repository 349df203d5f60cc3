//! Nodes: who joined, how they are, and shutting one out.

use super::server::{Admin, done};
use collector_domain::AuditAction;
use collector_store::settings::Change;
use serde::{Deserialize, Serialize};
use shared_model::NodeIdentity;
use std::collections::BTreeMap;

/// About nodes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum NodeRequest {
    /// All nodes that ever joined; answers a list of [`NodeLine`].
    List,
    /// Shut a node out with every certificate it has.
    Revoke { node: NodeIdentity, reason: String },
}

/// A node as it is listed. What is not known is `null`.
#[derive(Serialize, Deserialize)]
pub(crate) struct NodeLine {
    pub(crate) identity: String,
    /// The node's own part of the identity, its `host` label.
    pub(crate) node: String,
    /// `fresh`, `silent`, `never_seen` or `revoked`.
    pub(crate) state: String,
    /// Steady time at which the newest record arrived.
    pub(crate) last_seen: Option<String>,
    /// When it joined last.
    pub(crate) joined: String,
    /// Serial number of its newest certificate, hexadecimal.
    pub(crate) certificate_serial: String,
    /// Last instant of that certificate.
    pub(crate) certificate_expires: Option<String>,
    pub(crate) agent_version: Option<String>,
    /// Node's wall clock minus the collector's.
    pub(crate) clock_offset_seconds: Option<f64>,
    pub(crate) series: Option<u64>,
    /// Why it was shut out.
    pub(crate) revoked_reason: Option<String>,
}

impl Admin {
    pub(super) fn node(&self, request: NodeRequest) -> anyhow::Result<serde_json::Value> {
        match request {
            NodeRequest::List => done(self.nodes()),
            NodeRequest::Revoke { node, reason } => {
                let at = self.clock.wall();
                tracing::warn!(%node, reason, "node revoked");
                let (identity, why) = (node.clone(), reason.clone());
                let outcome =
                    self.settings.record(Change::NodeRevoked { identity, reason: why, at });
                self.audited(AuditAction::Revoke, node.to_string(), &reason, outcome)?;
                done(())
            }
        }
    }

    fn nodes(&self) -> Vec<NodeLine> {
        let view = self.published.view();
        let heard: BTreeMap<_, _> = view.nodes.iter().map(|n| (&n.identity, n)).collect();
        let settings = self.settings.lock();
        let line = |(identity, node): (&NodeIdentity, &collector_store::settings::Node)| {
            let status = heard.get(identity);
            let state = match (node.revoked, status) {
                (true, _) => "revoked",
                (false, None) => "never_seen",
                (false, Some(status)) if status.silent => "silent",
                (false, Some(_)) => "fresh",
            };
            NodeLine {
                identity: identity.to_string(),
                node: identity.node().to_owned(),
                state: state.to_owned(),
                last_seen: status.and_then(|s| s.last_heard).map(|at| at.to_string()),
                joined: node.joined.to_string(),
                certificate_serial: node.cert_serial.clone(),
                certificate_expires: node.cert_expires.map(|at| at.to_string()),
                agent_version: status.map(|s| s.agent_version.clone()),
                clock_offset_seconds: status.map(|s| -(s.clock_offset_us as f64) / 1e6),
                series: status.map(|s| s.series),
                revoked_reason: node.revoked.then(|| node.revoked_reason.clone()),
            }
        };
        settings.state().nodes.iter().map(line).collect()
    }
}

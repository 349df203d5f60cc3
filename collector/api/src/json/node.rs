//! A node as JSON.

use super::scalar::{NumberJson, TimeJson};
use crate::NodeView;
use serde::Serialize;

/// A node.
#[derive(Serialize, Debug)]
pub(crate) struct NodeJson {
    /// `spiffe://…`, the URI of its certificate.
    identity: String,
    hospital: String,
    appliance: String,
    /// The node's name, which is also the label `host` of its series.
    host: String,
    /// `fresh`, `silent`, `never_seen` or `revoked`.
    state: &'static str,
    /// Time of the newest sample.
    last_seen: Option<TimeJson>,
    /// Node's clock minus the collector's.
    clock_offset_seconds: Option<NumberJson>,
    agent_version: Option<String>,
    /// How many series it has.
    series: Option<u64>,
}

impl From<&NodeView> for NodeJson {
    fn from(node: &NodeView) -> Self {
        Self {
            identity: node.identity.to_string(),
            hospital: node.identity.hospital().to_owned(),
            appliance: node.identity.appliance().to_owned(),
            host: node.identity.node().to_owned(),
            state: node.state.as_str(),
            last_seen: node.last_seen.map(TimeJson),
            clock_offset_seconds: node.clock_offset_seconds.map(NumberJson),
            agent_version: node.agent_version.clone(),
            series: node.series,
        }
    }
}

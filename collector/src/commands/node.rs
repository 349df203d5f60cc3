//! `node list|revoke`.

use super::confirm::confirm;
use super::table::{Format, or_dash};
use crate::admin::{NodeLine, NodeRequest, Request, ask};
use crate::config::Config;
use anyhow::Context;
use clap::Subcommand;

#[derive(Subcommand)]
pub(super) enum Node {
    /// List all nodes that ever joined
    #[command(
        after_help = "Examples:\n  wardround-collector node list\n  wardround-collector node list --format json | jq '.[] | select(.state == \"silent\") | .node'"
    )]
    List {
        /// text or json
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Shut a node out: its session ends within a second and none of its certificates works again
    #[command(
        after_help = "The node comes back only by joining with a new token.\n\nExamples:\n  wardround-collector node revoke db1 --reason 'disk sent in for repair'\n  wardround-collector node revoke db1 --reason stolen --yes"
    )]
    Revoke {
        /// Name of the node, as 'node list' prints it
        node: String,
        /// Why, at most 500 characters; kept with the node and in the audit trail
        #[arg(long)]
        reason: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

const HEAD: [&str; 9] = [
    "NODE",
    "STATE",
    "LAST SEEN",
    "VERSION",
    "CLOCK OFFSET",
    "SERIES",
    "CERTIFICATE EXPIRES",
    "SERIAL",
    "IDENTITY",
];

impl Node {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<()> {
        let data = config.data_dir();
        match self {
            Self::List { format } => {
                let nodes: Vec<NodeLine> = ask(&data, &Request::Node(NodeRequest::List))?;
                format.print(&nodes, &HEAD, row)
            }
            Self::Revoke { node, reason, yes } => {
                let node = config.node(&node).context("NODE")?;
                confirm(&format!("shut out {node} for good"), yes)?;
                ask(&data, &Request::Node(NodeRequest::Revoke { node, reason }))
            }
        }
    }
}

fn row(node: &NodeLine) -> Vec<String> {
    vec![
        node.node.clone(),
        node.state.clone(),
        or_dash(node.last_seen.clone()),
        or_dash(node.agent_version.clone()),
        or_dash(node.clock_offset_seconds.map(|s| format!("{s:+.3}s"))),
        or_dash(node.series.map(|n| n.to_string())),
        or_dash(node.certificate_expires.clone()),
        node.certificate_serial.clone(),
        node.identity.clone(),
    ]
}

//! A fabric as one round found it.

use crate::attribute::{NodeInfo, NodeKind, PortInfo, SmInfo};
use crate::counters::Values;
use std::collections::BTreeMap;

/// One end of a link: the node's GUID and the port's number.
pub(crate) type End = (u64, u8);

/// Everything that was found.
#[derive(Debug)]
pub(crate) struct Fabric {
    /// By GUID.
    pub(crate) nodes: BTreeMap<u64, Node>,
    /// Every way was followed to its end, so that what was not found is not there.
    pub(crate) is_complete: bool,
    pub(crate) managers: Vec<Manager>,
}

/// A node and how it was reached.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    pub(crate) name: Option<String>,
    /// Which device found it, and the ports by which the nodes on the way are left.
    pub(crate) device: usize,
    pub(crate) path: Vec<u8>,
    /// The port by which it was reached, 0 for a switch asked by itself.
    pub(crate) entry: u8,
    /// Address of the whole node: that of a switch, 0 otherwise.
    pub(crate) lid: u16,
    /// A subnet manager runs on the switch itself.
    pub(crate) is_manager: bool,
    /// By number.
    pub(crate) ports: BTreeMap<u8, Port>,
    /// Questions in a row that it did not answer.
    pub(crate) silences: u8,
}

/// A port.
#[derive(Debug, Default)]
pub(crate) struct Port {
    pub(crate) info: Option<PortInfo>,
    pub(crate) peer: Option<End>,
    pub(crate) counters: Option<Values>,
    /// Something about it could not be read.
    pub(crate) is_unreadable: bool,
}

/// A subnet manager and the node on which it runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manager {
    pub(crate) node: u64,
    pub(crate) port: u8,
    /// `None` when it did not answer.
    pub(crate) info: Option<SmInfo>,
}

/// A node that did not answer this often in a row is left alone for the rest of the round: each question costs its whole
/// timeout.
const SILENCES_MAX: u8 = 2;

impl Fabric {
    pub(crate) fn new() -> Self {
        Self { nodes: BTreeMap::new(), is_complete: true, managers: Vec::new() }
    }

    pub(crate) fn port(&self, (guid, port): End) -> Option<&Port> {
        self.nodes.get(&guid)?.ports.get(&port)
    }

    /// Notes that two ports are the ends of one link.
    pub(crate) fn join(&mut self, a: End, b: End) {
        for ((guid, port), peer) in [(a, b), (b, a)] {
            let port = self.nodes.get_mut(&guid).and_then(|node| node.ports.get_mut(&port));
            if let Some(port) = port {
                port.peer = Some(peer);
            }
        }
    }

    /// Whether this end is the one under which a link is spoken of: the switch's, and of two switches the lower GUID's.
    pub(crate) fn is_first(&self, end: End, peer: End) -> bool {
        let rank = |(guid, port): End| {
            let kind = self.nodes.get(&guid).map(|node| node.kind);
            (kind != Some(NodeKind::Switch), guid, port)
        };
        rank(end) < rank(peer)
    }
}

impl Node {
    pub(crate) fn new(info: NodeInfo, device: usize, path: Vec<u8>) -> Self {
        Self {
            kind: info.kind,
            name: None,
            device,
            path,
            entry: info.port,
            lid: 0,
            is_manager: false,
            ports: (1..=info.ports).map(|number| (number, Port::default())).collect(),
            silences: 0,
        }
    }

    /// It is not worth asking any more.
    pub(crate) fn is_silent(&self) -> bool {
        self.silences >= SILENCES_MAX
    }

    /// Notes whether it answered.
    pub(crate) fn answered(&mut self, answered: bool) {
        self.silences = if answered { 0 } else { self.silences.saturating_add(1) };
    }
}

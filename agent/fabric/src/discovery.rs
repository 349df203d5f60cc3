//! Finding everything that hangs together: along directed paths, breadth first, from the port of each device.

use crate::attribute::{NodeInfo, NodeKind, PortInfo, node_name};
use crate::mad::{Attribute, HOPS_MAX, Question};
use crate::topology::{End, Fabric, Node};
use crate::umad::{Ask, AskError};
use std::collections::VecDeque;

/// More nodes than an appliance or a small cluster has; beyond it the fabric is not the appliance's own.
pub(crate) const NODES_MAX: usize = 4_096;

/// A port to be gone out by, with the path that ends behind it.
type Way = (End, Vec<u8>);

/// Goes out from ports that are asked through devices.
pub(crate) struct Discovery<'a> {
    pub(crate) ask: &'a mut dyn Ask,
    /// Number of the device that `ask` is.
    pub(crate) device: usize,
    /// Whether there is time left in the round.
    pub(crate) has_time: &'a dyn Fn() -> bool,
    pub(crate) fabric: &'a mut Fabric,
}

impl Discovery<'_> {
    /// Finds all that is reached through the device. `false` when its own port has no link, so that nothing is reached.
    ///
    /// # Errors
    /// The device failed, or the node does not answer itself.
    pub(crate) fn run(&mut self) -> Result<bool, AskError> {
        let own = self.node_info(Vec::new())?;
        let start = (own.guid, own.port);
        if !self.fabric.nodes.contains_key(&own.guid) {
            self.add(own, &[])?;
        }
        if self.fabric.port(start).is_some_and(|port| port.peer.is_some()) {
            // Another device came to this port from the other side.
            return Ok(true);
        }
        let is_up =
            |end| self.fabric.port(end).and_then(|p| p.info).is_some_and(|info| info.is_up());
        if own.kind != NodeKind::Switch && !is_up(start) {
            return Ok(false);
        }
        let mut ways = VecDeque::new();
        match own.kind {
            NodeKind::Switch => ways.extend(self.ways_out(own.guid, &[])),
            // Another port of the same adapter is reached from outside, if at all.
            NodeKind::Adapter | NodeKind::Router => ways.push_back((start, vec![own.port])),
        }
        while let Some((end, path)) = ways.pop_front() {
            if let Some(found) = self.follow(end, &path)? {
                ways.extend(found);
            }
        }
        Ok(true)
    }

    /// Follows one link; the ways out of the node behind it when that is a new one.
    fn follow(&mut self, end: End, path: &[u8]) -> Result<Option<Vec<Way>>, AskError> {
        if self.fabric.port(end).is_some_and(|port| port.peer.is_some()) {
            return Ok(None);
        }
        let is_room = path.len() <= HOPS_MAX && self.fabric.nodes.len() < NODES_MAX;
        if !is_room || !(self.has_time)() {
            self.fabric.is_complete = false;
            return Ok(None);
        }
        let found = match self.node_info(path.to_owned()) {
            Ok(found) => found,
            Err(error) => {
                self.fabric.is_complete = false;
                self.unreadable(end, error)?;
                return Ok(None);
            }
        };
        let is_new = !self.fabric.nodes.contains_key(&found.guid);
        if is_new {
            self.add(found, path)?;
        }
        self.fabric.join(end, (found.guid, found.port));
        let leads_on = is_new && found.kind == NodeKind::Switch;
        Ok(leads_on.then(|| self.ways_out(found.guid, path)))
    }

    /// Every linked port of a switch with the path through it.
    fn ways_out(&self, guid: u64, path: &[u8]) -> Vec<Way> {
        let ports = self.fabric.nodes.get(&guid).into_iter().flat_map(|node| &node.ports);
        let linked = ports.filter(|(_, port)| port.info.is_some_and(|info| info.is_up()));
        linked.map(|(number, _)| ((guid, *number), [path, &[*number]].concat())).collect()
    }

    /// Adds a node with its name and the state of its ports.
    fn add(&mut self, info: NodeInfo, path: &[u8]) -> Result<(), AskError> {
        let mut node = Node::new(info, self.device, path.to_owned());
        let name = self.ask_node(&mut node, Attribute::NodeDescription, 0)?;
        node.name = name.as_deref().and_then(node_name);
        if info.kind == NodeKind::Switch {
            // Port 0 is the switch itself.
            let own = self.ask_node(&mut node, Attribute::PortInfo, 0)?;
            if let Some(own) = own.as_deref().and_then(PortInfo::decode) {
                (node.lid, node.is_manager) = (own.lid, own.is_manager);
            }
        }
        for number in 1..=info.ports {
            let data = self.ask_node(&mut node, Attribute::PortInfo, u32::from(number))?;
            let Some(port) = node.ports.get_mut(&number) else { continue };
            port.info = data.as_deref().and_then(PortInfo::decode);
            port.is_unreadable = port.info.is_none();
            // What hangs behind it stays unknown.
            self.fabric.is_complete &= port.info.is_some();
        }
        self.fabric.nodes.insert(info.guid, node);
        Ok(())
    }

    fn ask_node(
        &mut self,
        node: &mut Node,
        attribute: Attribute,
        modifier: u32,
    ) -> Result<Option<Vec<u8>>, AskError> {
        if node.is_silent() || !(self.has_time)() {
            return Ok(None);
        }
        let question = Question::Subnet { path: node.path.clone(), attribute, modifier };
        answer(self.ask, node, &question)
    }

    fn node_info(&mut self, path: Vec<u8>) -> Result<NodeInfo, AskError> {
        let question = Question::Subnet { path, attribute: Attribute::NodeInfo, modifier: 0 };
        NodeInfo::decode(&self.ask.ask(&question)?).ok_or(AskError::Nonsense)
    }

    /// Notes that what is behind a port cannot be read.
    fn unreadable(&mut self, (guid, port): End, error: AskError) -> Result<(), AskError> {
        if let AskError::Device(_) = error {
            return Err(error);
        }
        let node = self.fabric.nodes.get_mut(&guid);
        if let Some(port) = node.and_then(|node| node.ports.get_mut(&port)) {
            port.is_unreadable = true;
        }
        Ok(())
    }
}

/// The answer of a node, `None` when it gives none; that is noted with the node.
///
/// # Errors
/// The device itself failed.
pub(crate) fn answer(
    ask: &mut dyn Ask,
    node: &mut Node,
    question: &Question,
) -> Result<Option<Vec<u8>>, AskError> {
    match ask.ask(question) {
        Ok(data) => {
            node.answered(true);
            Ok(Some(data))
        }
        Err(error @ AskError::Device(_)) => Err(error),
        // A refusal is an answer: the node is there.
        Err(error) => {
            node.answered(matches!(error, AskError::Refused(_) | AskError::Nonsense));
            Ok(None)
        }
    }
}

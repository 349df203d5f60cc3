//! What is read of a fabric that was found: counters of every linked port, and its subnet managers.

use crate::attribute::{NodeKind, PortInfo, SmInfo};
use crate::counters;
use crate::discovery::answer;
use crate::mad::{Attribute, Question};
use crate::topology::{End, Fabric, Manager, Node};
use crate::umad::{Ask, AskError};

/// Ports whose counters are read: with some 40 series each they stay below the 20 000 series that an agent may have.
pub(crate) const PORTS_MAX: usize = 400;

/// Subnet managers that are asked; a fabric has two or three.
const MANAGERS_MAX: usize = 64;

/// The devices by the number that nodes were found with.
pub(crate) type Devices<'a> = &'a mut [Box<dyn Ask + Send>];

/// Reads the counters of every linked port of the first [`PORTS_MAX`]. Begins with the node at or behind `begin_at` and
/// returns where the next round should begin, so that a round without time does not always leave out the same ports.
///
/// # Errors
/// A device failed.
pub(crate) fn read_counters(
    fabric: &mut Fabric,
    devices: Devices<'_>,
    has_time: &dyn Fn() -> bool,
    begin_at: u64,
) -> Result<u64, AskError> {
    let mut room = PORTS_MAX;
    let mut linked: Vec<(u64, Vec<u8>)> = Vec::new();
    for (guid, node) in &fabric.nodes {
        let up = node.ports.iter().filter(|(_, port)| port.info.is_some_and(|info| info.is_up()));
        let ports: Vec<u8> = up.map(|(number, _)| *number).take(room).collect();
        room -= ports.len();
        linked.push((*guid, ports));
    }
    let first = linked.partition_point(|(guid, _)| *guid < begin_at);
    linked.rotate_left(first);
    let mut left_out = None;
    for (guid, ports) in linked {
        let Some(node) = fabric.nodes.get_mut(&guid) else { continue };
        let Some(ask) = devices.get_mut(node.device) else { continue };
        if !has_time() {
            left_out = left_out.or(Some(guid));
        }
        for number in ports {
            read_port(node, number, ask.as_mut(), has_time)?;
        }
    }
    Ok(left_out.unwrap_or(0))
}

fn read_port(
    node: &mut Node,
    number: u8,
    ask: &mut dyn Ask,
    has_time: &dyn Fn() -> bool,
) -> Result<(), AskError> {
    let info = node.ports.get(&number).and_then(|port| port.info);
    let lid = match node.kind {
        NodeKind::Switch => node.lid,
        NodeKind::Adapter | NodeKind::Router => info.map_or(0, |info| info.lid),
    };
    if lid == 0 {
        // Without a subnet manager nobody has an address; that is told by itself.
        return Ok(());
    }
    let mut read = |attribute| {
        if node.is_silent() || !has_time() {
            return Ok(None);
        }
        answer(ask, node, &Question::Performance { lid, port: number, attribute })
    };
    let errors = read(Attribute::PortCounters)?;
    let traffic = read(Attribute::PortCountersExtended)?;
    if let Some(port) = node.ports.get_mut(&number) {
        // Old adapters have no 64-bit counters; what everyone has is that of errors.
        port.is_unreadable |= errors.is_none();
        port.counters = Some(counters::decode(errors.as_deref(), traffic.as_deref()));
    }
    Ok(())
}

/// Asks every port that says that a subnet manager runs behind it.
///
/// # Errors
/// A device failed.
pub(crate) fn read_managers(fabric: &mut Fabric, devices: Devices<'_>) -> Result<(), AskError> {
    let is_manager = |info: Option<PortInfo>| info.is_some_and(|info| info.is_manager);
    let on_switches = fabric.nodes.iter().filter(|(_, node)| node.is_manager);
    let on_ports = fabric.nodes.iter().flat_map(|(guid, node)| {
        let adapter = node.kind != NodeKind::Switch;
        let ports = node.ports.iter().filter(move |(_, port)| adapter && is_manager(port.info));
        ports.map(move |(number, _)| (*guid, *number))
    });
    let found: Vec<End> =
        on_switches.map(|(guid, _)| (*guid, 0)).chain(on_ports).take(MANAGERS_MAX).collect();
    for (guid, number) in found {
        let way = way_to(fabric, (guid, number));
        let node = fabric.nodes.get_mut(&guid);
        let (Some((device, path)), Some(node)) = (way, node) else { continue };
        let Some(ask) = devices.get_mut(device) else { continue };
        let question = Question::Subnet { path, attribute: Attribute::SmInfo, modifier: 0 };
        let data = answer(ask.as_mut(), node, &question)?;
        let info = data.as_deref().and_then(SmInfo::decode);
        fabric.managers.push(Manager { node: guid, port: number, info });
    }
    Ok(())
}

/// The path that ends at this very port: an adapter answers for the port by which the question comes in.
fn way_to(fabric: &Fabric, (guid, number): End) -> Option<(usize, Vec<u8>)> {
    let node = fabric.nodes.get(&guid)?;
    if node.kind == NodeKind::Switch || node.entry == number {
        return Some((node.device, node.path.clone()));
    }
    let (before, leave_by) = fabric.port((guid, number))?.peer?;
    let before = fabric.nodes.get(&before)?;
    Some((before.device, [before.path.as_slice(), &[leave_by]].concat()))
}

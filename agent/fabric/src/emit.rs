//! A round's fabric as samples.

use crate::attribute::Speed;
use crate::metrics::{self, COUNTERS};
use crate::topology::{End, Fabric, Node, Port};
use agent_probe::Sink;
use shared_model::{BootTime, Metric};
use std::collections::BTreeMap;
use std::time::Duration;

/// A node that was not seen for so long is no longer expected. A day: longer than any maintenance, and the collector
/// remembers for itself what was broken.
const FORGET_AFTER: Duration = Duration::from_secs(86_400);

/// What the configuration says about every link of the fabric.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) lanes: Option<u8>,
    pub(crate) speed: Option<Speed>,
}

/// The nodes that were seen, with the labels that they had then.
#[derive(Debug, Default)]
pub(crate) struct Memory(BTreeMap<u64, (Named, BootTime)>);

/// Labels of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Named {
    guid: String,
    node: String,
    device: Option<String>,
    kind: &'static str,
}

impl Named {
    /// Linux calls an adapter `<host> <device>`, for which both words are wanted apart: that is how what a node says about
    /// its own port finds to what the fabric says about it.
    fn of(guid: u64, node: &Node) -> Self {
        let kind = node.kind.as_str();
        let name = node.name.clone().unwrap_or_else(|| format!("{guid:016x}"));
        let words: Vec<&str> = name.split_whitespace().collect();
        let (node, device) = match words.as_slice() {
            [host, device] if kind == "hca" => ((*host).to_owned(), Some((*device).to_owned())),
            _ => (name, None),
        };
        Self { guid: format!("{guid:016x}"), node, device, kind }
    }

    fn labels(&self) -> Vec<(&'static str, &str)> {
        let mut labels =
            vec![("guid", &*self.guid), ("node", &*self.node), ("node_type", self.kind)];
        labels.extend(self.device.as_deref().map(|device| ("device", device)));
        labels
    }

    fn peer_labels(&self) -> Vec<(&'static str, &str)> {
        let mut labels = vec![
            ("peer_guid", &*self.guid),
            ("peer_node", &*self.node),
            ("peer_node_type", self.kind),
        ];
        labels.extend(self.device.as_deref().map(|device| ("peer_device", device)));
        labels
    }
}

/// Puts in everything that is known of the fabric.
pub(crate) fn emit(
    fabric: &Fabric,
    expected: Expected,
    memory: &mut Memory,
    now: BootTime,
    sink: &mut Sink,
) {
    let named = fabric.nodes.iter().map(|(guid, node)| (*guid, Named::of(*guid, node)));
    let named: BTreeMap<u64, Named> = named.collect();
    let mut unreadable = 0;
    for (guid, node) in &fabric.nodes {
        let Some(own) = named.get(guid) else { continue };
        for (number, port) in &node.ports {
            emit_port(fabric, &named, (*guid, *number), port, expected, sink);
        }
        let ports = node.ports.values().filter(|port| port.is_unreadable).count();
        unreadable += ports;
        sink.put(&metrics::UNREADABLE, &own.labels(), ports as f64);
    }
    sink.put(&metrics::UNREADABLE_ALL, &[], unreadable as f64);
    sink.put(&metrics::NODES, &[], fabric.nodes.len() as f64);
    emit_managers(fabric, &named, sink);
    memory.emit(named, fabric.is_complete, now, sink);
}

fn emit_port(
    fabric: &Fabric,
    named: &BTreeMap<u64, Named>,
    end: End,
    port: &Port,
    expected: Expected,
    sink: &mut Sink,
) {
    let (Some(own), Some(info)) = (named.get(&end.0), port.info) else { return };
    let number = end.1.to_string();
    let mut labels = own.labels();
    labels.push(("port", &number));
    let mut put = |metric: &'static Metric, value: f64| sink.put(metric, &labels, value);
    put(&metrics::STATE, f64::from(info.state));
    put(&metrics::PHYSICAL_STATE, f64::from(info.physical_state));
    if info.is_up() {
        if let Some(lanes) = info.lanes {
            put(&metrics::LANES, f64::from(lanes));
        }
        if let (Some(lanes), Some(Speed(bits))) = (info.lanes, info.speed) {
            put(&metrics::RATE, f64::from(lanes) * bits / 8.0);
        }
        if let Some(degraded) = is_degraded(fabric, port, expected) {
            put(&metrics::DEGRADED, f64::from(u8::from(degraded)));
        }
    }
    let values = port.counters.iter().flatten();
    for (counter, value) in COUNTERS.iter().zip(values) {
        let Some(value) = *value else { continue };
        sink.put(counter.metric, &labels, value as f64 * counter.scale);
        if let Some(highest) = counter.width.highest() {
            labels.push(("counter", counter.name));
            sink.put(&metrics::SATURATED, &labels, f64::from(u8::from(value == highest)));
            labels.pop();
        }
    }
    let Some((peer, peer_labels)) = port.peer.and_then(|peer| Some((peer, named.get(&peer.0)?)))
    else {
        return;
    };
    let peer_number = peer.1.to_string();
    labels.extend(peer_labels.peer_labels());
    labels.push(("peer_port", &peer_number));
    labels.push(("side", if fabric.is_first(end, peer) { "first" } else { "second" }));
    sink.put(&metrics::LINK, &labels, 1.0);
}

/// Whether the link is narrower or slower than both ends support, or than is expected; `None` when an end is not known.
fn is_degraded(fabric: &Fabric, port: &Port, expected: Expected) -> Option<bool> {
    let own = port.info?;
    let peer = port.peer.and_then(|peer| fabric.port(peer)?.info);
    let lanes = match expected.lanes {
        Some(lanes) => lanes,
        None => own.lanes_supported?.min(peer?.lanes_supported?),
    };
    let speed = match expected.speed {
        Some(speed) => speed,
        None => {
            let (own, peer) = (own.speed_supported?, peer?.speed_supported?);
            if peer < own { peer } else { own }
        }
    };
    Some(own.lanes? < lanes || own.speed? < speed)
}

fn emit_managers(fabric: &Fabric, named: &BTreeMap<u64, Named>, sink: &mut Sink) {
    let mut masters = 0;
    let mut is_known = fabric.is_complete;
    for manager in &fabric.managers {
        let (Some(info), Some(own)) = (manager.info, named.get(&manager.node)) else {
            is_known = false;
            continue;
        };
        masters += u32::from(info.is_master());
        let number = manager.port.to_string();
        let mut labels = own.labels();
        labels.push(("port", &number));
        sink.put(&metrics::MANAGER, &labels, f64::from(info.state));
        sink.put(&metrics::MANAGER_ACTIVITY, &labels, f64::from(info.activity));
    }
    // One that was seen is there; that there is none takes everybody's answer.
    if is_known || masters > 0 {
        sink.put(&metrics::MASTERS, &[], f64::from(masters));
    }
}

impl Memory {
    fn emit(
        &mut self,
        seen: BTreeMap<u64, Named>,
        is_complete: bool,
        now: BootTime,
        sink: &mut Sink,
    ) {
        for (guid, named) in seen {
            self.0.insert(guid, (named, now));
        }
        self.0.retain(|_, (_, at)| now.since(*at) <= FORGET_AFTER);
        while self.0.len() > crate::discovery::NODES_MAX {
            // Whoever was not seen for longest.
            let Some(oldest) = self.0.iter().min_by_key(|(_, (_, at))| *at).map(|(guid, _)| *guid)
            else {
                break;
            };
            self.0.remove(&oldest);
        }
        for (named, at) in self.0.values() {
            let is_present = *at == now;
            if is_present || is_complete {
                sink.put(&metrics::PRESENT, &named.labels(), f64::from(u8::from(is_present)));
            }
        }
    }
}

//! Attributes of subnet management out of an answer's data (InfiniBand Architecture Specification, volume 1, 14.2.5).
//! Each gives `None` for data that is too short or cannot be.

use crate::bytes::{be16, be32, be64};

/// Most bytes of a node's name that are kept.
const NAME_BYTES_MAX: usize = 64;

/// What a node is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum NodeKind {
    /// A host's or storage shelf's adapter.
    Adapter,
    Switch,
    Router,
}

impl NodeKind {
    /// As the label `node_type` says it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Adapter => "hca",
            Self::Switch => "switch",
            Self::Router => "router",
        }
    }
}

/// A node as it answers; all but `port` are the same whichever way it is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NodeInfo {
    pub(crate) kind: NodeKind,
    pub(crate) ports: u8,
    pub(crate) guid: u64,
    /// The port by which the question came in.
    pub(crate) port: u8,
}

impl NodeInfo {
    pub(crate) fn decode(data: &[u8]) -> Option<Self> {
        let kind = match data.get(2)? {
            1 => NodeKind::Adapter,
            2 => NodeKind::Switch,
            3 => NodeKind::Router,
            _ => return None,
        };
        // 255 is the number for "all ports" elsewhere.
        let ports = data.get(3).copied().filter(|ports| (1..255).contains(ports))?;
        let guid = be64(data, 12).filter(|guid| *guid != 0)?;
        Some(Self { kind, ports, guid, port: *data.get(36)? })
    }
}

/// State of a port, its link and its addresses.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct PortInfo {
    /// 1 down, 2 init, 3 armed, 4 active.
    pub(crate) state: u8,
    /// 1 sleep, 2 polling, 3 disabled, 4 training, 5 link up, 6 link error recovery, 7 phy test.
    pub(crate) physical_state: u8,
    /// Of the port; of a switch only port 0 has one.
    pub(crate) lid: u16,
    /// A subnet manager runs behind the port.
    pub(crate) is_manager: bool,
    pub(crate) lanes: Option<u8>,
    pub(crate) lanes_supported: Option<u8>,
    pub(crate) speed: Option<Speed>,
    pub(crate) speed_supported: Option<Speed>,
}

/// Physical state of a port whose link is trained.
const LINK_UP: u8 = 5;

impl PortInfo {
    pub(crate) fn decode(data: &[u8]) -> Option<Self> {
        let byte = |at: usize| data.get(at).copied();
        // The last one that is read.
        let extended = byte(62)?;
        let (supported_and_state, active_and_enabled) = (byte(32)?, byte(35)?);
        Some(Self {
            state: supported_and_state & 0x0F,
            physical_state: byte(33)? >> 4,
            lid: be16(data, 16)?,
            is_manager: be32(data, 20)? & 0b10 != 0,
            lanes: widest(byte(31)?),
            lanes_supported: widest(byte(30)?),
            speed: Speed::fastest(extended >> 4, active_and_enabled >> 4),
            speed_supported: Speed::fastest(extended & 0x0F, supported_and_state >> 4),
        })
    }

    /// The link is trained, whether or not a subnet manager has made it active.
    pub(crate) fn is_up(&self) -> bool {
        self.physical_state == LINK_UP
    }
}

/// Lanes of the widest link in a set of bits.
fn widest(bits: u8) -> Option<u8> {
    let known = [(0b1000, 12), (0b100, 8), (0b10, 4), (0b1_0000, 2), (0b1, 1)];
    known.iter().find(|(bit, _)| bits & bit != 0).map(|(_, lanes)| *lanes)
}

/// Bits per second of one lane as they are sold: 25 Gb/s for EDR. The kernel's file `rate` counts the same way.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub(crate) struct Speed(pub(crate) f64);

impl Speed {
    /// The fastest in two sets of bits, the extended speeds (FDR and later) first.
    fn fastest(extended: u8, plain: u8) -> Option<Self> {
        let extended_speeds = [(0b1000, 100e9), (0b100, 50e9), (0b10, 25e9), (0b1, 14e9)];
        let plain_speeds = [(0b100, 10e9), (0b10, 5e9), (0b1, 2.5e9)];
        let in_set = |bits: u8| move |(bit, _): &&(u8, f64)| bits & bit != 0;
        let found = extended_speeds.iter().find(in_set(extended));
        found.or_else(|| plain_speeds.iter().find(in_set(plain))).map(|(_, speed)| Self(*speed))
    }

    /// The speed called `name`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let names = [
            ("SDR", 2.5e9),
            ("DDR", 5e9),
            ("QDR", 10e9),
            ("FDR", 14e9),
            ("EDR", 25e9),
            ("HDR", 50e9),
            ("NDR", 100e9),
        ];
        names.iter().find(|(known, _)| *known == name).map(|(_, speed)| Self(*speed))
    }
}

/// A subnet manager.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SmInfo {
    /// Of the port behind which it runs.
    pub(crate) guid: u64,
    /// Grows while it works.
    pub(crate) activity: u32,
    /// 0 not active, 1 discovering, 2 standby, 3 master.
    pub(crate) state: u8,
}

impl SmInfo {
    pub(crate) fn decode(data: &[u8]) -> Option<Self> {
        let state = data.get(20)? & 0x0F;
        Some(Self { guid: be64(data, 0)?, activity: be32(data, 16)?, state })
    }

    /// It is the one that gives out addresses.
    pub(crate) fn is_master(&self) -> bool {
        self.state == 3
    }
}

/// Name of a node, cut and without what does not belong into a label. Linux calls an adapter `<host> <device>`.
pub(crate) fn node_name(data: &[u8]) -> Option<String> {
    let text = data.split(|byte| *byte == 0).next()?;
    let text = String::from_utf8_lossy(text.get(..NAME_BYTES_MAX).unwrap_or(text));
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let name = plain.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn port_info(changes: &[(usize, u8)]) -> Option<PortInfo> {
        let mut data = [0; 64];
        for (at, byte) in changes {
            data[*at] = *byte;
        }
        PortInfo::decode(&data)
    }

    /// Scenario: an active EDR port of a switch manager's host, a port that trained at one lane of QDR, one that is down.
    /// Guarantees: every field is read from where the specification puts it.
    #[test]
    fn ports_are_read_as_specified() {
        let edr =
            [(17, 9), (23, 2), (30, 3), (31, 2), (32, 0x74), (33, 0x52), (35, 0x47), (62, 0x23)];
        let port = port_info(&edr).unwrap();
        assert_eq!((port.state, port.physical_state, port.lid), (4, 5, 9));
        assert!(port.is_manager && port.is_up());
        assert_eq!((port.lanes, port.lanes_supported), (Some(4), Some(4)));
        assert_eq!((port.speed, port.speed_supported), (Speed::named("EDR"), Speed::named("EDR")));
        let slow =
            port_info(&[(30, 3), (31, 1), (32, 0x74), (33, 0x52), (35, 0x47), (62, 0x03)]).unwrap();
        assert_eq!((slow.lanes, slow.lanes_supported), (Some(1), Some(4)));
        assert_eq!((slow.speed, slow.speed_supported), (Speed::named("QDR"), Speed::named("EDR")));
        let down = port_info(&[(32, 0x71), (33, 0x22)]).unwrap();
        assert!(!down.is_up() && down.lanes.is_none() && down.speed.is_none());
        assert_eq!(PortInfo::decode(&[0; 62]), None);
    }

    /// Scenario: nodes of each kind, of no kind, without ports or identity. Guarantees: the last are nothing.
    #[test]
    fn nodes_are_read_as_specified() {
        let node = |kind, ports, guid| {
            let mut data = [0; 64];
            (data[2], data[3], data[19], data[36]) = (kind, ports, guid, 7);
            NodeInfo::decode(&data)
        };
        let switch = NodeInfo { kind: NodeKind::Switch, ports: 36, guid: 5, port: 7 };
        assert_eq!(node(2, 36, 5), Some(switch));
        for wrong in
            [node(0, 36, 5), node(4, 36, 5), node(2, 0, 5), node(2, 255, 5), node(2, 36, 0)]
        {
            assert_eq!(wrong, None);
        }
    }

    /// Scenario: names with NUL, control characters, bytes that are no text, and none. Guarantees: a label's text or nothing.
    #[test]
    fn names_become_labels() {
        for (bytes, expected) in [
            (&b"dbnode1 mlx5_0\0\0rest"[..], Some("dbnode1 mlx5_0")),
            (b"  sw\na\t\0", Some("sw a")),
            (b"\xff\0", Some("\u{fffd}")),
            (b"\0", None),
            (b"", None),
        ] {
            assert_eq!(node_name(bytes).as_deref(), expected, "{bytes:?}");
        }
    }

    proptest! {
        /// Scenario: any bytes as any attribute. Guarantees: no panic.
        #[test]
        fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (NodeInfo::decode(&data), PortInfo::decode(&data), SmInfo::decode(&data));
            prop_assert!(node_name(&data).is_none_or(|name| name.chars().count() <= 64));
        }
    }
}

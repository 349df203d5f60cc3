//! What the probe emits.
//!
//! Every series carries the GUID of what it speaks of and no name of who read it, so that another reader goes on with the
//! same subjects. Labels of a port: `guid`, `node`, `node_type`, `port`, and of an adapter that Linux named `device`.

use shared_model::{Kind, Metric, Unit};

/// How wide a counter is and where in its attribute its bits are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Width {
    /// 4 bits, the upper half of a byte.
    HighNibble,
    /// 4 bits, the lower half.
    LowNibble,
    /// 8 bits.
    Byte,
    /// 16 bits.
    Word,
    /// 32 bits.
    Long,
    /// 64 bits, in the extended attribute.
    Extended,
}

impl Width {
    /// The value at which the counter stands still; `None` for one that is too wide to be filled.
    pub(crate) fn highest(self) -> Option<u64> {
        match self {
            Self::HighNibble | Self::LowNibble => Some(0xF),
            Self::Byte => Some(0xFF),
            Self::Word => Some(0xFFFF),
            Self::Long => Some(0xFFFF_FFFF),
            Self::Extended => None,
        }
    }
}

/// A counter of a port.
#[derive(Debug)]
pub(crate) struct Counter {
    /// As the label `counter` says it.
    pub(crate) name: &'static str,
    /// Byte in the attribute's data.
    pub(crate) at: usize,
    pub(crate) width: Width,
    /// What one of its units is in the metric's.
    pub(crate) scale: f64,
    pub(crate) metric: &'static Metric,
}

const fn gauge(name: &'static str, help: &'static str, source: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, unit: Unit::None, help, source }
}

const fn info(name: &'static str, help: &'static str, source: &'static str) -> Metric {
    Metric { name, kind: Kind::Info, unit: Unit::None, help, source }
}

pub(crate) static STATE: Metric = gauge(
    "wardround_fabric_port_state_id",
    "State of the port: 1 down, 2 init (no subnet manager), 3 armed, 4 active.",
    "PortInfo byte 32, low half",
);
pub(crate) static PHYSICAL_STATE: Metric = gauge(
    "wardround_fabric_port_physical_state_id",
    "Physical state of the port: 1 sleep, 2 polling, 3 disabled, 4 training, 5 link up, 6 link error recovery, 7 phy test.",
    "PortInfo byte 33, high half",
);
pub(crate) static LANES: Metric = gauge(
    "wardround_fabric_port_width_lanes",
    "Lanes of the link as it is now.",
    "PortInfo byte 31, LinkWidthActive",
);
pub(crate) static RATE: Metric = Metric {
    name: "wardround_fabric_port_rate_bytes_per_second",
    kind: Kind::Gauge,
    unit: Unit::BytesPerSecond,
    help: "Signalling rate of the link as it is now.",
    source: "PortInfo bytes 31, 35 and 62: LinkWidthActive times LinkSpeedActive or LinkSpeedExtActive",
};
pub(crate) static LINK: Metric = info(
    "wardround_fabric_link_info",
    "The link of a port and its other end, told from both ends: `side` is `first` at one of them.",
    "NodeInfo along the directed path through the port",
);
pub(crate) static DEGRADED: Metric = gauge(
    "wardround_fabric_port_degraded",
    "1 when the link is narrower or slower than both its ends support, or than the configuration expects.",
    "PortInfo of both ends: active against supported width and speed",
);
pub(crate) static SATURATED: Metric = gauge(
    "wardround_fabric_counter_saturated",
    "1 when the counter stands at its highest value and stays there until it is reset, so that new errors are not seen.",
    "PortCounters, compared with the width of the counter",
);
pub(crate) static NODES: Metric = gauge(
    "wardround_fabric_nodes",
    "Nodes found on the fabric in this round.",
    "directed-route discovery",
);
pub(crate) static PRESENT: Metric = gauge(
    "wardround_fabric_node_present",
    "1 when the node was found, 0 when it was there before and every way was followed without finding it.",
    "directed-route discovery",
);
pub(crate) static UNREADABLE: Metric = gauge(
    "wardround_fabric_node_unreadable_ports",
    "Ports of the node of which something could not be read: state, counters or the neighbour.",
    "questions without an answer after three tries",
);
pub(crate) static UNREADABLE_ALL: Metric = gauge(
    "wardround_fabric_unreadable_ports",
    "Ports of the whole fabric of which something could not be read in this round.",
    "questions without an answer after three tries",
);
pub(crate) static MANAGER: Metric = gauge(
    "wardround_fabric_subnet_manager",
    "State of a subnet manager: 0 not active, 1 discovering, 2 standby, 3 master.",
    "SMInfo byte 20, low half, of every port that says that one runs behind it",
);
pub(crate) static MANAGER_ACTIVITY: Metric = Metric {
    name: "wardround_fabric_subnet_manager_activity_total",
    kind: Kind::Counter,
    unit: Unit::None,
    help: "Grows while the subnet manager works.",
    source: "SMInfo bytes 16 to 19, ActCount",
};
pub(crate) static MASTERS: Metric = gauge(
    "wardround_fabric_master_subnet_managers",
    "Subnet managers that say that they are the master; left out when none was found but not everyone answered.",
    "SMInfo of every port that says that a subnet manager runs behind it",
);

macro_rules! counters {
    ($($static:ident $name:literal $metric:literal $unit:ident $at:literal $width:ident $scale:literal $help:literal $source:literal;)*) => {
        $(static $static: Metric = Metric {
            name: $metric, kind: Kind::Counter, unit: Unit::$unit, help: $help, source: $source,
        };)*
        /// Every counter, in the order in which they are put in.
        pub(crate) static COUNTERS: &[Counter; [$($at),*].len()] = &[
            $(Counter { name: $name, at: $at, width: Width::$width, scale: $scale, metric: &$static }),*
        ];
        /// Every metric that the probe may emit.
        pub(crate) static METRICS: &[&Metric] = &[
            &STATE, &PHYSICAL_STATE, &LANES, &RATE, &LINK, &DEGRADED, &SATURATED, &NODES, &PRESENT, &UNREADABLE,
            &UNREADABLE_ALL, &MANAGER, &MANAGER_ACTIVITY, &MASTERS, $(&$static),*
        ];
    };
}

counters! {
    SYMBOL "symbol_errors" "wardround_fabric_port_symbol_errors_total" None 4 Word 1.0
        "Minor errors on the lanes of the link." "PortCounters SymbolErrorCounter, 16 bits wide";
    RECOVERY "link_error_recovery" "wardround_fabric_port_link_error_recovery_total" None 6 Byte 1.0
        "Times that the link recovered from an error by retraining." "PortCounters LinkErrorRecoveryCounter, 8 bits wide";
    DOWNED "link_downed" "wardround_fabric_port_link_downed_total" None 7 Byte 1.0
        "Times that the link went down because it could not recover; a reboot of the peer counts too." "PortCounters LinkDownedCounter, 8 bits wide";
    RECEIVE "receive_errors" "wardround_fabric_port_receive_errors_total" None 8 Word 1.0
        "Packets received with an error." "PortCounters PortRcvErrors, 16 bits wide";
    REMOTE "receive_remote_physical_errors" "wardround_fabric_port_receive_remote_physical_errors_total" None 10 Word 1.0
        "Packets received that an upstream port had marked bad." "PortCounters PortRcvRemotePhysicalErrors, 16 bits wide";
    RELAY "receive_switch_relay_errors" "wardround_fabric_port_receive_switch_relay_errors_total" None 12 Word 1.0
        "Packets that could not be forwarded." "PortCounters PortRcvSwitchRelayErrors, 16 bits wide";
    DISCARDS "transmit_discards" "wardround_fabric_port_transmit_discards_total" None 14 Word 1.0
        "Outgoing packets dropped because the port was down or congested." "PortCounters PortXmitDiscards, 16 bits wide";
    TRANSMIT_CONSTRAINT "transmit_constraint_errors" "wardround_fabric_port_transmit_constraint_errors_total" None 16 Byte 1.0
        "Outgoing packets refused by partition or raw filter." "PortCounters PortXmitConstraintErrors, 8 bits wide";
    RECEIVE_CONSTRAINT "receive_constraint_errors" "wardround_fabric_port_receive_constraint_errors_total" None 17 Byte 1.0
        "Incoming packets refused by partition or raw filter." "PortCounters PortRcvConstraintErrors, 8 bits wide";
    INTEGRITY "local_link_integrity_errors" "wardround_fabric_port_local_link_integrity_errors_total" None 19 HighNibble 1.0
        "Times that local physical errors exceeded their threshold." "PortCounters LocalLinkIntegrityErrors, 4 bits wide";
    OVERRUN "excessive_buffer_overrun_errors" "wardround_fabric_port_excessive_buffer_overrun_errors_total" None 19 LowNibble 1.0
        "Times that buffers overran in consecutive flow control periods." "PortCounters ExcessiveBufferOverrunErrors, 4 bits wide";
    VL15 "vl15_dropped" "wardround_fabric_port_vl15_dropped_total" None 22 Word 1.0
        "Management packets dropped for want of resources." "PortCounters VL15Dropped, 16 bits wide";
    WAIT "transmit_wait" "wardround_fabric_port_transmit_wait_total" None 40 Long 1.0
        "Ticks with data to send and none sent, for want of credits or arbitration." "PortCounters PortXmitWait, 32 bits wide";
    DATA_OUT "data_transmitted" "wardround_fabric_port_data_transmitted_bytes_total" Bytes 8 Extended 4.0
        "Bytes sent." "PortCountersExtended PortXmitData, 4-byte words";
    DATA_IN "data_received" "wardround_fabric_port_data_received_bytes_total" Bytes 16 Extended 4.0
        "Bytes received." "PortCountersExtended PortRcvData, 4-byte words";
    PACKETS_OUT "packets_transmitted" "wardround_fabric_port_packets_transmitted_total" None 24 Extended 1.0
        "Packets sent." "PortCountersExtended PortXmitPkts";
    PACKETS_IN "packets_received" "wardround_fabric_port_packets_received_total" None 32 Extended 1.0
        "Packets received." "PortCountersExtended PortRcvPkts";
}

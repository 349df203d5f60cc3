//! Series of our own agents that an exporter's recording does not have but the pack's rules read: InfiniBand ports,
//! process states, data devices, the probes' own success. All constant and, but for [`BREACH`], in order: the rules are
//! worked on and open no incident.

use super::replay::Line;
use shared_model::Kind;

/// Names and values of one InfiniBand port in order; counters stand still.
const PORT: &[(&str, f64)] = &[
    ("node_infiniband_state_id", 4.0),
    ("node_infiniband_physical_state_id", 5.0),
    ("node_infiniband_rate_bytes_per_second", 12.5e9),
    ("node_infiniband_symbol_error_total", 0.0),
    ("node_infiniband_link_error_recovery_total", 0.0),
    ("node_infiniband_link_downed_total", 1.0),
    ("node_infiniband_port_errors_received_total", 0.0),
];

/// Ports of a node of an appliance.
const DEVICES: &[&str] = &["mlx5_0", "mlx5_1"];

/// The rule that each node breaches, a deviation: what the collector says of it proves that it judges.
pub const BREACH: &str = "ib.counter_saturated";

const PROBES: &[&str] = &[
    "cpu",
    "stat",
    "meminfo",
    "loadavg",
    "pressure",
    "diskstats",
    "netdev",
    "infiniband",
    "processes",
    "filesystem",
];

const STATES: &[(&str, f64)] = &[("R", 2.0), ("S", 180.0), ("D", 0.0), ("Z", 0.0)];

/// The series.
pub fn lines() -> Vec<Line> {
    let mut lines = Vec::new();
    for device in DEVICES {
        for (name, value) in PORT {
            let kind = if name.ends_with("_total") { Kind::Counter } else { Kind::Gauge };
            lines.push(constant(name, &[("device", device), ("port", "1")], kind, *value));
        }
    }
    for probe in PROBES {
        lines.push(constant("wardround_probe_success", &[("probe", probe)], Kind::Gauge, 1.0));
    }
    for (state, count) in STATES {
        lines.push(constant("node_processes_state", &[("state", state)], Kind::Gauge, *count));
    }
    let saturated = [("counter", "symbol_error"), ("device", "mlx5_1"), ("port", "1")];
    lines.push(constant("wardround_infiniband_counter_saturated", &saturated, Kind::Gauge, 1.0));
    lines.push(constant("wardround_data_device_info", &[("device", "vda")], Kind::Gauge, 1.0));
    lines
}

fn constant(name: &str, labels: &[(&str, &str)], kind: Kind, value: f64) -> Line {
    let labels = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Line { name: name.to_owned(), labels, kind, values: vec![value] }
}

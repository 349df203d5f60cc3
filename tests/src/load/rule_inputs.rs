//! Series of our own agents that an exporter's recording does not have but the pack's rules read: InfiniBand ports,
//! process states, data devices, the probes' own success. All constant and in order, so that the rules are worked on and
//! stay quiet.

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
    ("node_infiniband_port_receive_errors_total", 0.0),
];

/// Ports of a node of an appliance.
const DEVICES: &[&str] = &["mlx5_0", "mlx5_1"];

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
    lines.push(constant("wardround_data_device_info", &[("device", "vda")], Kind::Gauge, 1.0));
    lines
}

fn constant(name: &str, labels: &[(&str, &str)], kind: Kind, value: f64) -> Line {
    let labels = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Line { name: name.to_owned(), labels, kind, values: vec![value] }
}

//! Values for when there is no recording: the metrics of a server with about the mix of a real one, where three of five
//! series never change (measured on a quiet node with node_exporter) and counters and gauges share the rest.

use super::random::Random;
use super::replay::Line;
use shared_model::Kind;

const CPUS: usize = 4;
const MODES: &[&str] = &["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"];
const MEMORY: &[&str] =
    &["MemTotal", "MemAvailable", "MemFree", "Cached", "Buffers", "Dirty", "Active", "Inactive"];
const DISK_FIELDS: &[&str] = &[
    "reads_completed",
    "writes_completed",
    "read_time_seconds",
    "write_time_seconds",
    "io_time_seconds",
];
/// Constant series that fill up a node: limits, states and counters of hardware that stands still.
const IDLE_SERIES: usize = 400;

/// Series whose changing ones have `rounds` values.
pub fn lines(rounds: usize) -> Vec<Line> {
    let mut chance = Random::new(0x5EED);
    let mut lines = Vec::new();
    for cpu in 0..CPUS {
        for mode in MODES {
            let labels = [("cpu", cpu.to_string()), ("mode", (*mode).to_owned())];
            let values =
                if *mode == "irq" { vec![0.0] } else { counter(&mut chance, rounds, 25, 0.01) };
            lines.push(line("node_cpu_seconds_total", &labels, Kind::Counter, values));
        }
    }
    for (at, field) in MEMORY.iter().enumerate() {
        let values = if at == 0 { vec![64e9] } else { gauge(&mut chance, rounds, 32e9, 4096.0) };
        lines.push(line(&format!("node_memory_{field}_bytes"), &[], Kind::Gauge, values));
    }
    for device in ["vda", "vdb", "vdc", "vdd"] {
        for field in DISK_FIELDS {
            let (name, scale) = (
                format!("node_disk_{field}_total"),
                if field.ends_with("seconds") { 0.001 } else { 1.0 },
            );
            let values = counter(&mut chance, rounds, 40, scale);
            lines.push(line(&name, &[("device", device.to_owned())], Kind::Counter, values));
        }
    }
    for mount in ["/", "/data", "/backup"] {
        let labels = [
            ("device", format!("/dev{mount}")),
            ("fstype", "xfs".to_owned()),
            ("mountpoint", mount.to_owned()),
        ];
        let values = gauge(&mut chance, rounds, 600e9, 4096.0);
        lines.push(line("node_filesystem_avail_bytes", &labels, Kind::Gauge, values));
        lines.push(line("node_filesystem_size_bytes", &labels, Kind::Gauge, vec![1e12]));
        lines.push(line("node_filesystem_readonly", &labels, Kind::Gauge, vec![0.0]));
    }
    for device in ["eth0", "eth1", "ib0", "ib1", "bond0", "lo"] {
        for field in ["receive_bytes", "receive_packets", "transmit_bytes", "transmit_packets"] {
            let name = format!("node_network_{field}_total");
            let values = counter(&mut chance, rounds, 9000, 1.0);
            lines.push(line(&name, &[("device", device.to_owned())], Kind::Counter, values));
        }
    }
    for at in 0..IDLE_SERIES {
        let labels = [("item", format!("{at:03}"))];
        lines.push(line("node_hardware_standing", &labels, Kind::Gauge, vec![at as f64]));
    }
    lines
}

fn counter(chance: &mut Random, rounds: usize, step_max: u64, scale: f64) -> Vec<f64> {
    let mut steps = chance.below(1_000_000);
    let mut next = || {
        steps += chance.below(step_max);
        steps as f64 * scale
    };
    (0..rounds).map(|_| next()).collect()
}

fn gauge(chance: &mut Random, rounds: usize, around: f64, quantum: f64) -> Vec<f64> {
    (0..rounds).map(|_| around + chance.below(10_000) as f64 * quantum).collect()
}

fn line(name: &str, labels: &[(&str, String)], kind: Kind, values: Vec<f64>) -> Line {
    let labels = labels.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    Line { name: name.to_owned(), labels, kind, values }
}

//! Probe `netdev`: traffic and errors of each network interface, from `/proc/net/dev`.

use crate::context::Context;
use crate::field;
use crate::metric::{counter, references};
use crate::tally;
use agent_probe::{HostFile, Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::time::Duration;

pub(crate) const NAME: &str = "netdev";

/// The sixteen columns of `/proc/net/dev` in their order (`dev_seq_printf_stats` in net/core/net-procfs.c).
static TABLE: [Metric; 16] = [
    counter(
        "node_network_receive_bytes_total",
        Unit::Bytes,
        "Bytes received.",
        "/proc/net/dev column 1",
    ),
    counter(
        "node_network_receive_packets_total",
        Unit::None,
        "Packets received.",
        "/proc/net/dev column 2",
    ),
    counter(
        "node_network_receive_errs_total",
        Unit::None,
        "Bad packets received.",
        "/proc/net/dev column 3",
    ),
    counter(
        "node_network_receive_drop_total",
        Unit::None,
        "Received packets that were dropped, missed ones included.",
        "/proc/net/dev column 4",
    ),
    counter(
        "node_network_receive_fifo_total",
        Unit::None,
        "Overruns of the receive queue.",
        "/proc/net/dev column 5",
    ),
    counter(
        "node_network_receive_frame_total",
        Unit::None,
        "Received packets with length, overrun, checksum or alignment errors.",
        "/proc/net/dev column 6",
    ),
    counter(
        "node_network_receive_compressed_total",
        Unit::None,
        "Compressed packets received.",
        "/proc/net/dev column 7",
    ),
    counter(
        "node_network_receive_multicast_total",
        Unit::None,
        "Multicast packets received.",
        "/proc/net/dev column 8",
    ),
    counter(
        "node_network_transmit_bytes_total",
        Unit::Bytes,
        "Bytes sent.",
        "/proc/net/dev column 9",
    ),
    counter(
        "node_network_transmit_packets_total",
        Unit::None,
        "Packets sent.",
        "/proc/net/dev column 10",
    ),
    counter(
        "node_network_transmit_errs_total",
        Unit::None,
        "Packets that could not be sent.",
        "/proc/net/dev column 11",
    ),
    counter(
        "node_network_transmit_drop_total",
        Unit::None,
        "Packets dropped before sending.",
        "/proc/net/dev column 12",
    ),
    counter(
        "node_network_transmit_fifo_total",
        Unit::None,
        "Underruns of the send queue.",
        "/proc/net/dev column 13",
    ),
    counter(
        "node_network_transmit_colls_total",
        Unit::None,
        "Collisions while sending.",
        "/proc/net/dev column 14",
    ),
    counter(
        "node_network_transmit_carrier_total",
        Unit::None,
        "Sending aborted, carrier or heartbeat lost.",
        "/proc/net/dev column 15",
    ),
    counter(
        "node_network_transmit_compressed_total",
        Unit::None,
        "Compressed packets sent.",
        "/proc/net/dev column 16",
    ),
];
static METRICS: [&Metric; 16] = references(&TABLE);

/// The two lines of headings.
const HEADINGS: usize = 2;

pub(crate) struct Netdev {
    file: HostFile,
}

impl Netdev {
    pub(crate) fn new(context: &Context) -> Self {
        Self { file: HostFile::new(context.root.proc("net/dev")) }
    }
}

impl Probe for Netdev {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Fast,
            default_interval: Duration::from_secs(1),
            default_timeout: Duration::from_millis(500),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        tally::read_one(&mut self.file, "lines of interfaces", |text, tally| {
            for (number, line) in field::lines(text).filter(|(number, _)| *number > HEADINGS) {
                match read_line(line) {
                    Some((device, values)) => {
                        for (metric, value) in METRICS.into_iter().zip(values) {
                            sink.put(metric, &[("device", device)], value as f64);
                        }
                        tally.sampled();
                    }
                    None => tally.bad_line(number, "INTERFACE: and sixteen numbers"),
                }
            }
        })
    }
}

/// An alias such as `eth0:1` has a colon in its name, the numbers never have one.
fn read_line(line: &[u8]) -> Option<(&str, [u64; 16])> {
    let colon = line.iter().rposition(|b| *b == b':')?;
    let (device, rest) = line.split_at(colon);
    let device = field::text(device.trim_ascii()).filter(|device| !device.is_empty())?;
    let mut values = [0; 16];
    let count = field::numbers(rest.get(1..)?, &mut values)?;
    (count == values.len()).then_some((device, values))
}

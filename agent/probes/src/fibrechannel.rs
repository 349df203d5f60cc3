//! Probe `fibrechannel`: the ports of Fibre Channel adapters, from `/sys/class/fc_host`.
//!
//! Statistics are hexadecimal; all bits set means that the driver does not count it (`fc_host` in
//! drivers/scsi/scsi_transport_fc.c), which is left out.

use crate::context::Context;
use crate::metric::{counter, gauge, info};
use crate::sysfs;
use crate::tally::{self, Tally};
use agent_probe::{HostRoot, Lane, Outcome, Probe, ProbeError, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::path::Path;
use std::time::Duration;

pub(crate) const NAME: &str = "fibrechannel";

metric_table! { FILES: &str, STATISTICS;
    "dumped_frames" => counter("node_fibrechannel_dumped_frames_total", Unit::None, "Frames dropped for want of buffers.", "/sys/class/fc_host/<host>/statistics/dumped_frames"),
    "error_frames" => counter("node_fibrechannel_error_frames_total", Unit::None, "Frames received with an error.", "/sys/class/fc_host/<host>/statistics/error_frames"),
    "fcp_packet_aborts" => counter("node_fibrechannel_fcp_packet_aborts_total", Unit::None, "Packets aborted.", "/sys/class/fc_host/<host>/statistics/fcp_packet_aborts"),
    "invalid_crc_count" => counter("node_fibrechannel_invalid_crc_total", Unit::None, "Frames with a wrong check sum.", "/sys/class/fc_host/<host>/statistics/invalid_crc_count"),
    "invalid_tx_word_count" => counter("node_fibrechannel_invalid_tx_words_total", Unit::None, "Invalid transmission words.", "/sys/class/fc_host/<host>/statistics/invalid_tx_word_count"),
    "link_failure_count" => counter("node_fibrechannel_link_failure_total", Unit::None, "Times that the link failed.", "/sys/class/fc_host/<host>/statistics/link_failure_count"),
    "loss_of_signal_count" => counter("node_fibrechannel_loss_of_signal_total", Unit::None, "Times that the signal was lost.", "/sys/class/fc_host/<host>/statistics/loss_of_signal_count"),
    "loss_of_sync_count" => counter("node_fibrechannel_loss_of_sync_total", Unit::None, "Times that bit or word synchronisation was lost.", "/sys/class/fc_host/<host>/statistics/loss_of_sync_count"),
    "nos_count" => counter("node_fibrechannel_nos_total", Unit::None, "Not-operational sequences received.", "/sys/class/fc_host/<host>/statistics/nos_count"),
    "rx_frames" => counter("node_fibrechannel_rx_frames_total", Unit::None, "Frames received.", "/sys/class/fc_host/<host>/statistics/rx_frames"),
    "rx_words" => counter("node_fibrechannel_rx_words_total", Unit::None, "Words of four bytes received.", "/sys/class/fc_host/<host>/statistics/rx_words"),
    "seconds_since_last_reset" => counter("node_fibrechannel_seconds_since_last_reset_total", Unit::Seconds, "Time since the statistics were reset.", "/sys/class/fc_host/<host>/statistics/seconds_since_last_reset"),
    "tx_frames" => counter("node_fibrechannel_tx_frames_total", Unit::None, "Frames sent.", "/sys/class/fc_host/<host>/statistics/tx_frames"),
    "tx_words" => counter("node_fibrechannel_tx_words_total", Unit::None, "Words of four bytes sent.", "/sys/class/fc_host/<host>/statistics/tx_words"),
}

static INFO: Metric = info(
    "node_fibrechannel_info",
    "The port and what it is attached to.",
    "/sys/class/fc_host/<host>",
);
static ONLINE: Metric = gauge(
    "wardround_fibrechannel_port_online",
    Unit::None,
    "Whether the port is online.",
    "/sys/class/fc_host/<host>/port_state",
);

static METRICS: [&Metric; 2 + STATISTICS.len()] = {
    let mut all = [&INFO; 2 + STATISTICS.len()];
    all[1] = &ONLINE;
    let mut at = 2;
    while at < all.len() {
        all[at] = STATISTICS[at - 2];
        at += 1;
    }
    all
};

/// Label and file, in the order in which they are put; numbers lose their `0x`.
const LABELS: [&str; 10] = [
    "dev_loss_tmo",
    "fabric_name",
    "port_id",
    "port_name",
    "port_state",
    "port_type",
    "speed",
    "supported_classes",
    "supported_speeds",
    "symbolic_name",
];

/// More ports than a chassis has slots for.
const MAX_PORTS: usize = 64;

pub(crate) struct Fibrechannel {
    root: HostRoot,
}

impl Fibrechannel {
    pub(crate) fn new(context: &Context) -> Self {
        Self { root: context.root.clone() }
    }
}

impl Probe for Fibrechannel {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            // The driver asks the adapter's firmware for its statistics.
            lane: Lane::Slow,
            default_interval: Duration::from_secs(5),
            default_timeout: Duration::from_secs(4),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let class = self.root.sys("class/fc_host");
        let names = match sysfs::names(&class) {
            Ok(names) => names,
            Err(error) if error.is_not_found() => return tally::absent(&class),
            Err(error) => return Outcome::Failed(error),
        };
        if names.is_empty() {
            return Outcome::Absent("no Fibre Channel adapter".to_owned());
        }
        let mut tally = Tally::default();
        for host in names.iter().take(MAX_PORTS) {
            put(&class.join(&**host), host, sink, &mut tally);
        }
        tally.outcome()
    }
}

fn put(folder: &Path, host: &str, sink: &mut Sink, tally: &mut Tally) {
    let values = LABELS.map(|name| sysfs::label(&folder.join(name)));
    let plain = |value: &str| value.strip_prefix("0x").unwrap_or(value).to_owned();
    let values = values.map(|value| plain(&value));
    let mut labels = vec![("fc_host", host)];
    labels.extend(LABELS.iter().zip(&values).map(|(name, value)| (*name, value.as_str())));
    sink.put(&INFO, &labels, 1.0);
    tally.sampled();
    let state = sysfs::label(&folder.join("port_state"));
    if !state.is_empty() {
        sink.put(&ONLINE, &[("fc_host", host)], f64::from(u8::from(&*state == "Online")));
    }
    for (metric, name) in STATISTICS.iter().zip(FILES) {
        let path = folder.join("statistics").join(name);
        match sysfs::line(&path).map(|text| text.map(|text| hexadecimal(&text))) {
            Ok(Some(Some(u64::MAX)) | None) => {}
            Ok(Some(Some(value))) => sink.put(metric, &[("fc_host", host)], value as f64),
            Ok(Some(None)) => {
                tally.complain(ProbeError::Parse {
                    path,
                    line: 1,
                    expected: "a number such as 0x1f",
                });
            }
            Err(error) => tally.complain(error),
        }
    }
}

fn hexadecimal(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x")?;
    let plain = digits.bytes().all(|b| b.is_ascii_hexdigit());
    u64::from_str_radix(digits, 16).ok().filter(|_| plain)
}

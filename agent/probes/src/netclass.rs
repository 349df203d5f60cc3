//! Probe `netclass`: what each network device is and whether it has a carrier, from `/sys/class/net`.
//!
//! It runs in the slow lane: reading a speed takes the kernel's lock over all network devices (RTNL), which a card in reset
//! may hold for seconds.

use crate::attribute::{Reader, Round, Row, hexadecimal, number, number_or_none};
use crate::context::Context;
use crate::link_events::LinkEvents;
use crate::metric::{counter, gauge, info};
use agent_probe::{Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const NAME: &str = "netclass";

static INFO: Metric = info(
    "node_network_info",
    "The device's addresses and states.",
    "/sys/class/net/<device>/{address,broadcast,duplex,operstate,flags,ifalias}",
);
static UP: Metric = gauge(
    "node_network_up",
    Unit::None,
    "1 when the operational state of the device is up.",
    "/sys/class/net/<device>/operstate",
);

metric_table! { ROWS: Row, VALUES;
    ("addr_assign_type", number) => gauge("node_network_address_assign_type", Unit::None, "Where the address is from: 0 permanent, 1 random, 2 stolen, 3 set.", "/sys/class/net/<device>/addr_assign_type"),
    ("carrier", number) => gauge("node_network_carrier", Unit::None, "1 when the link is there.", "/sys/class/net/<device>/carrier"),
    ("carrier_changes", number) => counter("node_network_carrier_changes_total", Unit::None, "Times that the link came or went.", "/sys/class/net/<device>/carrier_changes"),
    ("carrier_up_count", number) => counter("node_network_carrier_up_changes_total", Unit::None, "Times that the link came.", "/sys/class/net/<device>/carrier_up_count"),
    ("carrier_down_count", number) => counter("node_network_carrier_down_changes_total", Unit::None, "Times that the link went.", "/sys/class/net/<device>/carrier_down_count"),
    ("dev_id", hexadecimal) => gauge("node_network_device_id", Unit::None, "Tells devices apart that share an address.", "/sys/class/net/<device>/dev_id"),
    ("dormant", number) => gauge("node_network_dormant", Unit::None, "1 when the device waits for something, such as 802.1X.", "/sys/class/net/<device>/dormant"),
    ("flags", hexadecimal) => gauge("node_network_flags", Unit::None, "Flags of the device (IFF_UP is 1).", "/sys/class/net/<device>/flags"),
    ("ifindex", number) => gauge("node_network_iface_id", Unit::None, "Index of the device.", "/sys/class/net/<device>/ifindex"),
    ("iflink", number_or_none) => gauge("node_network_iface_link", Unit::None, "Index of the device below.", "/sys/class/net/<device>/iflink"),
    ("link_mode", number) => gauge("node_network_iface_link_mode", Unit::None, "1 when user space decides about the link.", "/sys/class/net/<device>/link_mode"),
    ("mtu", number) => gauge("node_network_mtu_bytes", Unit::Bytes, "Largest payload of a frame.", "/sys/class/net/<device>/mtu"),
    ("name_assign_type", number) => gauge("node_network_name_assign_type", Unit::None, "Where the name is from: 1 kernel, 2 predictable, 3 user, 4 renamed.", "/sys/class/net/<device>/name_assign_type"),
    ("netdev_group", number) => gauge("node_network_net_dev_group", Unit::None, "Group of the device.", "/sys/class/net/<device>/netdev_group"),
    ("speed", speed) => gauge("node_network_speed_bytes", Unit::BytesPerSecond, "Speed of the link as it is now.", "/sys/class/net/<device>/speed, Mbit/s"),
    ("tx_queue_len", number) => gauge("node_network_transmit_queue_length", Unit::None, "Most packets that wait to be sent.", "/sys/class/net/<device>/tx_queue_len"),
    ("type", number) => gauge("node_network_protocol_type", Unit::None, "Protocol of the link (1 Ethernet, 32 InfiniBand).", "/sys/class/net/<device>/type"),
}

static METRICS: [&Metric; 2 + VALUES.len()] = {
    let mut all = [&INFO; 2 + VALUES.len()];
    all[1] = &UP;
    let mut at = 2;
    while at < all.len() {
        all[at] = VALUES[at - 2];
        at += 1;
    }
    all
};

/// More devices than any database node has; a host of containers would otherwise flood its series.
const MAX_DEVICES: usize = 256;

/// `IFF_UP` of <linux/if.h>: somebody switched the device on.
const IFF_UP: u64 = 1;

/// Mbit/s; -1 and 2^32-1 say that it is not known.
fn speed(text: &[u8]) -> Result<Option<f64>, &'static str> {
    const UNKNOWN: f64 = u32::MAX as f64;
    const BYTES_PER_MEGABIT: f64 = 125_000.0;
    let megabits = number_or_none(text)?.filter(|megabits| *megabits < UNKNOWN);
    Ok(megabits.map(|megabits| megabits * BYTES_PER_MEGABIT))
}

pub(crate) struct Netclass {
    class: PathBuf,
    reader: Reader,
    is_live: bool,
    /// A lost carrier is told by the kernel at once. Opened at the first round.
    events: Option<LinkEvents>,
}

impl Netclass {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            class: context.root.sys("class/net"),
            reader: Reader::default(),
            is_live: context.root.is_live(),
            events: None,
        }
    }
}

impl Probe for Netclass {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Slow,
            default_interval: Duration::from_secs(10),
            default_timeout: Duration::from_secs(5),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        // Before the files, so that what changes while they are read wakes again.
        match &self.events {
            Some(events) => events.drain(),
            None if self.is_live => self.events = LinkEvents::open(),
            None => {}
        }
        let mut round = Round::new(&mut self.reader, sink);
        for name in round.names(&self.class, MAX_DEVICES) {
            let folder = self.class.join(&*name);
            // Beside the devices lies the file `bonding_masters`.
            if folder.is_dir() {
                read_device(&folder, &name, &mut round);
            }
        }
        round.end(&self.class)
    }

    fn wake(&self) -> Option<BorrowedFd<'_>> {
        self.events.as_ref().map(AsFd::as_fd)
    }
}

fn read_device(folder: &Path, name: &str, round: &mut Round<'_>) {
    let device = [("device", name)];
    let state = round.some_text(&folder.join("operstate"));
    let flags = round.value(&folder.join("flags"), hexadecimal);
    if state.is_some() || flags.is_some() {
        let admin =
            flags.map_or("", |flags| if flags as u64 & IFF_UP == 1 { "up" } else { "down" });
        let texts = ["address", "broadcast", "duplex", "ifalias"]
            .map(|file| round.text(&folder.join(file)));
        let [address, broadcast, duplex, alias] = texts.each_ref().map(String::as_str);
        let labels = [
            ("device", name),
            ("address", address),
            ("broadcast", broadcast),
            ("duplex", duplex),
            ("operstate", state.as_deref().unwrap_or_default()),
            ("adminstate", admin),
            ("ifalias", alias),
        ];
        round.put(&INFO, &labels, 1.0);
    }
    if let Some(state) = state {
        round.put(&UP, &device, f64::from(u8::from(state == "up")));
    }
    round.put_rows(folder, (ROWS, &VALUES), &device);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: speeds of a link, of none, and texts that are none. Guarantees: bytes per second, none, or a refusal.
    #[test]
    fn unknown_speeds_are_none() {
        assert_eq!(speed(b"25000"), Ok(Some(3.125e9)));
        assert_eq!(speed(b"-1"), Ok(None));
        assert_eq!(speed(b"4294967295"), Ok(None));
        assert!(speed(b"fast").is_err());
    }
}

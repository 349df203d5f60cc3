//! Probe `netstat`: what TCP, UDP, IP and ICMP counted, from `/proc/net/netstat`, `snmp` and `snmp6`.
//!
//! The fields are those of node_exporter's default selection; the kernel has some 300 more.

use crate::context::Context;
use crate::field;
use crate::metric::{counter, gauge};
use crate::tally::{self, Tally};
use agent_probe::{HostFile, Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::ops::Range;
use std::time::Duration;

pub(crate) const NAME: &str = "netstat";

/// Protocol and field.
type Key = (&'static [u8], &'static [u8]);

metric_table! { KEYS: Key, METRICS;
    (b"TcpExt", b"ListenDrops") => counter("node_netstat_TcpExt_ListenDrops", Unit::None, "Connection requests dropped at a listening socket.", "/proc/net/netstat TcpExt ListenDrops"),
    (b"TcpExt", b"ListenOverflows") => counter("node_netstat_TcpExt_ListenOverflows", Unit::None, "Connection requests that found the accept queue full.", "/proc/net/netstat TcpExt ListenOverflows"),
    (b"TcpExt", b"SyncookiesFailed") => counter("node_netstat_TcpExt_SyncookiesFailed", Unit::None, "Invalid SYN cookies received.", "/proc/net/netstat TcpExt SyncookiesFailed"),
    (b"TcpExt", b"SyncookiesRecv") => counter("node_netstat_TcpExt_SyncookiesRecv", Unit::None, "SYN cookies received.", "/proc/net/netstat TcpExt SyncookiesRecv"),
    (b"TcpExt", b"SyncookiesSent") => counter("node_netstat_TcpExt_SyncookiesSent", Unit::None, "SYN cookies sent.", "/proc/net/netstat TcpExt SyncookiesSent"),
    (b"TcpExt", b"TCPOFOQueue") => counter("node_netstat_TcpExt_TCPOFOQueue", Unit::None, "Segments queued out of order.", "/proc/net/netstat TcpExt TCPOFOQueue"),
    (b"TcpExt", b"TCPRcvQDrop") => counter("node_netstat_TcpExt_TCPRcvQDrop", Unit::None, "Segments dropped because the receive queue was full.", "/proc/net/netstat TcpExt TCPRcvQDrop"),
    (b"TcpExt", b"TCPSynRetrans") => counter("node_netstat_TcpExt_TCPSynRetrans", Unit::None, "SYN segments sent again.", "/proc/net/netstat TcpExt TCPSynRetrans"),
    (b"TcpExt", b"TCPTimeouts") => counter("node_netstat_TcpExt_TCPTimeouts", Unit::None, "Retransmission timeouts.", "/proc/net/netstat TcpExt TCPTimeouts"),
    (b"IpExt", b"InOctets") => counter("node_netstat_IpExt_InOctets", Unit::Bytes, "Bytes received over IPv4.", "/proc/net/netstat IpExt InOctets"),
    (b"IpExt", b"OutOctets") => counter("node_netstat_IpExt_OutOctets", Unit::Bytes, "Bytes sent over IPv4.", "/proc/net/netstat IpExt OutOctets"),
    (b"Ip", b"Forwarding") => gauge("node_netstat_Ip_Forwarding", Unit::None, "1 when this node forwards packets, 2 when not.", "/proc/net/snmp Ip Forwarding"),
    (b"Icmp", b"InErrors") => counter("node_netstat_Icmp_InErrors", Unit::None, "ICMP messages with errors received.", "/proc/net/snmp Icmp InErrors"),
    (b"Icmp", b"InMsgs") => counter("node_netstat_Icmp_InMsgs", Unit::None, "ICMP messages received.", "/proc/net/snmp Icmp InMsgs"),
    (b"Icmp", b"OutMsgs") => counter("node_netstat_Icmp_OutMsgs", Unit::None, "ICMP messages sent.", "/proc/net/snmp Icmp OutMsgs"),
    (b"Tcp", b"ActiveOpens") => counter("node_netstat_Tcp_ActiveOpens", Unit::None, "TCP connections opened by this node.", "/proc/net/snmp Tcp ActiveOpens"),
    (b"Tcp", b"CurrEstab") => gauge("node_netstat_Tcp_CurrEstab", Unit::None, "TCP connections established now.", "/proc/net/snmp Tcp CurrEstab"),
    (b"Tcp", b"InErrs") => counter("node_netstat_Tcp_InErrs", Unit::None, "Bad TCP segments received.", "/proc/net/snmp Tcp InErrs"),
    (b"Tcp", b"InSegs") => counter("node_netstat_Tcp_InSegs", Unit::None, "TCP segments received.", "/proc/net/snmp Tcp InSegs"),
    (b"Tcp", b"OutRsts") => counter("node_netstat_Tcp_OutRsts", Unit::None, "TCP resets sent.", "/proc/net/snmp Tcp OutRsts"),
    (b"Tcp", b"OutSegs") => counter("node_netstat_Tcp_OutSegs", Unit::None, "TCP segments sent, without retransmitted ones.", "/proc/net/snmp Tcp OutSegs"),
    (b"Tcp", b"PassiveOpens") => counter("node_netstat_Tcp_PassiveOpens", Unit::None, "TCP connections opened by others.", "/proc/net/snmp Tcp PassiveOpens"),
    (b"Tcp", b"RetransSegs") => counter("node_netstat_Tcp_RetransSegs", Unit::None, "TCP segments sent again.", "/proc/net/snmp Tcp RetransSegs"),
    (b"Udp", b"InDatagrams") => counter("node_netstat_Udp_InDatagrams", Unit::None, "UDP datagrams received.", "/proc/net/snmp Udp InDatagrams"),
    (b"Udp", b"InErrors") => counter("node_netstat_Udp_InErrors", Unit::None, "UDP datagrams that could not be delivered.", "/proc/net/snmp Udp InErrors"),
    (b"Udp", b"NoPorts") => counter("node_netstat_Udp_NoPorts", Unit::None, "UDP datagrams to a port without a listener.", "/proc/net/snmp Udp NoPorts"),
    (b"Udp", b"OutDatagrams") => counter("node_netstat_Udp_OutDatagrams", Unit::None, "UDP datagrams sent.", "/proc/net/snmp Udp OutDatagrams"),
    (b"Udp", b"RcvbufErrors") => counter("node_netstat_Udp_RcvbufErrors", Unit::None, "UDP datagrams dropped because the receive buffer was full.", "/proc/net/snmp Udp RcvbufErrors"),
    (b"Udp", b"SndbufErrors") => counter("node_netstat_Udp_SndbufErrors", Unit::None, "UDP datagrams dropped because the send buffer was full.", "/proc/net/snmp Udp SndbufErrors"),
    (b"UdpLite", b"InErrors") => counter("node_netstat_UdpLite_InErrors", Unit::None, "UDP-Lite datagrams that could not be delivered.", "/proc/net/snmp UdpLite InErrors"),
    (b"Ip6", b"InOctets") => counter("node_netstat_Ip6_InOctets", Unit::Bytes, "Bytes received over IPv6.", "/proc/net/snmp6 Ip6 InOctets"),
    (b"Ip6", b"OutOctets") => counter("node_netstat_Ip6_OutOctets", Unit::Bytes, "Bytes sent over IPv6.", "/proc/net/snmp6 Ip6 OutOctets"),
    (b"Icmp6", b"InErrors") => counter("node_netstat_Icmp6_InErrors", Unit::None, "ICMPv6 messages with errors received.", "/proc/net/snmp6 Icmp6 InErrors"),
    (b"Icmp6", b"InMsgs") => counter("node_netstat_Icmp6_InMsgs", Unit::None, "ICMPv6 messages received.", "/proc/net/snmp6 Icmp6 InMsgs"),
    (b"Icmp6", b"OutMsgs") => counter("node_netstat_Icmp6_OutMsgs", Unit::None, "ICMPv6 messages sent.", "/proc/net/snmp6 Icmp6 OutMsgs"),
    (b"Udp6", b"InDatagrams") => counter("node_netstat_Udp6_InDatagrams", Unit::None, "UDP datagrams received over IPv6.", "/proc/net/snmp6 Udp6 InDatagrams"),
    (b"Udp6", b"InErrors") => counter("node_netstat_Udp6_InErrors", Unit::None, "UDP datagrams over IPv6 that could not be delivered.", "/proc/net/snmp6 Udp6 InErrors"),
    (b"Udp6", b"NoPorts") => counter("node_netstat_Udp6_NoPorts", Unit::None, "UDP datagrams over IPv6 to a port without a listener.", "/proc/net/snmp6 Udp6 NoPorts"),
    (b"Udp6", b"OutDatagrams") => counter("node_netstat_Udp6_OutDatagrams", Unit::None, "UDP datagrams sent over IPv6.", "/proc/net/snmp6 Udp6 OutDatagrams"),
    (b"Udp6", b"RcvbufErrors") => counter("node_netstat_Udp6_RcvbufErrors", Unit::None, "UDP datagrams over IPv6 dropped because the receive buffer was full.", "/proc/net/snmp6 Udp6 RcvbufErrors"),
    (b"Udp6", b"SndbufErrors") => counter("node_netstat_Udp6_SndbufErrors", Unit::None, "UDP datagrams over IPv6 dropped because the send buffer was full.", "/proc/net/snmp6 Udp6 SndbufErrors"),
    (b"UdpLite6", b"InErrors") => counter("node_netstat_UdpLite6_InErrors", Unit::None, "UDP-Lite datagrams over IPv6 that could not be delivered.", "/proc/net/snmp6 UdpLite6 InErrors"),
}

pub(crate) struct Netstat {
    /// Lines in pairs: names, then values.
    pairs: [HostFile; 2],
    /// A name and a value on each line; missing on a node without IPv6.
    list: HostFile,
}

impl Netstat {
    pub(crate) fn new(context: &Context) -> Self {
        let file = |name| HostFile::new(context.root.proc("net").join(name));
        Self { pairs: ["netstat", "snmp"].map(file), list: file("snmp6") }
    }
}

impl Probe for Netstat {
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
        let mut tally = Tally::default();
        let mut missing = 0;
        let pairs = self.pairs.iter_mut().map(|file| (file, read_pairs as Read));
        for (file, read) in pairs.chain([(&mut self.list, read_list as Read)]) {
            match file.read() {
                Ok(text) => read(text, sink, &mut tally),
                Err(error) if error.is_not_found() => missing += 1,
                Err(error) => tally.complain(error),
            }
            tally.end_file(file.path());
        }
        if missing == self.pairs.len() + 1 {
            return tally::absent(self.pairs[0].path());
        }
        tally.outcome()
    }
}

type Read = fn(&[u8], &mut Sink, &mut Tally);

/// The rows of a protocol, which lie together in the table.
fn of_protocol(protocol: &[u8]) -> Range<usize> {
    let from = KEYS.iter().position(|(of, _)| *of == protocol).unwrap_or(KEYS.len());
    let rows = KEYS.iter().skip(from).take_while(|(of, _)| *of == protocol).count();
    from..from + rows
}

/// The metric of a field among the rows of its protocol.
fn find(rows: Range<usize>, field: &[u8]) -> Option<&'static Metric> {
    let keys = KEYS.get(rows.clone())?;
    let at = keys.iter().position(|(_, known)| *known == field)?;
    METRICS.get(rows.start + at).copied()
}

/// `Tcp: RtoAlgorithm RtoMin ...` and below it `Tcp: 1 200 ...`.
fn read_pairs(text: &[u8], sink: &mut Sink, tally: &mut Tally) {
    let mut lines = field::lines(text);
    while let Some((number, names)) = lines.next() {
        let Some((_, values)) = lines.next() else {
            return tally.bad_line(number, "a line of values below the names");
        };
        let (mut names, mut values) = (field::words(names), field::words(values));
        let protocol = names.next().and_then(|word| word.strip_suffix(b":"));
        if protocol.is_none() || values.next().and_then(|word| word.strip_suffix(b":")) != protocol
        {
            return tally.bad_line(number, "a protocol's names and below them its values");
        }
        let rows = of_protocol(protocol.unwrap_or_default());
        let mut wanted = rows.len();
        for (name, value) in names.zip(values) {
            if wanted == 0 {
                break;
            }
            let Some(metric) = find(rows.clone(), name) else { continue };
            wanted -= 1;
            match field::number(value) {
                Some(value) => {
                    sink.put(metric, &[], value as f64);
                    tally.sampled();
                }
                None => tally.bad_line(number + 1, "a number"),
            }
        }
    }
}

/// `Ip6InOctets   1234` and the like.
fn read_list(text: &[u8], sink: &mut Sink, tally: &mut Tally) {
    const PROTOCOLS: [&[u8]; 4] = [b"Ip6", b"Icmp6", b"Udp6", b"UdpLite6"];
    let rows = PROTOCOLS.map(of_protocol);
    for (number, line) in field::lines(text) {
        let mut words = field::words(line);
        let name = words.next().unwrap_or_default();
        let metric = PROTOCOLS.iter().zip(&rows).find_map(|(protocol, rows)| {
            let field = name.strip_prefix(*protocol)?;
            find(rows.clone(), field)
        });
        let Some(metric) = metric else { continue };
        match words.next().and_then(field::number) {
            Some(value) => {
                sink.put(metric, &[], value as f64);
                tally.sampled();
            }
            None => tally.bad_line(number, "a number"),
        }
    }
}

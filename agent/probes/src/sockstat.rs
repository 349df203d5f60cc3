//! Probe `sockstat`: sockets by protocol and the memory of their buffers, from `/proc/net/sockstat` and `sockstat6`.

use crate::context::Context;
use crate::field;
use crate::metric::gauge;
use crate::tally::{self, Tally};
use agent_probe::{HostFile, Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::time::Duration;

pub(crate) const NAME: &str = "sockstat";

/// The first word of the line and the field in it.
type Key = (&'static [u8], &'static [u8]);

/// Not in the file: made of `mem`, which counts pages.
const MEM_BYTES: &[u8] = b"";

metric_table! { KEYS: Key, METRICS;
    (b"sockets:", b"used") => gauge("node_sockstat_sockets_used", Unit::None, "Sockets in use.", "/proc/net/sockstat sockets used"),
    (b"TCP:", b"inuse") => gauge("node_sockstat_TCP_inuse", Unit::None, "TCP sockets in use.", "/proc/net/sockstat TCP inuse"),
    (b"TCP:", b"orphan") => gauge("node_sockstat_TCP_orphan", Unit::None, "TCP sockets that belong to no process any more.", "/proc/net/sockstat TCP orphan"),
    (b"TCP:", b"tw") => gauge("node_sockstat_TCP_tw", Unit::None, "TCP sockets in the state TIME_WAIT.", "/proc/net/sockstat TCP tw"),
    (b"TCP:", b"alloc") => gauge("node_sockstat_TCP_alloc", Unit::None, "TCP sockets allocated.", "/proc/net/sockstat TCP alloc"),
    (b"TCP:", b"mem") => gauge("node_sockstat_TCP_mem", Unit::None, "Memory pages of TCP buffers.", "/proc/net/sockstat TCP mem"),
    (b"TCP:", MEM_BYTES) => gauge("node_sockstat_TCP_mem_bytes", Unit::Bytes, "Memory of TCP buffers.", "/proc/net/sockstat TCP mem, times the page size"),
    (b"UDP:", b"inuse") => gauge("node_sockstat_UDP_inuse", Unit::None, "UDP sockets in use.", "/proc/net/sockstat UDP inuse"),
    (b"UDP:", b"mem") => gauge("node_sockstat_UDP_mem", Unit::None, "Memory pages of UDP buffers.", "/proc/net/sockstat UDP mem"),
    (b"UDP:", MEM_BYTES) => gauge("node_sockstat_UDP_mem_bytes", Unit::Bytes, "Memory of UDP buffers.", "/proc/net/sockstat UDP mem, times the page size"),
    (b"UDPLITE:", b"inuse") => gauge("node_sockstat_UDPLITE_inuse", Unit::None, "UDPLITE sockets in use.", "/proc/net/sockstat UDPLITE inuse"),
    (b"RAW:", b"inuse") => gauge("node_sockstat_RAW_inuse", Unit::None, "RAW sockets in use.", "/proc/net/sockstat RAW inuse"),
    (b"FRAG:", b"inuse") => gauge("node_sockstat_FRAG_inuse", Unit::None, "Fragments waiting for reassembly.", "/proc/net/sockstat FRAG inuse"),
    (b"FRAG:", b"memory") => gauge("node_sockstat_FRAG_memory", Unit::Bytes, "Bytes of fragments waiting for reassembly.", "/proc/net/sockstat FRAG memory"),
    (b"TCP6:", b"inuse") => gauge("node_sockstat_TCP6_inuse", Unit::None, "TCP sockets in use (IPv6).", "/proc/net/sockstat6 TCP6 inuse"),
    (b"UDP6:", b"inuse") => gauge("node_sockstat_UDP6_inuse", Unit::None, "UDP sockets in use (IPv6).", "/proc/net/sockstat6 UDP6 inuse"),
    (b"UDPLITE6:", b"inuse") => gauge("node_sockstat_UDPLITE6_inuse", Unit::None, "UDPLITE sockets in use (IPv6).", "/proc/net/sockstat6 UDPLITE6 inuse"),
    (b"RAW6:", b"inuse") => gauge("node_sockstat_RAW6_inuse", Unit::None, "RAW sockets in use (IPv6).", "/proc/net/sockstat6 RAW6 inuse"),
    (b"FRAG6:", b"inuse") => gauge("node_sockstat_FRAG6_inuse", Unit::None, "Fragments waiting for reassembly (IPv6).", "/proc/net/sockstat6 FRAG6 inuse"),
    (b"FRAG6:", b"memory") => gauge("node_sockstat_FRAG6_memory", Unit::Bytes, "Bytes of fragments waiting for reassembly (IPv6).", "/proc/net/sockstat6 FRAG6 memory"),
}

pub(crate) struct Sockstat {
    /// The second is missing on a node without IPv6.
    files: [HostFile; 2],
    page_bytes: f64,
}

impl Sockstat {
    pub(crate) fn new(context: &Context) -> Self {
        let file = |name| HostFile::new(context.root.proc("net").join(name));
        Self {
            files: ["sockstat", "sockstat6"].map(file),
            page_bytes: rustix::param::page_size() as f64,
        }
    }
}

impl Probe for Sockstat {
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
        for file in &mut self.files {
            match file.read() {
                Ok(text) => read_file(text, self.page_bytes, sink, &mut tally),
                Err(error) if error.is_not_found() => missing += 1,
                Err(error) => tally.complain(error),
            }
            tally.end_file(file.path());
        }
        if missing == self.files.len() {
            return tally::absent(self.files[0].path());
        }
        tally.outcome()
    }
}

fn read_file(text: &[u8], page_bytes: f64, sink: &mut Sink, tally: &mut Tally) {
    let mut known = false;
    for (number, line) in field::lines(text) {
        let mut words = field::words(line);
        let protocol = words.next().unwrap_or_default();
        while let Some(name) = words.next() {
            let row = |field: &[u8]| {
                let mut rows = KEYS.iter().zip(METRICS);
                rows.find(|((of, known), _)| *of == protocol && *known == field)
            };
            let value = words.next().and_then(field::number);
            let (Some((_, metric)), Some(value)) = (row(name), value) else {
                if row(name).is_some() {
                    tally.bad_line(number, "names and numbers in turn");
                }
                continue;
            };
            known = true;
            sink.put(metric, &[], value as f64);
            tally.sampled();
            if let Some((_, metric)) = row(MEM_BYTES).filter(|_| name == b"mem") {
                sink.put(metric, &[], value as f64 * page_bytes);
            }
        }
    }
    if !known {
        tally.bad_line(0, "lines such as TCP: inuse 4 orphan 0");
    }
}

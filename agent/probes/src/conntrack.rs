//! Probe `conntrack`: how full the table of tracked connections is and what was lost because of it, from
//! `/proc/sys/net/netfilter` and `/proc/net/stat/nf_conntrack`.

use crate::context::Context;
use crate::field;
use crate::metric::{counter, gauge};
use crate::tally::{self, Tally};
use agent_probe::{HostFile, Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::time::Duration;

pub(crate) const NAME: &str = "conntrack";

static ENTRIES: Metric = gauge(
    "node_nf_conntrack_entries",
    Unit::None,
    "Connections tracked now.",
    "/proc/sys/net/netfilter/nf_conntrack_count",
);
static LIMIT: Metric = gauge(
    "node_nf_conntrack_entries_limit",
    Unit::None,
    "Most connections that can be tracked: packets of new ones are dropped beyond it.",
    "/proc/sys/net/netfilter/nf_conntrack_max",
);

// Keys are the names in the first line.
metric_table! { COLUMNS: &[u8], STATISTICS;
    b"found" => counter("node_nf_conntrack_stat_found", Unit::None, "Searches that found an entry.", "/proc/net/stat/nf_conntrack found, all CPUs"),
    b"invalid" => counter("node_nf_conntrack_stat_invalid", Unit::None, "Packets that cannot be tracked.", "/proc/net/stat/nf_conntrack invalid, all CPUs"),
    b"ignore" => counter("node_nf_conntrack_stat_ignore", Unit::None, "Packets of connections that are tracked already.", "/proc/net/stat/nf_conntrack ignore, all CPUs"),
    b"insert" => counter("node_nf_conntrack_stat_insert", Unit::None, "Entries inserted.", "/proc/net/stat/nf_conntrack insert, all CPUs"),
    b"insert_failed" => counter("node_nf_conntrack_stat_insert_failed", Unit::None, "Entries that could not be inserted.", "/proc/net/stat/nf_conntrack insert_failed, all CPUs"),
    b"drop" => counter("node_nf_conntrack_stat_drop", Unit::None, "Packets dropped because tracking failed.", "/proc/net/stat/nf_conntrack drop, all CPUs"),
    b"early_drop" => counter("node_nf_conntrack_stat_early_drop", Unit::None, "Entries dropped to make room for new ones.", "/proc/net/stat/nf_conntrack early_drop, all CPUs"),
    b"search_restart" => counter("node_nf_conntrack_stat_search_restart", Unit::None, "Searches begun again because the table changed its size.", "/proc/net/stat/nf_conntrack search_restart, all CPUs"),
}

static METRICS: [&Metric; 2 + STATISTICS.len()] = {
    let mut all = [&ENTRIES; 2 + STATISTICS.len()];
    all[1] = &LIMIT;
    let mut at = 2;
    while at < all.len() {
        all[at] = STATISTICS[at - 2];
        at += 1;
    }
    all
};

pub(crate) struct Conntrack {
    values: [(&'static Metric, HostFile); 2],
    statistics: HostFile,
}

impl Conntrack {
    pub(crate) fn new(context: &Context) -> Self {
        let file = |name| HostFile::new(context.root.proc("sys/net/netfilter").join(name));
        Self {
            values: [(&ENTRIES, file("nf_conntrack_count")), (&LIMIT, file("nf_conntrack_max"))],
            statistics: HostFile::new(context.root.proc("net/stat/nf_conntrack")),
        }
    }
}

impl Probe for Conntrack {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Fast,
            default_interval: Duration::from_secs(5),
            default_timeout: Duration::from_millis(500),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        let mut tally = Tally::default();
        for (metric, file) in &mut self.values {
            match file.read().map(|text| field::number(text.trim_ascii())) {
                Ok(Some(value)) => {
                    sink.put(metric, &[], value as f64);
                    tally.sampled();
                }
                Ok(None) => tally.bad_line(1, "a number"),
                Err(error) if error.is_not_found() => return tally::absent(file.path()),
                Err(error) => tally.complain(error),
            }
            tally.end_file(file.path());
        }
        match self.statistics.read() {
            Ok(text) => read_statistics(text, sink, &mut tally),
            // Some kernels are built without it.
            Err(error) if error.is_not_found() => {}
            Err(error) => tally.complain(error),
        }
        tally.end_file(self.statistics.path());
        tally.outcome()
    }
}

/// Names in the first line, below them a line of hexadecimal numbers for each CPU.
fn read_statistics(text: &[u8], sink: &mut Sink, tally: &mut Tally) {
    let mut lines = field::lines(text);
    let Some((_, names)) = lines.next() else { return tally.bad_line(1, "names of columns") };
    let mut sums = [None; STATISTICS.len()];
    for (number, line) in lines {
        for (name, word) in field::words(names).zip(field::words(line)) {
            let Some(at) = COLUMNS.iter().position(|column| *column == name) else { continue };
            let Some(value) = field::hexadecimal(word) else {
                // A sum without one CPU would be a wrong number.
                return tally.bad_line(number, "hexadecimal numbers");
            };
            if let Some(sum) = sums.get_mut(at) {
                *sum = Some(sum.unwrap_or(0_u64).saturating_add(value));
            }
        }
    }
    for (metric, sum) in STATISTICS.iter().zip(sums) {
        if let Some(sum) = sum {
            sink.put(metric, &[], sum as f64);
        }
    }
}

//! What the agent costs, and how its way to the collector is.

use agent_probe::{HostFile, HostRoot, Sink};
use agent_uplink::UplinkStatus;
use rustix::time::{ClockId, clock_gettime};
use shared_model::{Kind, Metric, Unit};

static CPU: Metric = Metric {
    name: "process_cpu_seconds_total",
    kind: Kind::Counter,
    unit: Unit::Seconds,
    help: "CPU time of the agent, user and system.",
    source: "CLOCK_PROCESS_CPUTIME_ID",
};
static RESIDENT: Metric = Metric {
    name: "process_resident_memory_bytes",
    kind: Kind::Gauge,
    unit: Unit::Bytes,
    help: "Resident memory of the agent.",
    source: "/proc/self/statm, second field",
};
static CONNECTED: Metric = Metric {
    name: "wardround_uplink_connected",
    kind: Kind::Gauge,
    unit: Unit::None,
    help: "1 while the agent has a session with its collector.",
    source: "the agent's uplink",
};
static SPOOL_BYTES: Metric = Metric {
    name: "wardround_spool_bytes",
    kind: Kind::Gauge,
    unit: Unit::Bytes,
    help: "Disk space of the agent's spool.",
    source: "the agent's spool",
};
static UNACKNOWLEDGED: Metric = Metric {
    name: "wardround_spool_unacknowledged_records",
    kind: Kind::Gauge,
    unit: Unit::None,
    help: "Records that the collector has not yet confirmed.",
    source: "the agent's spool",
};
static LOST: Metric = Metric {
    name: "wardround_batches_lost_total",
    kind: Kind::Counter,
    unit: Unit::None,
    help: "Batches that the agent's spool could not take.",
    source: "the agent's forwarder",
};
static REFUSED: Metric = Metric {
    name: "wardround_series_refused_total",
    kind: Kind::Counter,
    unit: Unit::None,
    help: "Series or sets that could not be numbered and are not sent.",
    source: "the agent's batcher",
};
static DEGRADED: Metric = Metric {
    name: "wardround_spool_degraded",
    kind: Kind::Gauge,
    unit: Unit::None,
    help: "1 while the spool cannot write to its disk and keeps records in memory.",
    source: "the agent's spool",
};

/// Memory pages of x86_64 have 4 KiB (`arch/x86/include/asm/page_types.h`).
const PAGE_BYTES: f64 = 4_096.0;

/// How the uplink is doing; asked once a round.
pub(crate) type Status = Box<dyn Fn() -> UplinkStatus + Send>;

/// Reads the process's own figures.
pub(crate) struct OwnMetrics {
    statm: HostFile,
    status: Option<Status>,
}

impl OwnMetrics {
    /// Without `status` the uplink's figures are left out.
    pub(crate) fn new(status: Option<Status>) -> Self {
        Self { statm: HostFile::new(HostRoot::live().proc("self/statm")), status }
    }

    /// Puts all figures into the runner's sink; one that cannot be read is left out.
    pub(crate) fn put(&mut self, sink: &mut Sink, (lost, refused): (u64, u64)) {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        sink.put(&CPU, &[], cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9);
        let pages =
            self.statm.read_text().ok().and_then(|t| t.split(' ').nth(1)?.parse::<f64>().ok());
        if let Some(pages) = pages {
            sink.put(&RESIDENT, &[], pages * PAGE_BYTES);
        }
        sink.put(&LOST, &[], lost as f64);
        sink.put(&REFUSED, &[], refused as f64);
        let Some(status) = self.status.as_ref().map(|status| status()) else {
            return;
        };
        sink.put(&CONNECTED, &[], f64::from(u8::from(status.connected)));
        sink.put(&SPOOL_BYTES, &[], status.spool_bytes as f64);
        sink.put(&UNACKNOWLEDGED, &[], status.unacked as f64);
        sink.put(&DEGRADED, &[], f64::from(u8::from(status.degraded.is_some())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_probe::Sample;

    /// Scenario: the test process reads itself. Guarantees: time and memory are its own, in seconds and bytes; without an
    /// uplink nothing is said of one.
    #[test]
    fn figures_are_plausible() {
        let mut sink = Sink::default();
        sink.begin();
        OwnMetrics::new(None).put(&mut sink, (3, 4));
        let value = |name: &str| {
            let sample = sink.samples().iter().find(|s| s.metric().name == name);
            sample.and_then(Sample::value)
        };
        assert!((1e-6..1e5).contains(&value("process_cpu_seconds_total").unwrap()));
        assert!((1e5..1e10).contains(&value("process_resident_memory_bytes").unwrap()));
        assert_eq!(value("wardround_batches_lost_total"), Some(3.0));
        assert_eq!(value("wardround_series_refused_total"), Some(4.0));
        assert_eq!(value("wardround_uplink_connected"), None);
    }
}

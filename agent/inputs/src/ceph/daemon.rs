//! What the daemons of each kind say of themselves, and how it becomes samples.

use super::socket::{SocketError, ask};
use crate::metric::gauge;
use agent_probe::Sink;
use serde::Deserialize;
use shared_model::{Metric, Unit};
use std::path::{Path, PathBuf};

pub(super) static MON_IN_QUORUM: Metric = gauge(
    "wardround_ceph_mon_in_quorum",
    Unit::None,
    "1 while the monitor is part of the quorum, by its own account; 0 also when it is dead.",
    "admin socket mon_status, state",
);
pub(super) static MONS: Metric = gauge(
    "wardround_ceph_mons",
    Unit::None,
    "Monitors of the cluster, as the source knows it.",
    "admin socket mon_status, monmap; ceph_mon_quorum_status",
);
pub(super) static MONS_IN_QUORUM: Metric = gauge(
    "wardround_ceph_mons_in_quorum",
    Unit::None,
    "Monitors in the quorum, as the source knows it; 0 for a monitor that is in none.",
    "admin socket mon_status, quorum; ceph_mon_quorum_status",
);
pub(super) static MONS_OUTSIDE: Metric = gauge(
    "wardround_ceph_mons_outside_quorum",
    Unit::None,
    "Monitors that are not in the quorum, as a source that is in it, or the manager, knows it.",
    "admin socket mon_status, monmap less quorum; ceph_mon_quorum_status",
);
pub(super) static QUORUM_AT_RISK: Metric = gauge(
    "wardround_ceph_quorum_at_risk",
    Unit::None,
    "1 while a monitor is missing and the loss of one more would end the quorum.",
    "admin socket mon_status; ceph_mon_quorum_status",
);
pub(super) static OSD_ACTIVE: Metric = gauge(
    "wardround_ceph_osd_active",
    Unit::None,
    "1 while the OSD serves, by its own account; 0 while it boots or waits.",
    "admin socket status, state",
);
pub(super) static READ_WAIT: Metric = gauge(
    "wardround_ceph_osd_read_wait_seconds",
    Unit::Seconds,
    "Mean time of the reads that the OSD completed since the last round; missing when there were none.",
    "admin socket perf dump, osd.op_r_latency: difference of sum by difference of avgcount",
);
pub(super) static WRITE_WAIT: Metric = gauge(
    "wardround_ceph_osd_write_wait_seconds",
    Unit::Seconds,
    "Mean time of the writes that the OSD completed since the last round; missing when there were none.",
    "admin socket perf dump, osd.op_w_latency: difference of sum by difference of avgcount",
);
pub(super) static WAIT: Metric = gauge(
    "wardround_ceph_osd_wait_seconds",
    Unit::Seconds,
    "Mean time of the reads and writes that the OSD completed since the last round; missing when there were none.",
    "admin socket perf dump, osd.op_r_latency and osd.op_w_latency",
);
pub(super) static OPS_UNDER_WAY: Metric = gauge(
    "wardround_ceph_osd_ops_under_way",
    Unit::None,
    "Operations that the OSD is working at.",
    "admin socket perf dump, osd.op_wip",
);
pub(super) static BLOCKED_SECONDS: Metric = gauge(
    "wardround_ceph_osd_blocked_seconds",
    Unit::Seconds,
    "Age of the oldest operation beyond the OSD's complaint time; 0 when there is none.",
    "admin socket dump_blocked_ops, ops[].age",
);
pub(super) static SLOW_OPS: Metric = gauge(
    "wardround_ceph_slow_ops",
    Unit::None,
    "Operations beyond the complaint time, as the source knows it.",
    "admin socket dump_blocked_ops, num_blocked_ops; ceph_healthcheck_slow_ops",
);

/// Kinds of daemons that are asked; others have sockets too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Mon,
    Osd,
    Mgr,
}

/// A daemon of this node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Daemon {
    pub(super) kind: Kind,
    /// `osd.3`, the label `ceph_daemon` as ceph-mgr writes it.
    pub(super) name: String,
    pub(super) socket: PathBuf,
}

impl Daemon {
    /// Out of a socket's name `CLUSTER-osd.3.asok`; `None` when it is of another kind.
    pub(super) fn of(socket: &Path) -> Option<Self> {
        let name = socket.file_name()?.to_str()?.strip_suffix(".asok")?;
        let kinds = [("mon", Kind::Mon), ("osd", Kind::Osd), ("mgr", Kind::Mgr)];
        let (word, kind, id) = kinds.into_iter().find_map(|(word, kind)| {
            // The cluster's own name may hold anything.
            let (cluster, id) = name.split_once(&format!("-{word}."))?;
            (!cluster.is_empty()).then_some((word, kind, id))
        })?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let usable = (1..=128).contains(&id.len()) && id.bytes().all(plain);
        usable.then(|| Self { kind, name: format!("{word}.{id}"), socket: socket.to_owned() })
    }

    /// Puts in what is known of it although it is dead: a dead monitor is in no quorum. `mons` is how many monitors the
    /// cluster has, which its death does not change.
    pub(super) fn put_dead(&self, mons: Option<usize>, sink: &mut Sink) {
        let name = self.name.as_str();
        if self.kind == Kind::Mon {
            sink.put(&MON_IN_QUORUM, &[("ceph_daemon", name)], 0.0);
            if let Some(mons) = mons {
                sink.put(&MONS, &[("ceph_daemon", name), ("source", "socket")], mons as f64);
            }
        }
    }

    /// Asks it everything.
    pub(super) async fn ask(&self) -> Result<Answers, SocketError> {
        Ok(match self.kind {
            Kind::Mon => Answers::Mon(ask(&self.socket, "mon_status").await?),
            Kind::Mgr => {
                let serde::de::IgnoredAny = ask(&self.socket, "status").await?;
                Answers::Mgr
            }
            Kind::Osd => Answers::Osd {
                status: ask(&self.socket, "status").await?,
                perf: ask::<PerfDump>(&self.socket, "perf dump").await?.osd,
                blocked: ask(&self.socket, "dump_blocked_ops").await?,
            },
        })
    }
}

/// What a daemon answered.
#[derive(Debug)]
pub(super) enum Answers {
    Mon(MonStatus),
    Osd { status: OsdStatus, perf: OsdPerf, blocked: BlockedOps },
    Mgr,
}

#[derive(Debug, Deserialize)]
pub(super) struct MonStatus {
    state: String,
    #[serde(default)]
    quorum: Vec<u32>,
    monmap: MonMap,
}

#[derive(Debug, Deserialize)]
struct MonMap {
    fsid: String,
    #[serde(default)]
    mons: Vec<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OsdStatus {
    cluster_fsid: String,
    state: String,
}

#[derive(Debug, Deserialize)]
struct PerfDump {
    osd: OsdPerf,
}

/// The section `osd` of the counters.
#[derive(Debug, Deserialize)]
pub(super) struct OsdPerf {
    op_r_latency: Latency,
    op_w_latency: Latency,
    op_wip: Option<f64>,
}

/// A latency's counters since the daemon's start.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
pub(super) struct Latency {
    avgcount: u64,
    /// Seconds.
    sum: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct BlockedOps {
    num_blocked_ops: f64,
    #[serde(default)]
    ops: Vec<BlockedOp>,
}

#[derive(Debug, Deserialize)]
struct BlockedOp {
    /// Seconds.
    #[serde(default)]
    age: f64,
}

/// Latencies of an OSD's last round.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Before {
    read: Latency,
    write: Latency,
}

/// Counts of monitors, from which the standing of the quorum follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Quorum {
    pub(super) mons: usize,
    pub(super) inside: usize,
}

impl Quorum {
    /// Puts in what the source knows of the quorum. `labels` name the source.
    pub(super) fn put(self, sink: &mut Sink, labels: &[(&str, &str)]) {
        sink.put(&MONS, labels, self.mons as f64);
        sink.put(&MONS_IN_QUORUM, labels, self.inside as f64);
        // A monitor that is in no quorum knows nothing of the others.
        if self.inside > 0 {
            let outside = self.mons.saturating_sub(self.inside);
            let needed = self.mons / 2 + 1;
            let is_at_risk = outside > 0 && self.inside <= needed;
            sink.put(&MONS_OUTSIDE, labels, outside as f64);
            sink.put(&QUORUM_AT_RISK, labels, f64::from(u8::from(is_at_risk)));
        }
    }
}

impl Answers {
    /// The cluster that the daemon belongs to; a manager does not say.
    pub(super) fn fsid(&self) -> Option<&str> {
        match self {
            Self::Mon(status) => Some(&status.monmap.fsid),
            Self::Osd { status, .. } => Some(&status.cluster_fsid),
            Self::Mgr => None,
        }
    }

    /// How many monitors the cluster has, if the daemon knows.
    pub(super) fn mons(&self) -> Option<usize> {
        match self {
            Self::Mon(status) => Some(status.monmap.mons.len()),
            Self::Osd { .. } | Self::Mgr => None,
        }
    }

    /// Puts in what the daemon called `name` says. Returns what the next round needs.
    pub(super) fn put(
        &self,
        name: &str,
        before: Option<Before>,
        sink: &mut Sink,
    ) -> Option<Before> {
        let truth = |is: bool| f64::from(u8::from(is));
        let (labels, sourced) =
            ([("ceph_daemon", name)], [("ceph_daemon", name), ("source", "socket")]);
        match self {
            Self::Mgr => None,
            Self::Mon(status) => {
                let is_in = matches!(status.state.as_str(), "leader" | "peon");
                sink.put(&MON_IN_QUORUM, &labels, truth(is_in));
                let inside = if is_in { status.quorum.len() } else { 0 };
                Quorum { mons: status.monmap.mons.len(), inside }.put(sink, &sourced);
                None
            }
            Self::Osd { status, perf, blocked } => {
                sink.put(&OSD_ACTIVE, &labels, truth(status.state == "active"));
                sink.put(&SLOW_OPS, &sourced, blocked.num_blocked_ops);
                let oldest = blocked.ops.iter().map(|op| op.age).fold(0.0, f64::max);
                if !blocked.ops.is_empty() || blocked.num_blocked_ops == 0.0 {
                    sink.put(&BLOCKED_SECONDS, &labels, oldest);
                }
                if let Some(under_way) = perf.op_wip {
                    sink.put(&OPS_UNDER_WAY, &labels, under_way);
                }
                let now = Before { read: perf.op_r_latency, write: perf.op_w_latency };
                if let Some(before) = before {
                    for (metric, now, before) in [
                        (&READ_WAIT, now.read, before.read),
                        (&WRITE_WAIT, now.write, before.write),
                        (&WAIT, now.both(), before.both()),
                    ] {
                        if let Some(mean) = now.mean_since(before) {
                            sink.put(metric, &labels, mean);
                        }
                    }
                }
                Some(now)
            }
        }
    }
}

impl Before {
    /// Reads and writes together.
    fn both(self) -> Latency {
        let avgcount = self.read.avgcount.saturating_add(self.write.avgcount);
        Latency { avgcount, sum: self.read.sum + self.write.sum }
    }
}

impl Latency {
    /// Mean of what was completed since `before`; `None` when that is nothing or the daemon was started anew.
    fn mean_since(self, before: Self) -> Option<f64> {
        let count = self.avgcount.checked_sub(before.avgcount).filter(|count| *count > 0)?;
        let mean = (self.sum - before.sum) / count as f64;
        (mean.is_finite() && mean >= 0.0).then_some(mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: names of sockets. Guarantees: monitors, OSDs and managers are told by their names, others left alone.
    #[test]
    fn sockets_name_their_daemons() {
        for (file, name) in [
            ("ceph-osd.12.asok", Some("osd.12")),
            ("ceph-mon.db1.hospital.asok", Some("mon.db1.hospital")),
            ("his-storage-mgr.x.asok", Some("mgr.x")),
            ("ceph-client.admin.12.asok", None),
            ("ceph-osd..asok", None),
            ("ceph-osd.1.sock", None),
            ("osd.1.asok", None),
        ] {
            let daemon = Daemon::of(&Path::new("/run").join(file));
            assert_eq!(daemon.map(|d| d.name).as_deref(), name, "{file}");
        }
    }

    /// Scenario: quorums of one, three and five monitors, whole, with losses, and a monitor that is in none. Guarantees: at risk is
    /// what one more loss would end, never a whole quorum; who is in none says nothing of the others.
    #[test]
    fn a_quorum_at_risk_is_told() {
        for (mons, inside, outside, at_risk) in [
            (1, 1, Some(0.0), Some(0.0)),
            (3, 3, Some(0.0), Some(0.0)),
            (3, 2, Some(1.0), Some(1.0)),
            (3, 0, None, None),
            (5, 4, Some(1.0), Some(0.0)),
            (5, 3, Some(2.0), Some(1.0)),
            (2, 2, Some(0.0), Some(0.0)),
        ] {
            let mut sink = Sink::default();
            sink.begin();
            Quorum { mons, inside }.put(&mut sink, &[]);
            let value = |metric: &'static Metric| {
                let mut samples = sink.samples().iter();
                samples
                    .find(|s| std::ptr::eq(s.metric(), metric))
                    .and_then(agent_probe::Sample::value)
            };
            assert_eq!(
                (value(&MONS_OUTSIDE), value(&QUORUM_AT_RISK)),
                (outside, at_risk),
                "{mons} {inside}"
            );
        }
    }

    /// Scenario: counters that grew, stood still, and began anew. Guarantees: a mean of what was completed, else nothing.
    #[test]
    fn waits_are_means_of_what_was_completed() {
        let at = |avgcount, sum| Latency { avgcount, sum };
        assert_eq!(at(30, 0.5).mean_since(at(10, 0.1)), Some(0.02));
        assert_eq!(at(10, 0.1).mean_since(at(10, 0.1)), None);
        assert_eq!(at(3, 0.1).mean_since(at(10, 0.1)), None);
        assert_eq!(at(11, 0.0).mean_since(at(10, 0.1)), None);
    }
}

//! Probe `ceph`: the whole cluster, as its active manager tells it.

use super::daemon;
use super::daemons::unknown_cluster;
use super::derived::{self, Counts};
use super::recovery::Recovery;
use super::{Ceph, fsid, metrics};
use crate::complaint::Complaints;
use crate::exposition::{self, Sample};
use crate::http::Endpoint;
use crate::metric::gauge;
use agent_probe::{AsyncProbe, Lane, Outcome, ProbeError, ProbeSpec, Sink};
use proto::limits::{MAX_LABELS, MAX_VALUE_BYTES, RESERVED_LABELS};
use shared_model::{BootTime, Clock, Metric, Unit};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

/// Longest answer of a manager, bytes: 54 KB for three OSDs, so that a cluster of a thousand fits.
const MAX_BODY_BYTES: usize = 32 << 20;
/// Most series that are taken over.
const MAX_SERIES: usize = 10_000;

static MGR_ACTIVE: Metric = gauge(
    "wardround_ceph_mgr_active",
    Unit::None,
    "1 when one of the managers answers as the active one, 0 when none does.",
    "endpoints of [[ceph]]",
);

/// One cluster.
pub struct CephClusterProbe {
    settings: Ceph,
    endpoints: Vec<Endpoint>,
    /// The endpoint that was the active manager last.
    active: usize,
    /// Empty until it is known.
    fsid: String,
    recovery: Recovery,
    clock: Arc<dyn Clock>,
}

impl CephClusterProbe {
    /// A probe; it asks nothing before its first round.
    pub fn new(settings: &Ceph, clock: Arc<dyn Clock>) -> Self {
        let endpoint = |url: &String| {
            Some(Endpoint::new(url.parse().ok()?, settings.ca_file.clone(), None, MAX_BODY_BYTES))
        };
        Self {
            endpoints: settings.endpoints.iter().filter_map(endpoint).collect(),
            active: 0,
            fsid: String::new(),
            recovery: Recovery::default(),
            settings: settings.clone(),
            clock,
        }
    }

    async fn round(&mut self, sink: &mut Sink) -> Outcome {
        if self.fsid.is_empty() {
            match self.find_fsid().await {
                Some(fsid) => self.fsid = fsid,
                None => return Outcome::Failed(unknown_cluster()),
            }
        }
        let mut complaints = Complaints::default();
        let now = self.clock.boot();
        // An endpoint that hangs must leave time for the others.
        let share = self.settings.timeout.get() * 4 / 5 / (self.endpoints.len().max(1) as u32);
        for step in 0..self.endpoints.len() {
            let at = (self.active + step) % self.endpoints.len();
            let Some(endpoint) = self.endpoints.get_mut(at) else { continue };
            let target = endpoint.target().to_string();
            let body = match tokio::time::timeout(share, endpoint.get()).await {
                Ok(Ok(body)) => body,
                Ok(Err(what)) => {
                    complaints.add(|| format!("{target}: {what}"));
                    continue;
                }
                Err(_) => {
                    complaints
                        .add(|| format!("{target}: no answer within {} ms", share.as_millis()));
                    continue;
                }
            };
            if take(&body, &target, now, &mut self.recovery, sink, &mut complaints).await {
                self.active = at;
                sink.put(&MGR_ACTIVE, &[], 1.0);
                return complaints.outcome();
            }
        }
        sink.put(&MGR_ACTIVE, &[], 0.0);
        complaints.add(|| format!("{}: none of the managers is active", self.settings.name));
        complaints.outcome()
    }

    /// Which cluster it is: as it is configured, or as a daemon of this node says.
    async fn find_fsid(&self) -> Option<String> {
        match fsid::configured(&self.settings) {
            Some(fsid) => Some(fsid),
            None => fsid::of_daemons(&self.settings.asok_dir).await,
        }
    }
}

/// Takes over what a manager says; whether it is the active one. A standby says nothing.
async fn take(
    body: &[u8],
    from: &str,
    now: BootTime,
    recovery: &mut Recovery,
    sink: &mut Sink,
    complaints: &mut Complaints,
) -> bool {
    let (mut counts, mut taken) = (Counts::default(), 0);
    exposition::read(body, from, complaints, |sample, _, line, complaints| {
        let Some(metric) = metrics::by_name(sample.name) else { return };
        if sample.value.is_nan() {
            return;
        }
        if taken >= MAX_SERIES {
            if taken == MAX_SERIES {
                complaints.add(|| format!("{from}: more than {MAX_SERIES} series"));
                taken += 1;
            }
            return;
        }
        counts.count(sample);
        match labels(sample) {
            Some(labels) => {
                sink.put(metric, &labels, sample.value);
                taken += 1;
            }
            None => complaints.add(|| format!("{from}:{line}: expected labels that travel")),
        }
    })
    .await;
    if counts.is_active() {
        counts.put(sink, recovery, now);
    }
    counts.is_active()
}

/// A sample's labels; `None` when they are too many, too long or bear a name of ours. The manager uses none of those.
fn labels<'a>(sample: &'a Sample<'_>) -> Option<Vec<(&'a str, &'a str)>> {
    let labels: Vec<(&str, &str)> =
        sample.labels.iter().map(|(name, value)| (*name, &**value)).collect();
    // The address of the manager that answers would make other series after a failover.
    let labels: Vec<_> = labels.into_iter().filter(|(name, _)| *name != "instance").collect();
    let travels = |(name, value): &(&str, &str)| {
        !RESERVED_LABELS.contains(name) && value.len() <= MAX_VALUE_BYTES
    };
    (labels.len() <= MAX_LABELS && labels.iter().all(travels)).then_some(labels)
}

impl AsyncProbe for CephClusterProbe {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: "ceph",
            job: "ceph",
            lane: Lane::Slow,
            default_interval: self.settings.interval.get(),
            default_timeout: self.settings.timeout.get(),
        }
    }

    fn instance(&self) -> &str {
        if self.fsid.is_empty() { &self.settings.name } else { &self.fsid }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        static ALL: OnceLock<Vec<&'static Metric>> = OnceLock::new();
        ALL.get_or_init(|| {
            let shared = [
                &MGR_ACTIVE,
                &daemon::MONS,
                &daemon::MONS_IN_QUORUM,
                &daemon::MONS_OUTSIDE,
                &daemon::QUORUM_AT_RISK,
                &daemon::SLOW_OPS,
            ];
            metrics::all().chain(derived::METRICS).chain(shared).collect()
        })
    }

    // Cancel-safe: a cut round leaves at most a reading of the recovery behind, which is true.
    fn read<'a>(
        &'a mut self,
        sink: &'a mut Sink,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(self.round(sink))
    }

    fn timed_out(&mut self, sink: &mut Sink) -> Outcome {
        let millis = u64::try_from(self.settings.timeout.get().as_millis()).unwrap_or(u64::MAX);
        let error = ProbeError::TimedOut { millis };
        if self.fsid.is_empty() {
            return Outcome::Failed(error);
        }
        sink.put(&MGR_ACTIVE, &[], 0.0);
        Outcome::Partial(vec![error])
    }
}

impl fmt::Debug for CephClusterProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CephClusterProbe").field("fsid", &self.fsid).finish_non_exhaustive()
    }
}

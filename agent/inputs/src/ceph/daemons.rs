//! Probe `ceph_daemons`: the daemons of this node, each asked by its admin socket.

use super::Ceph;
use super::daemon::{self, Before, Daemon};
use super::fsid;
use super::socket::SocketError;
use crate::complaint::Complaints;
use crate::metric::gauge;
use agent_probe::{AsyncProbe, Lane, Outcome, ProbeError, ProbeSpec, Sink};
use futures_util::future::join_all;
use shared_model::{Metric, Unit};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

/// Most daemons of one node: storage servers have up to some ninety disks.
const MAX_DAEMONS: usize = 128;
/// Most entries of the folder that are looked at.
const MAX_ENTRIES: usize = 4_096;
/// A daemon that does not answer within this time does not answer: the slowest one measured takes 24 ms.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest round: all daemons are asked at once, an OSD three questions within its patience.
const TIMEOUT: Duration = Duration::from_secs(4);

static ANSWERS: Metric = gauge(
    "wardround_ceph_daemon_answers",
    Unit::None,
    "1 when the daemon answers at its admin socket, 0 when nobody listens there or it hangs.",
    "admin socket of the daemon",
);
static METRICS: [&Metric; 13] = [
    &ANSWERS,
    &daemon::MON_IN_QUORUM,
    &daemon::MONS,
    &daemon::MONS_IN_QUORUM,
    &daemon::MONS_OUTSIDE,
    &daemon::QUORUM_AT_RISK,
    &daemon::OSD_ACTIVE,
    &daemon::READ_WAIT,
    &daemon::WRITE_WAIT,
    &daemon::WAIT,
    &daemon::OPS_UNDER_WAY,
    &daemon::BLOCKED_SECONDS,
    &daemon::SLOW_OPS,
];

/// The daemons of one cluster on this node.
pub struct CephDaemonsProbe {
    settings: Ceph,
    /// Empty until it is known.
    fsid: String,
    /// Monitors of the cluster, as a living one said last.
    mons: Option<usize>,
    before: BTreeMap<String, Before>,
}

impl CephDaemonsProbe {
    /// A probe; it asks nothing before its first round.
    pub fn new(settings: &Ceph) -> Self {
        let fsid = String::new();
        Self { settings: settings.clone(), fsid, mons: None, before: BTreeMap::new() }
    }

    async fn round(&mut self, sink: &mut Sink) -> Outcome {
        let mut complaints = Complaints::default();
        let daemons = match daemons(&self.settings.asok_dir, &mut complaints) {
            Ok(daemons) if daemons.is_empty() => {
                return Outcome::Absent(format!(
                    "no daemon in {}",
                    self.settings.asok_dir.display()
                ));
            }
            Ok(daemons) => daemons,
            Err(outcome) => return outcome,
        };
        let asked = daemons.iter().map(|daemon| tokio::time::timeout(PATIENCE, daemon.ask()));
        let answers = join_all(asked).await;
        if self.fsid.is_empty() {
            let said = || {
                answers
                    .iter()
                    .find_map(|a| Some(a.as_ref().ok()?.as_ref().ok()?.fsid()?.to_owned()))
            };
            match fsid::configured(&self.settings).or_else(said) {
                Some(fsid) => self.fsid = fsid,
                None => return Outcome::Failed(unknown_cluster()),
            }
        }
        let mut before = BTreeMap::new();
        for (daemon, answer) in daemons.iter().zip(answers) {
            let name = daemon.name.as_str();
            let mut complain = |what: &str| complaints.add(|| format!("{name}: {what}"));
            let answers = match answer {
                Ok(Ok(answers)) => answers,
                Ok(Err(SocketError::Gone)) => continue,
                Ok(Err(SocketError::Denied)) => {
                    complain("the agent may not ask: add its user to the group ceph");
                    continue;
                }
                Ok(Err(SocketError::Failed(what))) => {
                    complain(&what);
                    sink.put(&ANSWERS, &[("ceph_daemon", name)], 1.0);
                    continue;
                }
                Ok(Err(SocketError::Refused)) => {
                    complain("nobody listens at its admin socket: it died");
                    sink.put(&ANSWERS, &[("ceph_daemon", name)], 0.0);
                    daemon.put_dead(self.mons, sink);
                    continue;
                }
                Err(_) => {
                    complain("does not answer at its admin socket");
                    sink.put(&ANSWERS, &[("ceph_daemon", name)], 0.0);
                    continue;
                }
            };
            if answers.fsid().is_some_and(|fsid| fsid != self.fsid) {
                complain(
                    "belongs to another cluster: give that one a [[ceph]] with asok_dir of its own",
                );
                continue;
            }
            sink.put(&ANSWERS, &[("ceph_daemon", name)], 1.0);
            self.mons = answers.mons().or(self.mons);
            if let Some(now) = answers.put(name, self.before.get(name).copied(), sink) {
                before.insert(name.to_owned(), now);
            }
        }
        self.before = before;
        complaints.outcome()
    }
}

/// What nobody said.
pub(super) fn unknown_cluster() -> ProbeError {
    let what =
        "which cluster it is cannot be told: write fsid in [[ceph]], as 'ceph fsid' prints it";
    ProbeError::Query { what: what.to_owned() }
}

/// The daemons whose sockets are in a folder, in order of name.
pub(super) fn daemons(dir: &Path, complaints: &mut Complaints) -> Result<Vec<Daemon>, Outcome> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Outcome::Absent(format!("no {}", dir.display())));
        }
        Err(source) => {
            return Err(Outcome::Failed(ProbeError::Read { path: dir.to_owned(), source }));
        }
    };
    let paths = entries.take(MAX_ENTRIES).filter_map(Result::ok).map(|entry| entry.path());
    let mut daemons: Vec<Daemon> = paths.filter_map(|path| Daemon::of(&path)).collect();
    daemons.sort_by(|a, b| a.name.cmp(&b.name));
    daemons.dedup_by(|a, b| a.name == b.name);
    if daemons.len() > MAX_DAEMONS {
        complaints.add(|| format!("more than {MAX_DAEMONS} daemons, the others are not asked"));
        daemons.truncate(MAX_DAEMONS);
    }
    Ok(daemons)
}

impl AsyncProbe for CephDaemonsProbe {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: "ceph_daemons",
            job: "ceph",
            lane: Lane::Slow,
            default_interval: self.settings.socket_interval.get(),
            default_timeout: TIMEOUT,
        }
    }

    fn instance(&self) -> &str {
        if self.fsid.is_empty() { &self.settings.name } else { &self.fsid }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    // Cancel-safe: a cut round keeps the counters of the one before, from which the next one's means are taken.
    fn read<'a>(
        &'a mut self,
        sink: &'a mut Sink,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(self.round(sink))
    }

    fn timed_out(&mut self, _sink: &mut Sink) -> Outcome {
        let millis = u64::try_from(TIMEOUT.as_millis()).unwrap_or(u64::MAX);
        Outcome::Failed(ProbeError::TimedOut { millis })
    }
}

impl fmt::Debug for CephDaemonsProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CephDaemonsProbe").field("fsid", &self.fsid).finish_non_exhaustive()
    }
}

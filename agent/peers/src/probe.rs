//! One peer over all paths to it.

use crate::reach::Reach;
use crate::settings::{Method, Peer};
use crate::{connect, echo};
use agent_probe::{AsyncProbe, Lane, Outcome, ProbeError, ProbeSpec, Sink};
use shared_model::{Clock, Kind, Metric, Unit};
use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

static REACHABLE: Metric = Metric {
    name: "wardround_peer_reachable",
    kind: Kind::Gauge,
    unit: Unit::None,
    help: "1 when the peer answered over this path, 0 when nothing came back; nothing while the probe cannot leave this node.",
    source: "ICMP echo, or a TCP connection of which a refusal counts as an answer",
};
static ROUND_TRIP: Metric = Metric {
    name: "wardround_peer_round_trip_seconds",
    kind: Kind::Gauge,
    unit: Unit::Seconds,
    help: "Time from the question to the peer's answer.",
    source: "ICMP echo, or a TCP connection",
};
static METRICS: [&Metric; 2] = [&REACHABLE, &ROUND_TRIP];

/// Time between rounds.
const INTERVAL: Duration = Duration::from_secs(2);
/// For all tries over one path; the paths are tried at the same time.
const PATIENCE: Duration = Duration::from_millis(900);
/// Longer than the tries, which end by themselves.
const TIMEOUT: Duration = Duration::from_millis(1_500);

/// A peer that is watched.
pub struct PeerProbe {
    name: String,
    method: Method,
    paths: Vec<(&'static str, IpAddr)>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for PeerProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerProbe").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PeerProbe {
    /// A peer as the configuration has it, checked.
    pub fn new(settings: &Peer, clock: Arc<dyn Clock>) -> Self {
        Self {
            name: settings.name.clone(),
            method: settings.method().unwrap_or(Method::Icmp),
            paths: settings.paths(),
            clock,
        }
    }

    async fn round(&self, sink: &mut Sink) -> Outcome {
        let reach = async |at: usize| match self.paths.get(at) {
            Some((_, address)) => Some(self.reach(*address).await),
            None => None,
        };
        let found = tokio::join!(reach(0), reach(1));
        let mut complaints = Vec::new();
        let found = self.paths.iter().zip([found.0, found.1]);
        for ((path, _), reach) in found {
            let labels = [("peer", self.name.as_str()), ("path", path)];
            match reach {
                Some(Reach::Reached(time)) => {
                    sink.put(&REACHABLE, &labels, 1.0);
                    sink.put(&ROUND_TRIP, &labels, time.as_secs_f64());
                }
                Some(Reach::NotReached) => sink.put(&REACHABLE, &labels, 0.0),
                Some(Reach::NotTried(what)) => complaints.push(ProbeError::Query { what }),
                None => {}
            }
        }
        if complaints.len() == self.paths.len()
            && let Some(error) = complaints.pop()
        {
            return Outcome::Failed(error);
        }
        Outcome::with_complaints(complaints)
    }

    async fn reach(&self, address: IpAddr) -> Reach {
        match self.method {
            Method::Icmp => echo::reach(address, PATIENCE, self.clock.as_ref()).await,
            Method::Tcp(port) => connect::reach(address, port, PATIENCE, self.clock.as_ref()).await,
        }
    }
}

impl AsyncProbe for PeerProbe {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: "peer",
            job: "wardround",
            lane: Lane::Slow,
            default_interval: INTERVAL,
            default_timeout: TIMEOUT,
        }
    }

    /// What is read is about the peer, whoever reads it.
    fn instance(&self) -> &str {
        &self.name
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read<'a>(
        &'a mut self,
        sink: &'a mut Sink,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(self.round(sink))
    }

    fn timed_out(&mut self, _: &mut Sink) -> Outcome {
        let millis = u64::try_from(TIMEOUT.as_millis()).unwrap_or(u64::MAX);
        Outcome::Failed(ProbeError::TimedOut { millis })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared_runtime::SystemClock;

    async fn read(text: &str) -> (Vec<String>, Outcome) {
        let settings: Peer = toml::from_str(text).expect("TOML");
        let mut probe = PeerProbe::new(&settings, Arc::new(SystemClock));
        let mut sink = Sink::default();
        sink.begin();
        let outcome = probe.read(&mut sink).await;
        let line = |sample: &agent_probe::Sample| {
            let value = sample.value().filter(|_| sample.metric().name == REACHABLE.name)?;
            let labels: Vec<&str> = sample.labels().iter().map(|(_, v)| &**v).collect();
            Some(format!("{} {value}", labels.join(" ")))
        };
        (sink.samples().iter().filter_map(line).collect(), outcome)
    }

    /// Scenario: a peer that refuses on one path and whose other path leads nowhere; one that cannot be tried at all. Guarantees:
    /// reached, complained of without a value, and failed; a path that is not configured is not there.
    #[tokio::test]
    async fn paths_are_told_apart() {
        let (lines, outcome) = read(
            "name = \"db2\"\nmanagement = \"127.0.0.2\"\nib = \"255.255.255.255\"\nmethod = \"tcp:1\"",
        )
        .await;
        assert_eq!(lines, ["db2 management 1"]);
        assert!(matches!(outcome, Outcome::Partial(_)), "{outcome:?}");
        let (lines, outcome) =
            read("name = \"db2\"\nmanagement = \"255.255.255.255\"\nmethod = \"tcp:1\"").await;
        assert_eq!(lines, Vec::<String>::new());
        assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    }

    /// Scenario: an echo to this machine itself by both versions of IP, and to an address that nobody has, where this process
    /// may ask. Guarantees: reached, and not reached within the round's time; without the right, a complaint and no value.
    #[tokio::test]
    async fn an_echo_answers() {
        let may_echo = crate::may_echo().is_ok();
        assert!(may_echo || std::env::var_os(IN_NAMESPACE).is_none(), "it may not ask in there");
        for (address, value) in [("127.0.0.3", 1), ("::1", 1), ("192.0.2.1", 0)] {
            let (lines, outcome) =
                read(&format!("name = \"db2\"\nmanagement = \"{address}\"")).await;
            if may_echo {
                assert!(matches!(outcome, Outcome::Sampled), "{address}: {outcome:?}");
                assert_eq!(lines, [format!("db2 management {value}")]);
            } else {
                assert!(matches!(outcome, Outcome::Failed(_)), "{address}: {outcome:?}");
                assert_eq!(lines, Vec::<String>::new());
            }
        }
    }

    /// Set in the namespace in which this process may ask.
    const IN_NAMESPACE: &str = "WARDROUND_MAY_ECHO";

    /// Scenario: [`an_echo_answers`] in a network of its own in which everybody may send an echo, with a neighbour that does not
    /// answer. Guarantees: the same, with the right.
    #[test]
    fn an_echo_answers_where_it_may() {
        let setup = "ip link set lo up && ip link add wr0 type veth peer name wr1 && ip link set wr0 up && ip link set wr1 up \
                     && ip address add 192.0.2.2/24 dev wr0 && echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range \
                     && exec \"$0\" --exact probe::tests::an_echo_answers";
        let this = std::env::current_exe().expect("this program");
        let mut command = std::process::Command::new("unshare");
        command.args(["--net", "sh", "-c", setup]).arg(this).env(IN_NAMESPACE, "1");
        let output = command.output().expect("unshare");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{output:?}");
    }
}

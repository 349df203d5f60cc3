//! What a node's peers say about it: they probe each other over every path that they share.

use crate::catalogue::PEER_REACHABLE;
use crate::machine::{Machine, Run};
use crate::raise::words;
use crate::silence::begun;
use crate::standing::Standing;
use collector_domain::Condition;
use shared_model::Labels;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a probe of a peer counts: two rounds of 2 s and its patience. Less than a node is silent before it is judged, so that
/// the last words of a peer that fell with it count for nothing. Not scaled.
const PROBE_FRESH: Duration = Duration::from_secs(5);

/// The fresh words of the peers that watch a silent node.
#[derive(Debug, Default)]
pub(crate) struct PeerVotes {
    /// One that reaches it.
    pub(crate) reaching: Option<String>,
    /// Those that do not, and have tried for long enough.
    pub(crate) failing: Vec<String>,
    /// Whether some peer has not tried for long enough.
    pub(crate) is_undecided: bool,
}

/// The probes of each node, by its name.
pub(crate) type ProbesByPeer<'a> = BTreeMap<&'a str, Vec<&'a Standing>>;

impl Machine {
    pub(crate) fn probes_by_peer(&self) -> ProbesByPeer<'_> {
        let mut probes = ProbesByPeer::new();
        for standing in self.state.standings.of_rule(PEER_REACHABLE) {
            if let Some(peer) = standing.subject.get("peer") {
                probes.entry(peer).or_default().push(standing);
            }
        }
        probes
    }

    /// Only probes count that are newer than the node's last words, of peers that are heard themselves.
    pub(crate) fn peers_of(
        &self,
        run: &Run<'_>,
        silence: &Standing,
        probes: &ProbesByPeer<'_>,
    ) -> PeerVotes {
        let mut votes = PeerVotes::default();
        let of_name = silence.subject.get("host").and_then(|host| probes.get(host));
        let of_node = |s: &&&Standing| is_about(&s.subject, &silence.subject);
        for standing in of_name.into_iter().flatten().filter(of_node) {
            let judgement = run.checks.judgement(&standing.rule, &standing.subject);
            let Some(judgement) = judgement.filter(|j| {
                j.judged_at > begun(silence) && run.now.since(j.judged_at) <= PROBE_FRESH
            }) else {
                continue;
            };
            if self.silent(standing.witness()) {
                continue;
            }
            match (judgement.condition, judgement.within_limit) {
                (Condition::Clear, true) => {
                    votes.reaching = Some(format!("a peer reaches it: {}", words(standing)));
                }
                (Condition::Breached, false) => {
                    votes.failing.push(format!("a peer does not reach it: {}", words(standing)));
                }
                _ => votes.is_undecided = true,
            }
        }
        votes
    }
}

/// Whether a probe is about this node, of the same appliance, and made by another.
fn is_about(probe: &Labels, node: &Labels) -> bool {
    let host = node.get("host");
    host.is_some()
        && probe.get("peer") == host
        && probe.get("host") != host
        && ["hospital", "appliance"].iter().all(|label| probe.get(label) == node.get(label))
}

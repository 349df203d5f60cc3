//! Two machines that claim one identity: a clone of an installation, or a node that joined twice.
//!
//! Whoever holds the session keeps it while it is alive; the other one is refused, and comes back as agents do. One
//! refusal proves nothing, since an agent that was restarted may come before its old connection is known to be gone. It
//! is a rivalry when both were alive some seconds later. From then on only the one who held the session may come, until
//! it was silent for a minute, so that the data of two machines is not mixed.

use shared_model::{NodeIdentity, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// Three heartbeats: who was not heard for this long may be gone, and whoever comes takes the place.
pub(super) const ALIVE_WITHIN: Duration = Duration::from_secs(3);
/// Refusals of a rival that lie so far apart, with the other one alive at both, prove that there are two.
const PROOF: Duration = Duration::from_secs(2);
/// After a rivalry was proven its keeper has this long to come back before somebody else is let in.
const KEPT: Duration = Duration::from_secs(60);
/// A rival tries at least once a minute. Without a try for three times that it is gone.
const FORGOTTEN: Duration = Duration::from_secs(180);

/// What tells two copies of an agent apart: its spool and the start of its program.
pub(super) type CopyId = ([u8; 16], [u8; 16]);

/// The rivalries of this run of the collector; at most one for each node of the registry.
#[derive(Default)]
pub(super) struct Rivals(BTreeMap<NodeIdentity, Rivalry>);

struct Rivalry {
    keeper: CopyId,
    since: Timestamp,
    last: Timestamp,
    proven: bool,
}

impl Rivals {
    /// A copy was refused because `keeper` is alive. Answers whether this proves a rivalry that was not known.
    pub(super) fn refused(&mut self, node: &NodeIdentity, keeper: CopyId, now: Timestamp) -> bool {
        let rivalry = self.0.entry(node.clone()).or_insert(Rivalry {
            keeper,
            since: now,
            last: now,
            proven: false,
        });
        if rivalry.keeper != keeper || now.since(rivalry.last) > FORGOTTEN {
            *rivalry = Rivalry { keeper, since: now, last: now, proven: rivalry.proven };
        }
        rivalry.last = now;
        let known = rivalry.proven;
        rivalry.proven |= now.since(rivalry.since) >= PROOF;
        rivalry.proven && !known
    }

    /// Whether `copy` must wait because another one keeps the identity, which was heard at `heard`.
    pub(super) fn must_wait(
        &self,
        node: &NodeIdentity,
        copy: CopyId,
        heard: Option<Timestamp>,
        now: Timestamp,
    ) -> bool {
        let rivalry = self.0.get(node).filter(|r| r.proven && r.keeper != copy);
        rivalry.is_some() && heard.is_some_and(|at| now.since(at) < KEPT)
    }

    /// Who keeps a node's identity, once a rivalry is proven.
    pub(super) fn keeper(&self, node: &NodeIdentity) -> Option<CopyId> {
        self.0.get(node).filter(|r| r.proven).map(|r| r.keeper)
    }

    /// Forgets the rivals that have not come for a while; yields the nodes that have none any more.
    pub(super) fn forget(&mut self, now: Timestamp) -> Vec<NodeIdentity> {
        let gone = |r: &Rivalry| now.since(r.last) > FORGOTTEN;
        let over: Vec<_> = self.0.iter().filter(|(_, r)| gone(r)).collect();
        let over = over.into_iter().map(|(node, r)| (node.clone(), r.proven)).collect::<Vec<_>>();
        for (node, _) in &over {
            self.0.remove(node);
        }
        over.into_iter().filter_map(|(node, proven)| proven.then_some(node)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: CopyId = ([1; 16], [1; 16]);
    const CLONE: CopyId = ([1; 16], [2; 16]);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_000 + secs)
    }

    /// Scenario: an agent is restarted and refused once; a clone is refused again and again; its keeper restarts its
    /// connection, then falls silent; the clone gives up. Guarantees: one refusal is no rivalry; the clone's is proven once;
    /// the keeper's place is kept for a minute of silence and no longer; the end of it is told once.
    #[test]
    fn two_that_are_alive_are_rivals() {
        let node = NodeIdentity::new("p", "h", "a", "n").unwrap();
        let mut rivals = Rivals::default();
        assert!(!rivals.refused(&node, FIRST, at(0)));
        assert!(!rivals.must_wait(&node, CLONE, Some(at(0)), at(1)));
        assert_eq!(rivals.forget(at(181)), [], "it was never proven");

        for (secs, proves) in [(200, false), (201, false), (202, true), (204, false)] {
            assert_eq!(rivals.refused(&node, FIRST, at(secs)), proves, "{secs}");
        }
        for (silent, waits) in [(59, true), (60, false), (61, false)] {
            let (heard, now) = (Some(at(210)), at(210 + silent));
            assert_eq!(rivals.must_wait(&node, CLONE, heard, now), waits, "{silent}");
            assert!(!rivals.must_wait(&node, FIRST, heard, now), "the keeper never waits");
        }
        assert_eq!(rivals.forget(at(384)), []);
        assert_eq!(rivals.forget(at(385)), std::slice::from_ref(&node));
        assert_eq!(rivals.forget(at(386)), []);
    }
}

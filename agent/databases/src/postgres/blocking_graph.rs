//! The graph of sessions that wait for each other.

use std::collections::BTreeMap;

/// A session that waits for a lock, and who holds it or waits for it earlier.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Waiter {
    /// Its process.
    pub(super) pid: i32,
    /// The processes in its way; 0 stands for a prepared transaction. Empty when the lock was granted meanwhile.
    pub(super) blockers: Vec<i32>,
    /// How long it has waited; unknown before PostgreSQL 14 and in the first moment of a wait.
    pub(super) waited_seconds: Option<f64>,
}

/// What the graph amounts to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Blockage {
    /// How many sessions are blocked.
    pub(super) sessions: usize,
    /// The longest wait: 0 when none is blocked, `None` when some are but no wait is known.
    pub(super) longest_wait_seconds: Option<f64>,
    /// Sessions on the longest chain, its root included; 0 when none is blocked.
    pub(super) longest_chain: usize,
}

/// Sums the graph up. Time is linear in the number of edges; a cycle (a deadlock not yet broken) is entered once.
pub(super) fn judge(waiters: &[Waiter]) -> Blockage {
    let blocked = || waiters.iter().filter(|w| !w.blockers.is_empty());
    let edges: BTreeMap<i32, &[i32]> = blocked().map(|w| (w.pid, w.blockers.as_slice())).collect();
    let mut lengths = BTreeMap::new();
    let longest_chain = edges.keys().map(|&pid| length(pid, &edges, &mut lengths)).max();
    let longest_wait_seconds = match edges.is_empty() {
        true => Some(0.0),
        false => blocked().filter_map(|w| w.waited_seconds).reduce(f64::max),
    };
    Blockage {
        sessions: edges.len(),
        longest_wait_seconds,
        longest_chain: longest_chain.unwrap_or(0),
    }
}

/// Sessions on the longest chain from `pid` down to a root. `lengths` remembers what is known; 0 marks a session whose
/// chain is being followed, so that a cycle ends there. The depth is that of the waiters, of which there are 300 at most.
fn length(pid: i32, edges: &BTreeMap<i32, &[i32]>, lengths: &mut BTreeMap<i32, usize>) -> usize {
    if let Some(&known) = lengths.get(&pid) {
        return known;
    }
    lengths.insert(pid, 0);
    let blockers = edges.get(&pid).copied().unwrap_or_default();
    let below = blockers.iter().map(|&b| length(b, edges, lengths)).max().unwrap_or(0);
    lengths.insert(pid, below + 1);
    below + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiter(pid: i32, blockers: &[i32]) -> Waiter {
        Waiter { pid, blockers: blockers.to_vec(), waited_seconds: Some(f64::from(pid)) }
    }

    /// Scenario: no waiter, a granted lock, one wait, a chain, a tree, prepared transactions, cycles. Guarantees: sessions
    /// and the longest chain are counted with the root, a cycle ends.
    #[test]
    fn graphs_are_summed_up() {
        for (name, edges, sessions, chain) in [
            ("nobody", &[][..], 0, 0),
            ("granted meanwhile", &[(1, &[][..])], 0, 0),
            ("one wait", &[(2, &[1])], 1, 2),
            ("chain of four", &[(4, &[3]), (3, &[2]), (2, &[1])], 3, 4),
            ("tree", &[(2, &[1]), (3, &[1]), (4, &[3, 1])], 3, 3),
            ("two roots", &[(2, &[1, 7]), (8, &[7])], 2, 2),
            ("prepared transaction", &[(2, &[0]), (3, &[2])], 2, 3),
            ("itself", &[(2, &[2])], 1, 1),
            ("cycle", &[(1, &[2]), (2, &[1])], 2, 2),
            ("cycle with a tail", &[(1, &[2]), (2, &[1]), (3, &[2])], 3, 2),
        ] {
            let waiters: Vec<_> = edges.iter().map(|(pid, b)| waiter(*pid, b)).collect();
            let found = judge(&waiters);
            assert_eq!((found.sessions, found.longest_chain), (sessions, chain), "{name}");
        }
    }

    /// Scenario: a queue in which each of 25 and of 300 waiters waits for all before it. Guarantees: one chain through
    /// all of them, found at once although the number of paths is 2^n.
    #[test]
    fn queues_do_not_explode() {
        for length in [25, 300] {
            let waiters: Vec<_> =
                (1..=length).map(|n| waiter(n, &(0..n).collect::<Vec<_>>())).collect();
            let found = judge(&waiters);
            assert_eq!(found.longest_chain, waiters.len() + 1);
            assert_eq!(found.longest_wait_seconds, Some(f64::from(length)));
        }
    }

    /// Scenario: waits without a known start. Guarantees: unknown is not 0; nobody waiting is 0.
    #[test]
    fn unknown_waits_stay_unknown() {
        let unknown = Waiter { waited_seconds: None, ..waiter(2, &[1]) };
        assert_eq!(judge(&[unknown]).longest_wait_seconds, None);
        assert_eq!(judge(&[]).longest_wait_seconds, Some(0.0));
    }
}

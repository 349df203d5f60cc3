//! The graph of sessions that wait for each other.

use agent_probe::Sink;
use shared_model::{Metric, topic};
use std::collections::{BTreeMap, BTreeSet};

/// A session that waits for a lock, and who holds it or waits for it earlier.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Waiter {
    /// Its process or thread.
    pub(crate) pid: i64,
    /// The processes in its way; 0 stands for a prepared transaction. Empty when the lock was granted meanwhile.
    pub(crate) blockers: Vec<i64>,
    /// How long it has waited; in PostgreSQL unknown before version 14 and in the first moment of a wait.
    pub(crate) waited_seconds: Option<f64>,
}

/// What is known of a session by its process or thread, in words and without the text of its statement.
pub(crate) type Sessions = BTreeMap<i64, String>;

/// Waits as engines list them, a row for each pair of sessions.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    waiters: BTreeMap<i64, Waiter>,
    waiting: Sessions,
    blocking: Sessions,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Wait<'a> {
    pub(crate) pid: i64,
    pub(crate) blocker: i64,
    pub(crate) waited_seconds: Option<f64>,
    /// Who waits; the session may be gone by now.
    pub(crate) who: Option<&'a str>,
    /// What it waits for; the lock may be gone by now.
    pub(crate) lock: Option<&'a str>,
    /// Who is in its way.
    pub(crate) blocked_by: Option<&'a str>,
}

impl Waits {
    pub(crate) fn add(&mut self, wait: &Wait<'_>) {
        let lock = wait.lock.unwrap_or("waits");
        let words = wait.who.map_or_else(|| lock.to_owned(), |who| format!("{who}, {lock}"));
        self.waiting.insert(wait.pid, words);
        if let Some(who) = wait.blocked_by {
            self.blocking.insert(wait.blocker, who.to_owned());
        }
        let waited_seconds = wait.waited_seconds;
        let waiter = Waiter { pid: wait.pid, blockers: Vec::new(), waited_seconds };
        self.waiters.entry(wait.pid).or_insert(waiter).blockers.push(wait.blocker);
    }

    /// Puts what it amounts to, as sessions, longest wait and longest chain, and shows the trees.
    pub(crate) fn put(mut self, metrics: [&'static Metric; 3], sink: &mut Sink) {
        let [sessions, wait_max, chain_max] = metrics;
        let waiters: Vec<Waiter> = self.waiters.into_values().collect();
        let blockage = judge(&waiters);
        sink.put(sessions, &[], blockage.sessions as f64);
        if let Some(seconds) = blockage.longest_wait_seconds {
            sink.put(wait_max, &[], seconds);
        }
        sink.put(chain_max, &[], blockage.longest_chain as f64);
        // Who waits says so also when it blocks others.
        self.blocking.append(&mut self.waiting);
        sink.show(topic::BLOCKING, trees(&waiters, &self.blocking));
    }
}

/// Levels by which a line is indented at most.
const INDENT_MAX: usize = 12;

/// What the graph amounts to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Blockage {
    /// How many sessions are blocked.
    pub(crate) sessions: usize,
    /// The longest wait: 0 when none is blocked, `None` when some are but no wait is known.
    pub(crate) longest_wait_seconds: Option<f64>,
    /// Sessions on the longest chain, its root included; 0 when none is blocked.
    pub(crate) longest_chain: usize,
}

/// Sums the graph up. Time is linear in the number of edges; a cycle (a deadlock not yet broken) is entered once.
pub(crate) fn judge(waiters: &[Waiter]) -> Blockage {
    let blocked = || waiters.iter().filter(|w| !w.blockers.is_empty());
    let edges: BTreeMap<i64, &[i64]> = blocked().map(|w| (w.pid, w.blockers.as_slice())).collect();
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

/// The graph as trees, from who blocks to who waits, one session a line. One that waits for several stands below the one with the
/// longest chain; a cycle stands at the end.
pub(crate) fn trees(waiters: &[Waiter], sessions: &Sessions) -> Vec<String> {
    let blocked = || waiters.iter().filter(|w| !w.blockers.is_empty());
    let edges: BTreeMap<i64, &[i64]> = blocked().map(|w| (w.pid, w.blockers.as_slice())).collect();
    let mut lengths = BTreeMap::new();
    let mut below: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for (&pid, blockers) in &edges {
        length(pid, &edges, &mut lengths);
        let longest = blockers.iter().max_by_key(|b| (lengths.get(b).copied().unwrap_or(0), -**b));
        if let Some(&above) = longest {
            below.entry(above).or_default().push(pid);
        }
    }
    let mut lines = Vec::new();
    let mut left: BTreeSet<i64> = edges.keys().copied().collect();
    let roots: Vec<i64> = below.keys().copied().filter(|pid| !edges.contains_key(pid)).collect();
    for root in roots {
        let mut open = vec![(root, 0)];
        while let Some((pid, depth)) = open.pop() {
            left.remove(&pid);
            lines.push(line(pid, depth, sessions));
            let waiting = below.get(&pid).into_iter().flatten().rev();
            open.extend(waiting.filter(|pid| left.contains(pid)).map(|&pid| (pid, depth + 1)));
        }
    }
    lines.extend(left.into_iter().map(|pid| line(pid, 0, sessions) + ", in a cycle"));
    lines
}

fn line(pid: i64, depth: usize, sessions: &Sessions) -> String {
    let indent = "  ".repeat(depth.min(INDENT_MAX));
    match (pid, sessions.get(&pid)) {
        (0, _) => format!("{indent}a prepared transaction"),
        (pid, Some(words)) => format!("{indent}{pid} {words}"),
        (pid, None) => format!("{indent}{pid}"),
    }
}

/// Sessions on the longest chain from `pid` down to a root. `lengths` remembers what is known; 0 marks a session whose
/// chain is being followed, so that a cycle ends there. The depth is that of the waiters, of which there are 301 at most.
fn length(pid: i64, edges: &BTreeMap<i64, &[i64]>, lengths: &mut BTreeMap<i64, usize>) -> usize {
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

    fn waiter(pid: i64, blockers: &[i64]) -> Waiter {
        Waiter { pid, blockers: blockers.to_vec(), waited_seconds: Some(pid as f64) }
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

    /// Scenario: a chain beside a tree, a queue in which each waits for all before it, a prepared transaction, a cycle with a tail.
    /// Guarantees: each session stands once, below the one that it waits for longest; a cycle ends.
    #[test]
    fn trees_are_drawn() {
        let sessions: Sessions = [(1, "root".to_owned())].into();
        for (edges, lines) in [
            (&[][..], &[][..]),
            (
                &[(2, &[1][..]), (3, &[2]), (4, &[1]), (9, &[8])],
                &["1 root", "  2", "    3", "  4", "8", "  9"],
            ),
            (&[(2, &[1]), (3, &[1, 2]), (4, &[1, 2, 3])], &["1 root", "  2", "    3", "      4"]),
            (&[(2, &[0])], &["a prepared transaction", "  2"]),
            (
                &[(2, &[3]), (3, &[2]), (4, &[2])],
                &["2, in a cycle", "3, in a cycle", "4, in a cycle"],
            ),
        ] {
            let waiters: Vec<_> = edges.iter().map(|(pid, b)| waiter(*pid, b)).collect();
            assert_eq!(trees(&waiters, &sessions), lines, "{edges:?}");
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
            assert_eq!(found.longest_wait_seconds, Some(length as f64));
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

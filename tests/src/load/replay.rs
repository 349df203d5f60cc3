//! The values that every simulated node replays, each node from another start.

use super::{capture, rule_inputs, synthetic};
use anyhow::{Context, Result, ensure};
use shared_model::Kind;
use std::path::Path;

/// Rounds by which neighbouring nodes are apart in the recording; a prime, so that starts do not line up.
const START_STEP: usize = 37;
/// Rounds beyond those that are replayed, in which made values start.
const SPARE_ROUNDS: usize = 1_000;

/// Metrics that the pack's rules read, first, and then what else a node has.
const ORDER: &[&str] = &[
    "node_cpu_seconds_total",
    "node_memory_",
    "node_disk_",
    "node_filesystem_",
    "node_load",
    "node_pressure_",
    "node_network_",
    "node_",
];

/// About the exporter itself, not the node.
const LEFT_OUT: &[&str] = &["node_scrape_", "node_exporter_", "node_textfile_"];

/// One series and its value in each round.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    /// Metric name.
    pub name: String,
    /// Labels in order of name.
    pub labels: Vec<(String, String)>,
    /// How it behaves.
    pub kind: Kind,
    /// Value of each round; a series of one value never changes.
    pub values: Vec<f64>,
}

/// What each node sends.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The series of one node.
    pub lines: Vec<Line>,
    /// Where the values come from, for the report.
    pub source: String,
    /// Rounds until values would repeat.
    length: usize,
    /// Starts of nodes lie below this.
    starts: usize,
}

impl Replay {
    /// `series` series for `rounds` rounds: from the recording when there is one, else made.
    pub fn new(recording: Option<&Path>, series: usize, rounds: usize) -> Result<Self> {
        let inputs = rule_inputs::lines();
        ensure!(series > inputs.len(), "at least {} series are needed", inputs.len() + 1);
        let (mut lines, source) = match recording {
            Some(path) => {
                (pick(capture::load(path, "node")?), "recorded from node_exporter at 1 s")
            }
            None => (synthetic::lines(rounds + SPARE_ROUNDS), "made: no recording was given"),
        };
        lines.truncate(series - inputs.len());
        let found = lines.len() + inputs.len();
        ensure!(found == series, "only {found} of {series} series can be replayed");
        lines.extend(inputs);
        let changing = lines.iter().map(|l| l.values.len()).filter(|&n| n > 1);
        let length = changing.min().context("every series is constant")?;
        ensure!(
            length > rounds,
            "{rounds} rounds are asked of a recording of {length}: values would repeat"
        );
        Ok(Self { lines, source: source.to_owned(), length, starts: length - rounds })
    }

    /// What series `line` of node `node` reads in `round`.
    pub fn value(&self, line: usize, node: usize, round: usize) -> f64 {
        let values = &self.lines[line].values;
        match values.as_slice() {
            [constant] => *constant,
            changing => changing[(node * START_STEP % self.starts + round).min(self.length - 1)],
        }
    }

    /// Share of the series that never change.
    pub fn constant_ratio(&self) -> f64 {
        let constant =
            |line: &&Line| line.values.iter().all(|v| v.to_bits() == line.values[0].to_bits());
        self.lines.iter().filter(constant).count() as f64 / self.lines.len() as f64
    }
}

fn pick(recorded: Vec<Line>) -> Vec<Line> {
    let rank = |line: &Line| ORDER.iter().position(|prefix| line.name.starts_with(prefix));
    let left_out = |line: &Line| LEFT_OUT.iter().any(|prefix| line.name.starts_with(prefix));
    let mut known: Vec<(usize, Line)> = recorded
        .into_iter()
        .filter(|l| !left_out(l))
        .filter_map(|l| Some((rank(&l)?, l)))
        .collect();
    known.sort_by_key(|(rank, _)| *rank);
    known.into_iter().map(|(_, line)| line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: replays without a recording. Guarantees: exactly as many series as asked, no two alike, values that move,
    /// counters that never fall, nodes that differ, constants at about the share of a real node.
    #[test]
    fn made_values_look_like_a_node() {
        let replay = Replay::new(None, 300, 200).unwrap();
        assert_eq!(replay.lines.len(), 300);
        let mut keys: Vec<_> = replay.lines.iter().map(|l| (&l.name, &l.labels)).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 300);
        assert!((0.4..0.8).contains(&replay.constant_ratio()), "{}", replay.constant_ratio());
        for (at, line) in replay.lines.iter().enumerate() {
            assert!(line.labels.is_sorted(), "{line:?}");
            let read: Vec<f64> = (0..200).map(|round| replay.value(at, 3, round)).collect();
            assert!(line.kind != Kind::Counter || read.is_sorted(), "{}", line.name);
        }
        let differs =
            |at: &usize| replay.value(*at, 0, 9).to_bits() != replay.value(*at, 1, 9).to_bits();
        assert!((0..300).filter(differs).count() > 50);
    }

    /// Scenario: too few series for the rules' inputs, and more than there are. Guarantees: an error, no truncation.
    #[test]
    fn impossible_sizes_are_refused() {
        assert!(Replay::new(None, 5, 10).is_err());
        assert!(Replay::new(None, 100_000, 10).is_err());
    }
}

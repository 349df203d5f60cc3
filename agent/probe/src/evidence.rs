//! What a probe says in words beside its numbers.

use shared_model::evidence_lines;
use std::collections::BTreeMap;

/// What was said last of one topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// One of [`shared_model::topic`].
    pub topic: &'static str,
    /// Within the limits of [`evidence_lines`]; empty when there is nothing to say any more.
    pub lines: Vec<Box<str>>,
    /// Another number whenever the lines are others.
    pub version: u64,
}

/// What one probe has said, by topic. It stands until the probe says something else: a round that could not read says nothing new.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    shown: Vec<Shown>,
    snapshots: BTreeMap<&'static str, String>,
}

impl Evidence {
    pub(crate) fn shown(&self) -> &[Shown] {
        &self.shown
    }

    pub(crate) fn show(&mut self, topic: &'static str, lines: impl IntoIterator<Item = String>) {
        let lines = evidence_lines(lines);
        match self.shown.iter_mut().find(|shown| shown.topic == topic) {
            Some(shown) if shown.lines == lines => {}
            Some(shown) => {
                shown.lines = lines;
                shown.version += 1;
            }
            None => self.shown.push(Shown { topic, lines, version: 1 }),
        }
    }

    /// Compares a text of lines `name=value` with the one before and shows the differences. The first one has nothing to be compared
    /// with. A value that begins with `#` is a digest of one that must not be shown.
    pub(crate) fn show_changes(&mut self, topic: &'static str, now: &str) {
        let before = match self.snapshots.get_mut(topic) {
            Some(before) if before == now => return,
            Some(before) => std::mem::replace(before, now.to_owned()),
            None => {
                self.snapshots.insert(topic, now.to_owned());
                return;
            }
        };
        let (mut gone, mut lines) = (pairs(&before), Vec::new());
        for (name, value) in pairs(now) {
            match gone.remove(name) {
                Some(old) if old == value => {}
                Some(old) => lines.push(format!("{name}: {} -> {}", open(old), open(value))),
                None => lines.push(format!("{name}: -> {}", open(value))),
            }
        }
        lines.extend(gone.into_iter().map(|(name, old)| format!("{name}: {} ->", open(old))));
        self.show(topic, lines);
    }
}

fn pairs(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.split_once('=')).collect()
}

/// A value as it may be shown: a digest never leaves the node.
fn open(value: &str) -> &str {
    if value.starts_with('#') { "(text)" } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(evidence: &Evidence) -> (Vec<&str>, u64) {
        let shown = &evidence.shown()[0];
        (shown.lines.iter().map(|line| &**line).collect(), shown.version)
    }

    /// Scenario: nothing to say at first, then something, the same again, and nothing any more. Guarantees: each change has its version,
    /// "nothing" too, since an earlier run may have said something else.
    #[test]
    fn what_is_said_again_is_no_news() {
        let mut evidence = Evidence::default();
        for (said, version) in [(None, 1), (Some("a"), 2), (Some("a"), 2), (None, 3)] {
            evidence.show("t", said.map(str::to_owned));
            assert_eq!(lines(&evidence), (said.into_iter().collect(), version));
        }
    }

    /// Scenario: parameters that stay, change, come, go, and stay again. Guarantees: the differences are shown with both values and
    /// stand until the next ones; the first snapshot shows nothing.
    #[test]
    fn changes_are_shown() {
        let mut evidence = Evidence::default();
        evidence.show_changes("t", "a=1\nb=2");
        assert!(evidence.shown().is_empty());
        for (now, said, version) in [
            ("a=9\nb=2", &["a: 1 -> 9"][..], 1),
            ("a=9\nb=2", &["a: 1 -> 9"], 1),
            ("a=9\nc=#3", &["c: -> (text)", "b: 2 ->"], 2),
            ("a=9\nc=#4", &["c: (text) -> (text)"], 3),
            ("a=x=y\nc=#4", &["a: 9 -> x=y"], 4),
        ] {
            evidence.show_changes("t", now);
            assert_eq!(lines(&evidence), (said.to_vec(), version));
        }
    }
}

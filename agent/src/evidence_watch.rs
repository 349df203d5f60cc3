//! Which evidence the collector has not been told yet. Pure.

use crate::batcher::Slot;
use agent_probe::{Shown, Sink};
use shared_model::BootTime;
use std::collections::BTreeMap;
use std::time::Duration;

/// Evidence of a topic is told no more often than this: sessions that block each other may change with each round.
const PACE: Duration = Duration::from_secs(5);

/// What was told, by sink and topic.
#[derive(Debug, Default)]
pub(crate) struct EvidenceWatch {
    told: BTreeMap<(Slot, &'static str), Told>,
}

#[derive(Debug)]
struct Told {
    version: u64,
    at: BootTime,
}

impl EvidenceWatch {
    /// What is to be told at `now`; each is settled with [`Self::told`] once it was.
    pub(crate) fn news<'a>(
        &self,
        slot: Slot,
        sink: &'a Sink,
        now: BootTime,
    ) -> impl Iterator<Item = &'a Shown> {
        sink.shown().iter().filter(move |shown| match self.told.get(&(slot, shown.topic)) {
            Some(told) => told.version != shown.version && now.since(told.at) >= PACE,
            None => true,
        })
    }

    /// This was told.
    pub(crate) fn told(&mut self, slot: Slot, shown: &Shown, at: BootTime) {
        self.told.insert((slot, shown.topic), Told { version: shown.version, at });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batcher::Batcher;

    /// Scenario: evidence that changes each second for ten seconds, then stays. Guarantees: told at once, then each five seconds, and the
    /// last state is told too; another sink's of the same topic is told by itself.
    #[test]
    fn changes_are_told_at_a_pace() {
        let mut batcher = Batcher::default();
        let slots = [batcher.slot("postgres", "a"), batcher.slot("postgres", "b")];
        let (mut watch, mut sink, mut told) = (EvidenceWatch::default(), Sink::default(), vec![]);
        for second in 0..20_u64 {
            let now = BootTime::from_micros(second * 1_000_000);
            sink.show("t", [second.min(11).to_string()]);
            for shown in watch.news(slots[0], &sink, now).cloned().collect::<Vec<_>>() {
                watch.told(slots[0], &shown, now);
                told.push((second, shown.lines[0].to_string()));
            }
        }
        let expected = [(0, "0"), (5, "5"), (10, "10"), (15, "11")];
        assert_eq!(told, expected.map(|(second, line)| (second, line.to_owned())));
        assert_eq!(watch.news(slots[1], &sink, BootTime::from_micros(0)).count(), 1);
    }
}

//! The fast lane: one thread reads every due probe in turn and makes one batch of all that they yielded.

use super::{OWN_JOB, Ward};
use crate::batcher::Slot;
use crate::own_metrics::OwnMetrics;
use crate::pace::Pace;
use crate::plan::Planned;
use crate::report::{Reports, Timing};
use crate::reporter::Reporter;
use agent_probe::{Outcome, Probe, ProbeError, Sink};
use shared_model::BootTime;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// How often the agent reports about every probe and itself.
const OWN_INTERVAL: Duration = Duration::from_secs(1);

/// All probes that return within milliseconds, and what the agent says about every probe and itself.
pub(crate) struct FastLane {
    ward: Ward,
    probes: Vec<Reading>,
    reports: Reports,
    own: OwnMetrics,
    own_pace: Pace,
    runner: Sink,
    runner_slot: Slot,
}

struct Reading {
    probe: Box<dyn Probe>,
    timeout: Duration,
    pace: Pace,
    sink: Sink,
    slot: Slot,
    reporter: Reporter,
    /// Whether the sink holds readings of the present round.
    fresh: bool,
}

impl FastLane {
    /// A lane whose first round is at the next tick. `reports` holds those of the other lanes.
    pub(crate) fn new(
        ward: Ward,
        mut reports: Reports,
        probes: Vec<Planned<Box<dyn Probe>>>,
        own: OwnMetrics,
    ) -> Self {
        let (wall, boot) = (ward.clock.wall(), ward.clock.boot());
        let probes = probes.into_iter().map(|planned| Reading {
            pace: Pace::new(planned.interval, wall, boot),
            sink: Sink::default(),
            slot: ward.forwarder.slot(planned.probe.spec().job, planned.probe.instance()),
            reporter: reports.reporter(planned.labels, planned.interval, planned.timeout),
            timeout: planned.timeout,
            probe: planned.probe,
            fresh: false,
        });
        let probes = probes.collect();
        let lane = Self {
            probes,
            reports,
            own,
            own_pace: Pace::new(OWN_INTERVAL, wall, boot),
            runner: Sink::default(),
            runner_slot: ward.forwarder.slot(OWN_JOB, ""),
            ward,
        };
        lane.ward.forwarder.begin(lane.due());
        lane
    }

    /// Reads round after round until `stop` says so or is dropped.
    pub(crate) fn run(mut self, stop: &Receiver<()>) {
        loop {
            match stop.recv_timeout(self.ward.left(self.due())) {
                Err(RecvTimeoutError::Timeout) => self.round(),
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// The next tick.
    fn due(&self) -> BootTime {
        let own = self.own_pace.due();
        self.probes.iter().map(|reading| reading.pace.due()).fold(own, BootTime::min)
    }

    /// Reads what is due now, and hands it over as one batch together with what the other lanes read at the same tick.
    pub(crate) fn round(&mut self) {
        let clock = self.ward.clock.as_ref();
        let tick = self.due();
        let (time, begun) = (clock.wall(), clock.boot());
        for reading in &mut self.probes {
            reading.fresh = false;
            if reading.pace.due() <= begun {
                reading.round(&self.ward);
            }
        }
        let tells = self.own_pace.due() <= begun;
        if tells {
            self.own_pace.next(time, begun);
            self.runner.begin();
            self.reports.put(&mut self.runner, begun);
            self.own.put(&mut self.runner, self.ward.forwarder.losses());
        }
        let read = self.probes.iter().filter(|r| r.fresh).map(|r| (r.slot, &r.sink));
        let told = tells.then_some((self.runner_slot, &self.runner));
        let contents: Vec<_> = read.chain(told).collect();
        let ticks = (tick, self.due());
        self.ward.forwarder.end_round(ticks, self.ward.clock.boot(), time, &contents);
    }
}

impl Reading {
    fn round(&mut self, ward: &Ward) {
        let begun = ward.clock.boot();
        let lag = self.pace.lag(begun);
        self.sink.begin();
        let outcome = self.probe.read(&mut self.sink);
        let ended = ward.clock.boot();
        let timing = Timing { lag, duration: ended.since(begun) };
        self.fresh = self.reporter.note(&outcome, timing, ended);
        // What it read is good all the same; that it took too long is told.
        if timing.duration > self.timeout && !matches!(outcome, Outcome::Failed(_)) {
            let millis = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
            let late = Outcome::Failed(ProbeError::TimedOut { millis });
            self.reporter.note(&late, timing, ended);
        }
        self.reporter.missed(self.pace.next(ward.clock.wall(), ended));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forwarder::tests::taker;
    use agent_probe::{Lane, ProbeSpec};
    use shared_model::{Clock, Kind, Metric, SimClock, Timestamp, Unit};
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    static READ: Metric =
        Metric { name: "read", kind: Kind::Counter, unit: Unit::None, help: "h", source: "s" };

    /// Counts its rounds, takes `cost` for each, and fails from the round `fails_from` on.
    struct Counting {
        name: &'static str,
        rounds: u32,
        clock: Arc<SimClock>,
        cost: Duration,
        fails_from: u32,
    }

    impl Probe for Counting {
        fn spec(&self) -> ProbeSpec {
            ProbeSpec {
                name: self.name,
                job: "node",
                lane: Lane::Fast,
                default_interval: Duration::from_secs(1),
                default_timeout: Duration::from_millis(500),
            }
        }

        fn metrics(&self) -> &'static [&'static Metric] {
            &[]
        }

        fn read(&mut self, sink: &mut Sink) -> Outcome {
            self.rounds += 1;
            self.clock.advance(self.cost);
            sink.put(&READ, &[("by", self.name)], f64::from(self.rounds));
            if self.rounds >= self.fails_from {
                return Outcome::Failed(ProbeError::TimedOut { millis: 1 });
            }
            Outcome::Sampled
        }
    }

    fn planned(
        clock: &Arc<SimClock>,
        name: &'static str,
        interval_secs: u64,
        cost_ms: u64,
        fails_from: u32,
    ) -> Planned<Box<dyn Probe>> {
        let (clock, cost) = (Arc::clone(clock), Duration::from_millis(cost_ms));
        Planned {
            probe: Box::new(Counting { name, rounds: 0, clock, cost, fails_from }),
            interval: Duration::from_secs(interval_secs),
            timeout: Duration::from_millis(500),
            labels: vec![("probe", name.into())],
        }
    }

    /// The values of each batch that begin with `prefix`, after rounds at these milliseconds.
    fn rounds(
        probes: impl Fn(&Arc<SimClock>) -> Vec<Planned<Box<dyn Probe>>>,
        at_ms: &[i64],
        prefix: &str,
    ) -> Vec<Vec<String>> {
        let clock = Arc::new(SimClock::at(Timestamp::from_secs(100)));
        let (forwarder, taken) = taker(&Arc::new(AtomicBool::new(false)));
        let ward = Ward { forwarder: Arc::new(forwarder), clock: Arc::<SimClock>::clone(&clock) };
        let mut lane =
            FastLane::new(ward, Reports::default(), probes(&clock), OwnMetrics::new(None));
        for ms in at_ms {
            let target = Timestamp::from_millis(100_000 + ms);
            clock.advance(target.since(clock.wall()));
            lane.round();
        }
        let lines = taken.lock().unwrap().lines();
        let wanted = |batch: Vec<String>| -> Vec<String> {
            batch.into_iter().filter(|line| line.starts_with(prefix)).collect()
        };
        lines.into_iter().map(wanted).collect()
    }

    /// Scenario: probes of 1 s and 2 s and one that fails from its second round on. Guarantees: one batch per round with
    /// what was due; a failed round yields no reading; nothing is read before its tick; the last report of each is told.
    #[test]
    fn one_batch_of_what_is_due() {
        let probes = |clock: &Arc<SimClock>| {
            vec![
                planned(clock, "a", 1, 0, 99),
                planned(clock, "b", 2, 0, 99),
                planned(clock, "c", 1, 0, 2),
            ]
        };
        assert_eq!(
            rounds(probes, &[999, 1_000, 2_000, 3_000, 4_000], "node/ "),
            [
                vec!["node/ read{by=a} 1", "node/ read{by=b} 1", "node/ read{by=c} 1"],
                vec!["node/ read{by=a} 2", "node/ read{by=b} 2"],
                vec!["node/ read{by=a} 3"],
                vec!["node/ read{by=a} 4", "node/ read{by=b} 3"],
            ]
        );
        let told = |a, b, c| {
            [("a", a), ("b", b), ("c", c)].map(|(probe, success)| {
                format!("wardround/ wardround_probe_success{{probe={probe}}} {success}")
            })
        };
        assert_eq!(
            rounds(probes, &[1_000, 2_000, 3_000], "wardround/ wardround_probe_success"),
            [told(1, 1, 1), told(1, 1, 0), told(1, 1, 0)]
        );
    }

    /// Scenario: a probe of another lane is read once and then once more, with a fault; a fast one is read ten times a
    /// second. Guarantees: the last report of both comes with each second's round and not in between, in one set.
    #[test]
    fn every_report_comes_each_second() {
        let clock = Arc::new(SimClock::at(Timestamp::from_secs(100)));
        let (forwarder, taken) = taker(&Arc::new(AtomicBool::new(false)));
        let ward = Ward { forwarder: Arc::new(forwarder), clock: Arc::<SimClock>::clone(&clock) };
        let mut reports = Reports::default();
        let slow = (Duration::from_secs(300), Duration::from_secs(4));
        let mut slow = reports.reporter(vec![("probe", "inventory".into())], slow.0, slow.1);
        slow.note(&Outcome::Sampled, Timing::default(), clock.boot());
        let mut quick = planned(&clock, "a", 1, 0, 99);
        quick.interval = Duration::from_millis(100);
        let mut lane = FastLane::new(ward, reports, vec![quick], OwnMetrics::new(None));
        for round in 1..=30 {
            clock.advance(Duration::from_millis(100));
            if round == 15 {
                let failed = Outcome::Failed(ProbeError::TimedOut { millis: 1 });
                slow.note(&failed, Timing::default(), clock.boot());
            }
            lane.round();
        }
        let taken = taken.lock().unwrap();
        let told = taken.lines().into_iter().enumerate().filter_map(|(round, lines)| {
            let success = |line: &&String| line.contains("probe_success{probe=inventory}");
            let line = lines.iter().find(success)?;
            Some((round + 1, line.ends_with(" 1")))
        });
        assert_eq!(told.collect::<Vec<_>>(), [(10, true), (20, false), (30, false)]);
        assert_eq!(taken.catalog.sets.len(), 2, "the readings and the reports");
    }

    /// Scenario: a probe that takes 2.5 s of its 1 s interval, and the lane woken late. Guarantees: lag, duration and missed
    /// ticks are told, a round beyond its timeout is not a success, and what it read is kept.
    #[test]
    fn overruns_are_told() {
        let probes = |clock: &Arc<SimClock>| vec![planned(clock, "a", 1, 2_500, 99)];
        for (prefix, expected) in [
            (
                "wardround/ wardround_probe_lag_seconds",
                "wardround/ wardround_probe_lag_seconds{probe=a} 0.2",
            ),
            (
                "wardround/ wardround_probe_duration",
                "wardround/ wardround_probe_duration_seconds{probe=a} 2.5",
            ),
            (
                "wardround/ wardround_probe_overruns",
                "wardround/ wardround_probe_overruns_total{probe=a} 2",
            ),
            ("wardround/ wardround_probe_success", "wardround/ wardround_probe_success{probe=a} 0"),
            ("node/ ", "node/ read{by=a} 1"),
        ] {
            assert_eq!(rounds(probes, &[1_200], prefix), [[expected]]);
        }
    }
}

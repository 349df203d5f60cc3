//! A probe that waits for a network: its own task.

use super::Ward;
use crate::batcher::Slot;
use crate::forwarder::Seat;
use crate::pace::Pace;
use crate::plan::Planned;
use crate::report::{Reports, Timing};
use crate::reporter::Reporter;
use agent_probe::{AsyncProbe, Sink};
use std::sync::Arc;
use std::time::Duration;

/// One probe over a network connection.
pub(crate) struct NetworkLane {
    ward: Ward,
    probe: Box<dyn AsyncProbe>,
    timeout: Duration,
    pace: Pace,
    sink: Sink,
    slot: Slot,
    /// What `slot` was asked for with.
    instance: String,
    seat: Seat,
    reporter: Reporter,
}

impl NetworkLane {
    /// The first round is at the next tick.
    pub(crate) fn new(
        ward: Ward,
        reports: &mut Reports,
        planned: Planned<Box<dyn AsyncProbe>>,
    ) -> Self {
        let pace = Pace::new(planned.interval, ward.clock.wall(), ward.clock.boot());
        Self {
            timeout: planned.timeout,
            seat: ward.forwarder.seat(pace.due()),
            pace,
            sink: Sink::default(),
            slot: ward.forwarder.slot(planned.probe.spec().job, planned.probe.instance()),
            instance: planned.probe.instance().to_owned(),
            reporter: reports.reporter(planned.labels, planned.interval, planned.timeout),
            probe: planned.probe,
            ward,
        }
    }

    /// Reads round after round until the task is dropped.
    pub(crate) async fn run(mut self) {
        loop {
            // A change is followed by a round between two ticks. What it finds then is read again at the tick, so that a source
            // that changes without end is read twice a tick and no more.
            tokio::select! {
                () = self.ward.until(self.pace.due()) => {}
                () = self.probe.changed() => self.round().await,
            }
            self.ward.until(self.pace.due()).await;
            self.round().await;
        }
    }

    /// One round, which ends after the timeout at the latest.
    async fn round(&mut self) {
        let clock = Arc::clone(&self.ward.clock);
        let (time, begun) = (clock.wall(), clock.boot());
        let is_tick = self.pace.due() <= begun;
        let lag = self.pace.lag(begun);
        self.sink.begin();
        let read = tokio::time::timeout(self.timeout, self.probe.read(&mut self.sink)).await;
        let outcome = match read {
            Ok(outcome) => outcome,
            Err(_) => {
                self.sink.begin();
                self.probe.timed_out(&mut self.sink)
            }
        };
        let ended = clock.boot();
        let timing = Timing { lag, duration: ended.since(begun) };
        let keep = self.reporter.note(&outcome, timing, ended);
        if is_tick {
            self.reporter.missed(self.pace.next(clock.wall(), ended));
        }
        if keep {
            self.follow_instance();
        }
        let readings = keep.then_some((time, self.slot, &self.sink));
        self.ward.forwarder.bring(self.seat, self.pace.due(), ended, readings);
    }

    /// Some targets say only in their answer who they are; it happens once, so the slots given up are few.
    fn follow_instance(&mut self) {
        if self.probe.instance() != self.instance {
            self.instance = self.probe.instance().to_owned();
            self.slot = self.ward.forwarder.slot(self.probe.spec().job, &self.instance);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forwarder::tests::taker;
    use agent_probe::{Lane, Outcome, ProbeSpec};
    use shared_model::{BootTime, Kind, Metric, SimClock, Timestamp, Unit};
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    static UP: Metric =
        Metric { name: "up", kind: Kind::Gauge, unit: Unit::None, help: "h", source: "s" };

    /// Answers, or never does; says that something changed whenever it is asked.
    struct Server {
        answers: bool,
    }

    impl AsyncProbe for Server {
        fn spec(&self) -> ProbeSpec {
            ProbeSpec {
                name: "server",
                job: "postgres",
                lane: Lane::Slow,
                default_interval: Duration::from_secs(1),
                default_timeout: Duration::from_secs(2),
            }
        }

        fn instance(&self) -> &str {
            "db:5432"
        }

        fn metrics(&self) -> &'static [&'static Metric] {
            &[]
        }

        fn read<'a>(
            &'a mut self,
            sink: &'a mut Sink,
        ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
            Box::pin(async move {
                sink.put(&UP, &[], 1.0);
                if !self.answers {
                    std::future::pending::<()>().await;
                }
                Outcome::Sampled
            })
        }

        fn changed(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
            Box::pin(std::future::ready(()))
        }

        fn timed_out(&mut self, sink: &mut Sink) -> Outcome {
            sink.put(&UP, &[], 0.0);
            Outcome::Sampled
        }
    }

    fn lane(ward: Ward, reports: &mut Reports, answers: bool) -> NetworkLane {
        let planned = Planned::<Box<dyn AsyncProbe>> {
            probe: Box::new(Server { answers }),
            interval: Duration::from_secs(1),
            timeout: Duration::from_millis(20),
            labels: vec![("probe", "server".into()), ("target", "db:5432".into())],
        };
        NetworkLane::new(ward, reports, planned)
    }

    /// Scenario: a source that says without end that it changed, over 9.5 s. Guarantees: it is read at once and at each tick, and
    /// at most once in between.
    #[tokio::test(start_paused = true)]
    async fn changes_are_read_at_once_but_not_without_end() {
        let (forwarder, taken) = taker(&Arc::new(AtomicBool::new(false)));
        let clock = Arc::new(Paused(tokio::time::Instant::now()));
        let ward = Ward { forwarder: Arc::new(forwarder), clock };
        let mut reports = Reports::default();
        let running = lane(ward, &mut reports, true).run();
        assert!(tokio::time::timeout(Duration::from_millis(9_500), running).await.is_err());
        let rounds = taken.lock().unwrap().batches.len();
        assert_eq!(rounds, 9 + 10, "nine ticks, and one round before, between and after them");
    }

    /// Tokio's paused time as both clocks.
    struct Paused(tokio::time::Instant);

    impl shared_model::Clock for Paused {
        fn wall(&self) -> Timestamp {
            Timestamp::from_secs(100).plus(self.0.elapsed())
        }

        fn boot(&self) -> BootTime {
            BootTime::from_micros(1_000_000).plus(self.0.elapsed())
        }
    }

    /// Scenario: a server that answers and one that never does. Guarantees: each round is one batch at once, a cut round
    /// tells what the probe knows all the same, and the report names probe and target.
    #[tokio::test]
    async fn cut_rounds_tell_what_is_known() {
        for (answers, up) in [(true, "1"), (false, "0")] {
            let (forwarder, taken) = taker(&Arc::new(AtomicBool::new(false)));
            let clock = Arc::new(SimClock::at(Timestamp::from_secs(9)));
            let ward = Ward { forwarder: Arc::new(forwarder), clock };
            let mut reports = Reports::default();
            lane(ward, &mut reports, answers).round().await;
            let expected = format!("postgres/db:5432 up{{}} {up}");
            assert_eq!(taken.lock().unwrap().lines(), [[expected]]);
            let mut told = Sink::default();
            told.begin();
            reports.put(&mut told, BootTime::from_micros(0));
            let success = &told.samples()[0];
            assert_eq!(success.metric().name, "wardround_probe_success");
            assert_eq!(*success.labels()[1].1, *"db:5432");
            assert_eq!(success.value(), Some(1.0));
        }
    }

    /// Says who it is only once it is asked for the second time; the first round fails.
    #[derive(Default)]
    struct Named {
        rounds: u32,
    }

    impl AsyncProbe for Named {
        fn spec(&self) -> ProbeSpec {
            Server { answers: true }.spec()
        }

        fn instance(&self) -> &str {
            if self.rounds < 2 { "unknown" } else { "its-own-id" }
        }

        fn metrics(&self) -> &'static [&'static Metric] {
            &[]
        }

        fn read<'a>(
            &'a mut self,
            sink: &'a mut Sink,
        ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
            self.rounds += 1;
            sink.put(&UP, &[], 1.0);
            let failed = Outcome::Failed(agent_probe::ProbeError::TimedOut { millis: 1 });
            let outcome = if self.rounds < 2 { failed } else { Outcome::Sampled };
            Box::pin(std::future::ready(outcome))
        }

        fn timed_out(&mut self, _sink: &mut Sink) -> Outcome {
            Outcome::Sampled
        }
    }

    /// Scenario: a target that says only in its second answer who it is. Guarantees: what it says travels under that id, from the
    /// first round that is kept.
    #[tokio::test]
    async fn a_target_may_name_itself() {
        let (forwarder, taken) = taker(&Arc::new(AtomicBool::new(false)));
        let clock = Arc::new(SimClock::at(Timestamp::from_secs(9)));
        let ward = Ward { forwarder: Arc::new(forwarder), clock };
        let planned = Planned::<Box<dyn AsyncProbe>> {
            probe: Box::new(Named::default()),
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            labels: vec![("probe", "named".into()), ("target", "x".into())],
        };
        let mut lane = NetworkLane::new(ward, &mut Reports::default(), planned);
        for _ in 0..3 {
            lane.round().await;
        }
        let expected = ["postgres/its-own-id up{} 1"];
        assert_eq!(taken.lock().unwrap().lines(), [expected, expected]);
    }
}

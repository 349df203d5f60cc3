//! A probe that waits for a network: its own task.

use super::{OWN_JOB, Ward};
use crate::batcher::Slot;
use crate::pace::Pace;
use crate::plan::Planned;
use crate::report::{Reporter, Timing};
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
    reporter: Reporter,
    runner: Sink,
    runner_slot: Slot,
}

impl NetworkLane {
    /// The first round is at the next tick.
    pub(crate) fn new(ward: Ward, planned: Planned<Box<dyn AsyncProbe>>) -> Self {
        Self {
            timeout: planned.timeout,
            pace: Pace::new(planned.interval, ward.clock.wall(), ward.clock.boot()),
            sink: Sink::default(),
            slot: ward.forwarder.slot(planned.probe.spec().job, planned.probe.instance()),
            reporter: Reporter::new(planned.labels, planned.interval),
            runner: Sink::default(),
            runner_slot: ward.forwarder.slot(OWN_JOB, ""),
            probe: planned.probe,
            ward,
        }
    }

    /// Reads round after round until the task is dropped.
    pub(crate) async fn run(mut self) {
        loop {
            self.ward.until(self.pace.due()).await;
            self.round().await;
        }
    }

    /// One round, which ends after the timeout at the latest.
    async fn round(&mut self) {
        let clock = Arc::clone(&self.ward.clock);
        let (time, begun) = (clock.wall(), clock.boot());
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
        self.reporter.missed(self.pace.next(clock.wall(), ended));
        self.runner.begin();
        self.reporter.put(&mut self.runner);
        let contents = [(self.slot, &self.sink), (self.runner_slot, &self.runner)];
        let contents = if keep { contents.as_slice() } else { &contents[1..] };
        self.ward.forwarder.forward(time, contents);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forwarder::tests::taker;
    use agent_probe::{Lane, Outcome, ProbeSpec};
    use shared_model::{Kind, Metric, SimClock, Timestamp, Unit};
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    static UP: Metric =
        Metric { name: "up", kind: Kind::Gauge, unit: Unit::None, help: "h", source: "s" };

    /// Answers, or never does.
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

        fn timed_out(&mut self, sink: &mut Sink) -> Outcome {
            sink.put(&UP, &[], 0.0);
            Outcome::Sampled
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
            let planned = Planned::<Box<dyn AsyncProbe>> {
                probe: Box::new(Server { answers }),
                interval: Duration::from_secs(1),
                timeout: Duration::from_millis(20),
                labels: vec![("probe", "server".into()), ("target", "db:5432".into())],
            };
            NetworkLane::new(ward, planned).round().await;
            let lines = taken.lock().unwrap().lines();
            assert_eq!(lines.len(), 1);
            assert_eq!(lines[0][0], format!("postgres/db:5432 up{{}} {up}"));
            assert_eq!(
                lines[0][1],
                "wardround/ wardround_probe_success{probe=server,target=db:5432} 1"
            );
        }
    }
}

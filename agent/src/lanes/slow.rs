//! A probe that may block: its own thread, watched by a task. A round that is stuck is told as failed every interval and
//! is never joined by a second one.

use super::{STACK_BYTES, Ward};
use crate::batcher::Slot;
use crate::pace::Pace;
use crate::plan::Planned;
use crate::report::{Reports, Timing};
use crate::reporter::Reporter;
use agent_probe::{Outcome, Probe, ProbeError, Sink};
use shared_model::Timestamp;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tokio::sync::mpsc;

/// One probe that may block.
pub(crate) struct SlowLane {
    ward: Ward,
    jobs: SyncSender<Sink>,
    done: mpsc::Receiver<Done>,
    /// The sink, while no round is under way.
    idle: Option<Sink>,
    timeout: Duration,
    pace: Pace,
    slot: Slot,
    reporter: Reporter,
}

/// A round that ended.
struct Done {
    sink: Sink,
    outcome: Outcome,
    time: Timestamp,
}

impl SlowLane {
    /// Starts the probe's thread; the first round is at the next tick.
    pub(crate) fn start(
        ward: Ward,
        reports: &mut Reports,
        planned: Planned<Box<dyn Probe>>,
    ) -> io::Result<Self> {
        // One job at most is under way, so neither channel ever holds more than one.
        let (jobs, next_job) = sync_channel(1);
        let (finished, done) = mpsc::channel(1);
        let spec = planned.probe.spec();
        let (mut probe, clock) = (planned.probe, Arc::clone(&ward.clock));
        std::thread::Builder::new()
            .name(spec.name.into())
            .stack_size(STACK_BYTES)
            .spawn(move || work(probe.as_mut(), &next_job, &finished, || clock.wall()))?;
        Ok(Self {
            jobs,
            done,
            idle: Some(Sink::default()),
            timeout: planned.timeout,
            pace: Pace::new(planned.interval, ward.clock.wall(), ward.clock.boot()),
            slot: ward.forwarder.slot(spec.job, ""),
            reporter: reports.reporter(planned.labels, planned.interval),
            ward,
        })
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
        let begun = clock.boot();
        let lag = self.pace.lag(begun);
        let stuck = match self.idle.take() {
            // A send fails only when the thread has ended, which `recv` tells as well.
            Some(sink) => self.jobs.try_send(sink).is_err(),
            None => true,
        };
        let done = tokio::time::timeout(self.timeout, self.done.recv()).await;
        let timing = Timing { lag, duration: clock.boot().since(begun) };
        let millis = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
        let (outcome, read) = match done {
            Ok(Some(Done { sink, outcome, time })) if !stuck => (outcome, Some((sink, time))),
            // The end of an earlier round that was given up: its readings are of another time, only its sink is wanted.
            Ok(Some(Done { sink, .. })) => {
                self.idle = Some(sink);
                (Outcome::Failed(ProbeError::TimedOut { millis }), None)
            }
            Ok(None) => {
                let what = "the probe's thread has ended".into();
                (Outcome::Failed(ProbeError::Query { what }), None)
            }
            Err(_) => (Outcome::Failed(ProbeError::TimedOut { millis }), None),
        };
        let keep = self.reporter.note(&outcome, timing, clock.boot());
        self.reporter.missed(self.pace.next(clock.wall(), clock.boot()));
        if let Some((sink, time)) = read {
            if keep {
                self.ward.forwarder.forward(time, &[(self.slot, &sink)]);
            }
            self.idle = Some(sink);
        }
    }
}

fn work(
    probe: &mut dyn Probe,
    jobs: &Receiver<Sink>,
    finished: &mpsc::Sender<Done>,
    wall: impl Fn() -> Timestamp,
) {
    while let Ok(mut sink) = jobs.recv() {
        sink.begin();
        let time = wall();
        let outcome = probe.read(&mut sink);
        if finished.blocking_send(Done { sink, outcome, time }).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forwarder::tests::taker;
    use agent_probe::{Lane, ProbeSpec, Sample};
    use shared_model::{Kind, Metric, Unit};
    use shared_runtime::SystemClock;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    static READ: Metric =
        Metric { name: "read", kind: Kind::Counter, unit: Unit::None, help: "h", source: "s" };

    /// Counts its rounds; each waits until the test lets it go on, and the last one for ever.
    struct Gated {
        gate: Receiver<()>,
        rounds: u32,
    }

    impl Probe for Gated {
        fn spec(&self) -> ProbeSpec {
            ProbeSpec {
                name: "gated",
                job: "node",
                lane: Lane::Slow,
                default_interval: Duration::from_secs(1),
                default_timeout: Duration::from_secs(1),
            }
        }

        fn metrics(&self) -> &'static [&'static Metric] {
            &[]
        }

        fn read(&mut self, sink: &mut Sink) -> Outcome {
            self.rounds += 1;
            sink.put(&READ, &[], f64::from(self.rounds));
            match self.gate.recv() {
                Ok(()) => Outcome::Sampled,
                Err(_) => Outcome::Absent("no gate".into()),
            }
        }
    }

    /// Scenario: a round that returns, one that is stuck over two intervals and then let go, and the next. Guarantees: the
    /// stuck one is told as failed each time without a second one beside it, its late readings are not sent, and reading
    /// goes on after it.
    #[tokio::test]
    async fn stuck_rounds_are_told_and_stay_alone() {
        let (open, gate) = sync_channel(8);
        let (forwarder, taken) = taker(&Arc::new(AtomicBool::new(false)));
        let ward = Ward { forwarder: Arc::new(forwarder), clock: Arc::new(SystemClock) };
        let planned = Planned::<Box<dyn Probe>> {
            probe: Box::new(Gated { gate, rounds: 0 }),
            interval: Duration::from_secs(1),
            timeout: Duration::from_millis(100),
            labels: vec![("probe", "gated".into())],
        };
        let mut reports = Reports::default();
        let mut lane = SlowLane::start(ward, &mut reports, planned).unwrap();
        let mut told = Vec::new();
        for (opens, timeout) in
            [(true, 30_000), (false, 50), (false, 50), (true, 30_000), (true, 30_000)]
        {
            if opens {
                open.send(()).unwrap();
            }
            lane.timeout = Duration::from_millis(timeout);
            lane.round().await;
            told.push(success(&reports));
        }
        assert_eq!(told, [1.0, 0.0, 0.0, 0.0, 1.0].map(Some));
        assert_eq!(taken.lock().unwrap().lines(), [["node/ read{} 1"], ["node/ read{} 3"]]);
    }

    /// What the runner would tell now.
    fn success(reports: &Reports) -> Option<f64> {
        let mut sink = Sink::default();
        sink.begin();
        reports.put(&mut sink);
        let success = |s: &&Sample| s.metric().name == "wardround_probe_success";
        sink.samples().iter().find(success).and_then(Sample::value)
    }
}

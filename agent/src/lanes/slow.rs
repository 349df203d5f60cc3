//! A probe that may block: its own thread. A round that is stuck is never joined by a second one; that it is stuck is told
//! with every round of the fast lane, out of the report in which it said when it began.

use super::{STACK_BYTES, Ward};
use crate::batcher::Slot;
use crate::forwarder::Seat;
use crate::pace::Pace;
use crate::plan::Planned;
use crate::report::{Reports, Timing};
use crate::reporter::Reporter;
use agent_probe::{Outcome, Probe, ProbeError, Sink};
use std::io;
use std::time::Duration;

/// One probe that may block.
pub(crate) struct SlowLane {
    ward: Ward,
    probe: Box<dyn Probe>,
    timeout: Duration,
    pace: Pace,
    sink: Sink,
    slot: Slot,
    seat: Seat,
    reporter: Reporter,
}

impl SlowLane {
    /// The first round is at the next tick.
    pub(crate) fn new(ward: Ward, reports: &mut Reports, planned: Planned<Box<dyn Probe>>) -> Self {
        let pace = Pace::new(planned.interval, ward.clock.wall(), ward.clock.boot());
        Self {
            timeout: planned.timeout,
            seat: ward.forwarder.seat(pace.due()),
            pace,
            sink: Sink::default(),
            slot: ward.forwarder.slot(planned.probe.spec().job, ""),
            reporter: reports.reporter(planned.labels, planned.interval, planned.timeout),
            probe: planned.probe,
            ward,
        }
    }

    /// Reads round after round on a thread of its own, which ends with the process: a thread that hangs in the kernel
    /// cannot be waited for.
    pub(crate) fn start(mut self) -> io::Result<()> {
        let thread = std::thread::Builder::new().name(self.probe.spec().name.into());
        let work = move || {
            loop {
                std::thread::sleep(self.ward.left(self.pace.due()));
                self.round();
            }
        };
        thread.stack_size(STACK_BYTES).spawn(work).map(drop)
    }

    /// One round. What it read after its timeout is of another time and is not sent.
    fn round(&mut self) {
        let clock = self.ward.clock.as_ref();
        let (time, begun) = (clock.wall(), clock.boot());
        let lag = self.pace.lag(begun);
        self.reporter.begins(begun, lag);
        self.sink.begin();
        let mut outcome = self.probe.read(&mut self.sink);
        let ended = clock.boot();
        let timing = Timing { lag, duration: ended.since(begun) };
        if timing.duration > self.timeout {
            let millis = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
            outcome = Outcome::Failed(ProbeError::TimedOut { millis });
        }
        let keep = self.reporter.note(&outcome, timing, ended);
        self.reporter.missed(self.pace.next(clock.wall(), ended));
        let readings = keep.then_some((time, self.slot, &self.sink));
        self.ward.forwarder.bring(self.seat, self.pace.due(), ended, readings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forwarder::tests::taker;
    use agent_probe::{Lane, ProbeSpec, Sample};
    use shared_model::{Clock, Kind, Metric, SimClock, Timestamp, Unit};
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    static READ: Metric =
        Metric { name: "read", kind: Kind::Counter, unit: Unit::None, help: "h", source: "s" };

    /// Says when a round is under way, and ends it when the test lets it.
    struct Gated {
        begun: SyncSender<()>,
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
                default_timeout: Duration::from_secs(4),
            }
        }

        fn metrics(&self) -> &'static [&'static Metric] {
            &[]
        }

        fn read(&mut self, sink: &mut Sink) -> Outcome {
            self.rounds += 1;
            self.begun.send(()).unwrap();
            self.gate.recv().unwrap();
            sink.put(&READ, &[], f64::from(self.rounds));
            Outcome::Sampled
        }
    }

    /// Scenario: a round that returns, one that is stuck and let go after 6.5 s, beyond its timeout of 4 s, and the next.
    /// Guarantees: while it is stuck it is told as failed once the timeout is over, with its time and the ticks that pass by,
    /// its late readings are not sent, and reading goes on after it.
    #[test]
    fn stuck_rounds_are_told() {
        let (begun, begins) = sync_channel(1);
        let (open, gate) = sync_channel(1);
        let (forwarder, taken) = taker(&Arc::new(AtomicBool::new(false)));
        let clock = Arc::new(SimClock::at(Timestamp::from_secs(100)));
        let ward = Ward { forwarder: Arc::new(forwarder), clock: Arc::<SimClock>::clone(&clock) };
        let planned = Planned::<Box<dyn Probe>> {
            probe: Box::new(Gated { begun, gate, rounds: 0 }),
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(4),
            labels: vec![("probe", "gated".into())],
        };
        let mut reports = Reports::default();
        let mut lane = SlowLane::new(ward, &mut reports, planned);
        for (stuck_ms, told) in [
            (&[0][..], [1.0, 0.0, 0.0]),
            (&[1_000, 4_000, 4_500, 6_500], [0.0, 6.5, 6.0]),
            (&[500], [1.0, 0.5, 6.0]),
        ] {
            clock.advance(lane.ward.left(lane.pace.due()));
            let round = std::thread::spawn(move || {
                lane.round();
                lane
            });
            begins.recv().unwrap();
            let (begun, before) = (clock.boot(), report(&reports, &clock));
            for ms in stuck_ms {
                clock.advance(begun.plus(Duration::from_millis(*ms)).since(clock.boot()));
                let during = report(&reports, &clock);
                if *ms > 4_000 {
                    let passed = (ms / 1_000) as f64;
                    assert_eq!(during, [0.0, *ms as f64 / 1e3, passed].map(Some), "{ms} ms");
                } else {
                    assert_eq!(during, before, "{ms} ms: the last round's report stands");
                }
            }
            open.send(()).unwrap();
            lane = round.join().unwrap();
            assert_eq!(report(&reports, &clock), told.map(Some), "{stuck_ms:?}");
        }
        assert_eq!(taken.lock().unwrap().lines(), [["node/ read{} 1"], ["node/ read{} 3"]]);
    }

    /// Success, duration and overruns as they would be told now.
    fn report(reports: &Reports, clock: &SimClock) -> [Option<f64>; 3] {
        let mut sink = Sink::default();
        sink.begin();
        reports.put(&mut sink, clock.boot());
        ["success", "duration_seconds", "overruns_total"].map(|what| {
            let name = format!("wardround_probe_{what}");
            let sample = sink.samples().iter().find(|s| s.metric().name == name);
            sample.and_then(Sample::value)
        })
    }
}

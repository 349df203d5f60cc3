//! A probe that may block: its own thread. A round that is stuck is never joined by a second one; that it is stuck is told
//! with every round of the fast lane, out of the report in which it said when it began.
//!
//! A probe whose source says by itself that something changed is read at once, and twice more a moment later: rules ask for
//! three samples before they believe a loss, and so they have them within a seventh of a second.

use super::{STACK_BYTES, Ward};
use crate::batcher::Slot;
use crate::forwarder::Seat;
use crate::pace::Pace;
use crate::plan::Planned;
use crate::report::{Reports, Timing};
use crate::reporter::Reporter;
use agent_probe::{Outcome, Probe, ProbeError, Sink};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use shared_model::BootTime;
use std::io;
use std::time::Duration;

/// How far apart the readings are that follow each other when the source says that something changed. What it says
/// meanwhile changes nothing: a source that never stops has its probe read about twenty times a second and no more.
const CONFIRM_APART: Duration = Duration::from_millis(70);

/// Readings after the one that the source asked for.
const CONFIRMATIONS: u32 = 2;

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
    /// When the next reading between two ticks is due, and how many are left after it.
    confirming: Option<(BootTime, u32)>,
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
            confirming: None,
            ward,
        }
    }

    /// Reads round after round on a thread of its own, which ends with the process: a thread that hangs in the kernel
    /// cannot be waited for.
    pub(crate) fn start(mut self) -> io::Result<()> {
        let thread = std::thread::Builder::new().name(self.probe.spec().name.into());
        let work = move || {
            loop {
                let is_woken = self.wait();
                self.step(is_woken);
            }
        };
        thread.stack_size(STACK_BYTES).spawn(work).map(drop)
    }

    /// Waits for the next tick or confirmation, and between confirmations for neither the source nor anything else; whether
    /// the source ended it.
    fn wait(&self) -> bool {
        let tick = self.pace.due();
        let left = match self.confirming {
            Some((due, _)) => self.ward.left(due.min(tick)),
            None => match self.probe.wake() {
                Some(source) => {
                    // More than any interval: the next look at the clock corrects it.
                    let timeout = Timespec::try_from(self.ward.left(tick)).ok();
                    let flags = PollFlags::IN | PollFlags::PRI;
                    let mut sources = [PollFd::from_borrowed_fd(source, flags)];
                    return poll(&mut sources, timeout.as_ref()).is_ok_and(|ready| ready > 0);
                }
                None => self.ward.left(tick),
            },
        };
        std::thread::sleep(left);
        false
    }

    /// The round that is due: that of the tick, or one between two ticks.
    fn step(&mut self, is_woken: bool) {
        let now = self.ward.clock.boot();
        let next = |left: u32| left.checked_sub(1).map(|left| (now.plus(CONFIRM_APART), left));
        match self.confirming {
            None if is_woken => self.confirming = next(CONFIRMATIONS),
            Some((due, left)) if due <= now => self.confirming = next(left),
            // A wait that a signal cut short.
            _ if self.pace.due() > now => return,
            _ => {}
        }
        self.round();
    }

    /// One round. What it read after its timeout is of another time and is not sent.
    fn round(&mut self) {
        let clock = self.ward.clock.as_ref();
        let (time, begun) = (clock.wall(), clock.boot());
        let is_tick = self.pace.due() <= begun;
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
        if is_tick {
            self.reporter.missed(self.pace.next(clock.wall(), ended));
        }
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

    /// Rings when something is written to its pipe.
    struct Ringing {
        rounds: u32,
        bell: io::PipeReader,
    }

    impl Probe for Ringing {
        fn spec(&self) -> ProbeSpec {
            ProbeSpec {
                name: "ringing",
                job: "node",
                lane: Lane::Slow,
                default_interval: Duration::from_secs(1),
                default_timeout: Duration::from_millis(500),
            }
        }

        fn metrics(&self) -> &'static [&'static Metric] {
            &[]
        }

        fn read(&mut self, sink: &mut Sink) -> Outcome {
            self.rounds += 1;
            if self.rounds == 1 {
                io::Read::read_exact(&mut self.bell, &mut [0]).unwrap();
            }
            sink.put(&READ, &[], f64::from(self.rounds));
            Outcome::Sampled
        }

        fn wake(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
            Some(std::os::fd::AsFd::as_fd(&self.bell))
        }
    }

    /// Scenario: the source rings 300 ms before the tick, and once more while it is being read. Guarantees: it is read at once
    /// and 70 and 140 ms later, not at the second ring, which is heard only after that; the tick is neither moved nor counted
    /// as missed.
    #[test]
    fn a_source_that_rings_is_read_at_once() {
        let (bell, mut ring) = io::pipe().unwrap();
        let (forwarder, taken) = taker(&Arc::new(AtomicBool::new(false)));
        let clock = Arc::new(SimClock::at(Timestamp::from_secs(100)));
        let ward = Ward { forwarder: Arc::new(forwarder), clock: Arc::<SimClock>::clone(&clock) };
        let planned = Planned::<Box<dyn Probe>> {
            probe: Box::new(Ringing { rounds: 0, bell }),
            interval: Duration::from_secs(1),
            timeout: Duration::from_millis(500),
            labels: vec![("probe", "ringing".into())],
        };
        let mut reports = Reports::default();
        let mut lane = SlowLane::new(ward, &mut reports, planned);
        let rounds = || taken.lock().unwrap().lines().len();
        for (after_ms, rings, is_woken, expected) in [
            (700, true, true, 1),
            (0, true, false, 1),
            (69, false, false, 1),
            (1, false, false, 2),
            (70, false, false, 3),
            (160, false, true, 4),
        ] {
            if rings {
                io::Write::write_all(&mut ring, b"!").unwrap();
            }
            clock.advance(Duration::from_millis(after_ms));
            let woken = lane.confirming.is_none() && lane.wait();
            assert_eq!(woken, is_woken, "{after_ms} ms later");
            lane.step(woken);
            assert_eq!(rounds(), expected, "{after_ms} ms later");
        }
        assert_eq!(report(&reports, &clock)[2], Some(0.0), "nothing was missed");
        assert_eq!(lane.pace.due(), clock.boot().plus(Duration::from_secs(1)));
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

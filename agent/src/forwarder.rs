//! The one way from every lane to the spool.
//!
//! What the lanes read at the same tick leaves as one batch, so that there is one record to encode, write, send and confirm
//! each second and not one for each lane. The fast lane's round carries it: the others' readings wait for its end, and
//! it waits for theirs, both for a short, fixed time. What comes later than that leaves at once as a batch of its own.

use crate::batcher::{Batcher, Slot};
use crate::clock_watch::ClockWatch;
use crate::evidence_watch::EvidenceWatch;
use agent_probe::Sink;
use shared_model::{Batch, BootTime, Catalog, Clock, Event, EventContent, Timestamp};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Readings of one tick leave no later than this after it for want of others of the same tick. A healthy database
/// answers within it; one that hangs delays the others' readings by no more, which a breach does not feel.
const GATHER: Duration = Duration::from_millis(40);

/// By how much the due times of the same tick differ: each lane finds its own by reading two clocks one after the other.
const TICK_SLACK: Duration = Duration::from_millis(2);

/// A lane that has been due for this long reads for another tick than the present one and is not waited for.
const HANGS: Duration = Duration::from_millis(500);

/// Takes a batch with the definitions it needs; never waits for network or disk. An error means that the batch is lost.
pub(crate) type Offer = Box<dyn Fn(Option<&Catalog>, &Batch) -> Result<(), String> + Send>;

/// Takes an event; never waits. An error means that it is lost.
pub(crate) type Tell = Box<dyn Fn(Event) -> Result<(), String> + Send>;

/// Whether the taker has nothing left of what it took.
pub(crate) type Settled = Box<dyn Fn() -> bool + Send>;

/// The catalog that the taker knows.
pub(crate) type Known = Box<dyn Fn() -> Catalog + Send>;

/// Numbers what the lanes read and hands it over. Shared by all lanes.
pub(crate) struct Forwarder {
    inner: Mutex<Inner>,
    /// Told when the last of those the fast lane's round waits for has come.
    complete: Condvar,
}

/// A lane beside the fast one; given by [`Forwarder::seat`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Seat(usize);

struct Inner {
    batcher: Batcher,
    offer: Offer,
    known: Known,
    settled: Settled,
    tell: Tell,
    clock: Arc<dyn Clock>,
    clock_watch: ClockWatch,
    evidence_watch: EvidenceWatch,
    /// When it was noticed last that somebody had set the wall clock.
    stepped: Option<BootTime>,
    lost: u64,
    /// The last failure, so that a lasting one is logged once.
    failure: Option<String>,
    /// The tick of the fast lane's next round, or of the one under way; `None` without a fast lane.
    round: Option<BootTime>,
    /// The tick at which each of the other lanes reads next, or of the round it has not ended yet.
    seats: Vec<BootTime>,
    is_shut: bool,
}

impl Forwarder {
    /// Goes on numbering from what the taker knows.
    pub(crate) fn new(
        offer: Offer,
        (known, settled): (Known, Settled),
        tell: Tell,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let inner = Inner {
            batcher: Batcher::restored(&known()),
            offer,
            known,
            settled,
            tell,
            clock,
            clock_watch: ClockWatch::default(),
            evidence_watch: EvidenceWatch::default(),
            stepped: None,
            lost: 0,
            failure: None,
            round: None,
            seats: Vec::new(),
            is_shut: false,
        };
        Self { inner: Mutex::new(inner), complete: Condvar::new() }
    }

    /// A place for one sink.
    pub(crate) fn slot(&self, job: &str, instance: &str) -> Slot {
        self.lock().batcher.slot(job, instance)
    }

    /// A seat for a lane beside the fast one, whose first round is at the tick `due`.
    pub(crate) fn seat(&self, due: BootTime) -> Seat {
        let mut inner = self.lock();
        inner.seats.push(due);
        Seat(inner.seats.len() - 1)
    }

    /// Says when the fast lane's first round is.
    pub(crate) fn begin(&self, due: BootTime) {
        self.lock().round = Some(due);
    }

    /// Ends a round of a lane beside the fast one: what it read, if that is worth keeping, and its next tick. `now` tells
    /// whether the readings still travel with the fast lane's round.
    pub(crate) fn bring(
        &self,
        seat: Seat,
        next: BootTime,
        now: BootTime,
        readings: Option<(Timestamp, Slot, &Sink)>,
    ) {
        let mut inner = self.lock();
        let due = inner.seats.get_mut(seat.0).map(|due| std::mem::replace(due, next));
        if let Some((time, slot, sink)) = readings {
            inner.add(due.unwrap_or(now), time, &[(slot, sink)]);
        }
        match inner.round.filter(|tick| is_gathering(*tick, now)) {
            Some(tick) if inner.awaits(tick) => {}
            Some(_) => self.complete.notify_one(),
            None => inner.hand_over(),
        }
    }

    /// Ends the fast lane's round of `tick`: waits for the others of the same tick, but not beyond [`GATHER`] after it,
    /// and hands over all that has come. `next` is the tick of the next round.
    pub(crate) fn end_round(
        &self,
        (tick, next): (BootTime, BootTime),
        now: BootTime,
        time: Timestamp,
        contents: &[(Slot, &Sink)],
    ) {
        let mut inner = self.lock();
        inner.add(tick, time, contents);
        let patience = tick.plus(GATHER).since(now);
        let waited = self.complete.wait_timeout_while(inner, patience, |inner| inner.awaits(tick));
        let (mut inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        inner.round = Some(next);
        inner.hand_over();
    }

    /// Takes nothing more: what has come is handed over, what comes from now on is dropped. For the end of the process,
    /// before the spool is closed.
    pub(crate) fn shut(&self) {
        let mut inner = self.lock();
        inner.hand_over();
        inner.is_shut = true;
    }

    /// Batches that could not be handed over, and series or sets that could not be numbered.
    pub(crate) fn losses(&self) -> (u64, u64) {
        let inner = self.lock();
        (inner.lost, inner.batcher.refused())
    }

    // A panic in another lane leaves the numbers consistent: they change only together with the batch under way.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether readings of `now` wait for the end of the fast lane's round of `tick`.
fn is_gathering(tick: BootTime, now: BootTime) -> bool {
    now.plus(TICK_SLACK) >= tick && now < tick.plus(GATHER)
}

impl Inner {
    /// Whether a lane that reads at `tick` has not come yet.
    fn awaits(&self, tick: BootTime) -> bool {
        self.seats.iter().any(|due| *due < tick.plus(GATHER) && due.plus(HANGS) > tick)
    }

    /// Adds the readings of a round that was due at `due`. When the wall clock was set since the last readings came, an
    /// event that says so goes before these; no batch mixes readings of the old clock with those of the new.
    fn add(&mut self, due: BootTime, time: Timestamp, contents: &[(Slot, &Sink)]) {
        if self.is_shut {
            return;
        }
        if let Some(event) = self.clock_watch.look(self.clock.as_ref()) {
            self.hand_over();
            self.stepped = Some(event.boot);
            if let Err(failure) = (self.tell)(event) {
                tracing::error!(%failure, "a step of the clock could not be told");
            }
        }
        // The time of such a round may have been read before the step.
        let is_astride = self.stepped.is_some_and(|stepped| due < stepped);
        if is_astride || self.batcher.holds(contents) {
            self.hand_over();
        }
        if self.batcher.is_empty() && self.batcher.is_worn() && (self.settled)() {
            tracing::info!(
                "definitions that nobody reads any more are left behind: series are numbered anew"
            );
            self.batcher.begin_anew();
        }
        self.tell_evidence(time, contents);
        self.batcher.add(time, contents);
        if is_astride {
            self.hand_over();
        }
    }

    /// Tells what the probes say that they have not said before. It goes before the readings that it explains.
    fn tell_evidence(&mut self, at: Timestamp, contents: &[(Slot, &Sink)]) {
        let boot = self.clock.boot();
        for (slot, sink) in contents {
            let news: Vec<_> = self.evidence_watch.news(*slot, sink, boot).collect();
            for shown in news {
                let (topic, lines) = (shown.topic.into(), shown.lines.clone());
                let key = self.batcher.instance(*slot).into();
                let content = EventContent::Evidence { topic, lines };
                match (self.tell)(Event { at, boot, key, content }) {
                    Ok(()) => self.evidence_watch.told(*slot, shown, boot),
                    // It is tried again with the next round.
                    Err(failure) => tracing::debug!(%failure, "evidence could not be told"),
                }
            }
        }
    }

    /// Hands over the batch under way. Under the lock that numbered it: a catalog must arrive before any batch that is
    /// numbered by it.
    fn hand_over(&mut self) {
        let Some((delta, batch)) = self.batcher.take() else { return };
        match (self.offer)(delta.as_ref(), batch) {
            Ok(()) => {
                if self.failure.take().is_some() {
                    tracing::info!("readings are spooled again");
                }
            }
            Err(failure) => {
                self.lost += 1;
                if self.failure.as_ref() != Some(&failure) {
                    tracing::error!(%failure, "readings are lost");
                }
                self.failure = Some(failure);
                if delta.is_some() {
                    let known = (self.known)();
                    self.batcher.resume(&known);
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proto::apply_catalog;
    use shared_model::{EventContent, Kind, Metric, SimClock, Unit};
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A taker that keeps everything, checked as the collector would.
    #[derive(Default)]
    pub(crate) struct Taken {
        pub(crate) catalog: Catalog,
        pub(crate) batches: Vec<Batch>,
        /// Events, and how many batches were there before each.
        pub(crate) events: Vec<(usize, Event)>,
    }

    impl Taken {
        /// Every value that was taken, batch by batch, as `job/instance name{label="value"} value`.
        pub(crate) fn lines(&self) -> Vec<Vec<String>> {
            self.batches.iter().map(|batch| self.lines_of(batch)).collect()
        }

        fn lines_of(&self, batch: &Batch) -> Vec<String> {
            let mut lines = Vec::new();
            for block in &batch.blocks {
                let set = self.catalog.sets.iter().find(|s| s.id == block.set).unwrap();
                for (reference, value) in set.references.iter().zip(&block.values) {
                    let def = &self.catalog.series[*reference as usize - 1];
                    let labels: Vec<_> =
                        def.labels.iter().map(|(n, v)| format!("{n}={v}")).collect();
                    let labels = labels.join(",");
                    if let Some(value) = value {
                        let (job, instance, name) = (&set.job, &set.instance, &def.name);
                        lines.push(format!("{job}/{instance} {name}{{{labels}}} {value}"));
                    }
                }
            }
            lines
        }
    }

    /// A forwarder to a taker that refuses everything while `refuse` is set.
    pub(crate) fn taker(refuse: &Arc<AtomicBool>) -> (Forwarder, Arc<Mutex<Taken>>) {
        taker_with(refuse, Arc::new(SimClock::at(Timestamp::from_secs(1))))
    }

    /// [`taker`] with a clock that is watched.
    fn taker_with(
        refuse: &Arc<AtomicBool>,
        clock: Arc<dyn Clock>,
    ) -> (Forwarder, Arc<Mutex<Taken>>) {
        let taken = Arc::new(Mutex::new(Taken::default()));
        let (offered, known) = (Arc::clone(&taken), Arc::clone(&taken));
        let refuse = Arc::clone(refuse);
        let offer: Offer = Box::new(move |delta, batch| {
            if refuse.load(Ordering::SeqCst) {
                return Err("no space".into());
            }
            let mut taken = offered.lock().unwrap();
            if let Some(delta) = delta {
                apply_catalog(&mut taken.catalog, delta.clone()).unwrap();
            }
            taken.batches.push(batch.clone());
            Ok(())
        });
        let known: Known = Box::new(move || known.lock().unwrap().catalog.clone());
        let told = Arc::clone(&taken);
        let tell: Tell = Box::new(move |event| {
            let mut taken = told.lock().unwrap();
            let batches = taken.batches.len();
            taken.events.push((batches, event));
            Ok(())
        });
        let settled: Settled = Box::new(|| true);
        (Forwarder::new(offer, (known, settled), tell, clock), taken)
    }

    /// Scenario: the wall clock is set an hour back while a slow probe's round is under way, which ends in the gathering of
    /// the next fast round. Guarantees: an event with the step stands between the batches of the old clock and those of
    /// the new, and each batch has the times of one clock.
    #[test]
    fn a_step_of_the_clock_parts_the_batches() {
        let clock = Arc::new(SimClock::at(Timestamp::from_secs(10_000)));
        let (forwarder, taken) = taker_with(&Arc::default(), Arc::clone(&clock) as Arc<dyn Clock>);
        let slots = [forwarder.slot("node", ""), forwarder.slot("postgres", "")];
        let tick = |n: u64| clock.boot().plus(Duration::from_secs(n));
        let (first, second, third) = (tick(0), tick(1), tick(2));
        let seat = forwarder.seat(third.plus(Duration::from_secs(9)));
        forwarder.begin(first);
        let (old, sink) = (clock.wall(), sink(1.0));
        forwarder.end_round((first, second), clock.boot(), old, &[(slots[0], &sink)]);
        forwarder.lock().seats[seat.0] = first;
        clock.advance(Duration::from_secs(1));
        clock.step_wall(Timestamp::from_secs(6_401));
        let due = third.plus(Duration::from_secs(9));
        forwarder.bring(seat, due, clock.boot(), Some((old, slots[1], &sink)));
        forwarder.end_round((second, third), clock.boot(), clock.wall(), &[(slots[0], &sink)]);
        clock.advance(Duration::from_secs(1));
        let last = third.plus(Duration::from_secs(1));
        forwarder.end_round((third, last), clock.boot(), clock.wall(), &[(slots[0], &sink)]);
        let taken = taken.lock().unwrap();
        let [(before, event)] = &taken.events[..] else { panic!("{:?}", taken.events) };
        assert_eq!(*before, 1);
        assert_eq!(event.content, EventContent::ClockStep { step_us: -3_600_000_000 });
        let times = |batch: &Batch| batch.blocks.iter().flat_map(|b| b.times.clone()).collect();
        let times: Vec<Vec<Timestamp>> = taken.batches.iter().map(times).collect();
        assert_eq!(times, [10_000, 10_000, 6_401, 6_402].map(|s| vec![Timestamp::from_secs(s)]));
    }

    /// Scenario: a probe says something beside its numbers, in two rounds the same. Guarantees: it is told once, with the instance that it
    /// speaks of, and before the readings.
    #[test]
    fn evidence_goes_before_its_readings() {
        let clock = Arc::new(SimClock::at(Timestamp::from_secs(10)));
        let (forwarder, taken) = taker_with(&Arc::default(), Arc::clone(&clock) as Arc<dyn Clock>);
        let slot = forwarder.slot("postgres", "db:5432");
        let mut sink = sink(1.0);
        for _ in 0..2 {
            sink.show("db.blocking", ["pid 7".to_owned()]);
            let tick = clock.boot();
            clock.advance(Duration::from_secs(1));
            forwarder.end_round((tick, clock.boot()), tick, clock.wall(), &[(slot, &sink)]);
        }
        let taken = taken.lock().unwrap();
        let [(batches, event)] = &taken.events[..] else { panic!("{:?}", taken.events) };
        let content =
            EventContent::Evidence { topic: "db.blocking".into(), lines: vec!["pid 7".into()] };
        assert_eq!((*batches, &*event.key, &event.content), (0, "db:5432", &content));
        assert_eq!(taken.batches.len(), 2);
    }

    static UP: Metric =
        Metric { name: "up", kind: Kind::Gauge, unit: Unit::None, help: "h", source: "s" };

    fn sink(value: f64) -> Sink {
        let mut sink = Sink::default();
        sink.begin();
        sink.put(&UP, &[], value);
        sink
    }

    fn boot(ms: u64) -> BootTime {
        BootTime::from_micros(ms * 1_000)
    }

    /// Scenario: the first batch, with its definitions, is refused; the next one is taken. Guarantees: the loss is counted
    /// and the definitions are sent again; an empty batch is not sent, and nothing after the end.
    #[test]
    fn refused_definitions_are_sent_again() {
        let refuse = Arc::new(AtomicBool::new(true));
        let (forwarder, taken) = taker(&refuse);
        let slot = forwarder.slot("node", "");
        let sink = sink(1.0);
        let round = |at: u64, contents: &[(Slot, &Sink)]| {
            let ticks = (boot(at * 1_000), boot(at * 1_000 + 1_000));
            forwarder.end_round(ticks, ticks.0, Timestamp::from_secs(at.cast_signed()), contents);
        };
        round(1, &[(slot, &sink)]);
        assert_eq!(forwarder.losses(), (1, 0));
        refuse.store(false, Ordering::SeqCst);
        round(2, &[(slot, &sink)]);
        assert_eq!(taken.lock().unwrap().lines(), [["node/ up{} 1"]]);
        round(3, &[]);
        assert_eq!(taken.lock().unwrap().batches.len(), 1, "an empty batch is not sent");
        forwarder.shut();
        round(4, &[(slot, &sink)]);
        assert_eq!(taken.lock().unwrap().batches.len(), 1, "nothing after the end");
    }

    /// Scenario: beside a fast lane due at 10 s another one brings its readings before, at, within and after the time in
    /// which they may wait for it, and then twice within it. Guarantees: only what comes within it travels with the fast
    /// lane's round, what comes later leaves at once, and no batch has two rows of one set.
    #[test]
    fn readings_of_one_tick_are_one_batch() {
        let (one, both) = (vec![1, 1], vec![2]);
        for (brought_ms, batches) in [
            (vec![9_997], one.clone()),
            (vec![9_998], both.clone()),
            (vec![10_001], both),
            (vec![10_039, 10_039], vec![1, 2]),
            (vec![10_040], one),
        ] {
            let (forwarder, taken) = taker(&Arc::new(AtomicBool::new(false)));
            let (fast, other) = (forwarder.slot("node", ""), forwarder.slot("postgres", "a:1"));
            forwarder.begin(boot(10_000));
            let seat = forwarder.seat(boot(10_000));
            let (first, second) = (sink(1.0), sink(2.0));
            for ms in &brought_ms {
                let readings = Some((Timestamp::from_secs(5), other, &second));
                forwarder.bring(seat, boot(11_000), boot(*ms), readings);
            }
            let ticks = (boot(10_000), boot(11_000));
            forwarder.end_round(ticks, boot(10_000), Timestamp::from_secs(5), &[(fast, &first)]);
            let taken = taken.lock().unwrap();
            let blocks: Vec<_> = taken.batches.iter().map(|batch| batch.blocks.len()).collect();
            assert_eq!(blocks, batches, "{brought_ms:?}");
        }
    }

    /// Scenario: the fast lane's round ends before another lane of the same tick has come; another one hangs since the
    /// tick before, and a third is not due. Guarantees: the round waits for the first alone and carries its readings.
    #[test]
    fn a_round_waits_for_its_tick() {
        let (forwarder, taken) = taker(&Arc::new(AtomicBool::new(false)));
        let (fast, other) = (forwarder.slot("node", ""), forwarder.slot("postgres", "a:1"));
        let awaited = forwarder.seat(boot(100_001));
        let _hanging = forwarder.seat(boot(99_000));
        let _later = forwarder.seat(boot(100_500));
        forwarder.begin(boot(100_000));
        let (first, second) = (sink(1.0), sink(2.0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let ticks = (boot(100_000), boot(101_000));
                // A minute of patience: the round ends because the awaited one comes, or the test fails by its time.
                let now = boot(100_040 - 60_000);
                let contents = [(fast, &first)];
                forwarder.end_round(ticks, now, Timestamp::from_secs(5), &contents);
            });
            let readings = Some((Timestamp::from_secs(5), other, &second));
            forwarder.bring(awaited, boot(101_000), boot(100_010), readings);
        });
        let lines = taken.lock().unwrap().lines();
        assert_eq!(lines.concat().len(), 2, "{lines:?}");
        assert_eq!(lines.len(), 1);
    }
}

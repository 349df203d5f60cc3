//! Clocks that are set, on the collector and on a node.

use super::super::record::EventRecord;
use super::*;
use collector_domain::Condition;
use shared_model::{Event, EventContent};

const HOUR_US: i64 = 3_600_000_000;

fn moved(at: Timestamp, by_us: i64) -> Timestamp {
    Timestamp::from_micros(at.as_micros() + by_us)
}

/// Scenario: the node's clock is set an hour forward, an hour back or ten years forward while it streams, and is measured anew
/// only some seconds later; a port goes down after that and comes back. Guarantees: judging goes on as if nothing had happened,
/// in the collector's time.
#[test]
fn a_nodes_clock_may_be_set_while_it_streams() {
    let pack = Arc::new(Pack::builtin().unwrap());
    for step_us in [HOUR_US, -HOUR_US, 24 * 3_650 * HOUR_US, 20_000_000] {
        let (mut fold, mut sink) = (fresh(&pack), Rows::default());
        let mut records = beginning();
        for second in 0..60 {
            let step_us = if second < 10 { 0 } else { step_us };
            let at = moved(stamp(second).wall, step_us);
            records.push(reading(second, second, at, Lane::Live, !(20..40).contains(&second)));
            if second == 15 {
                let offset = Some(-step_us);
                records.push(Record::Heartbeat {
                    stamp: stamp(second),
                    source: 1,
                    clock_offset_us: offset,
                });
            }
            records.push(Record::Tick(stamp(second)));
        }
        let entries = run(&mut fold, &mut sink, &records, 0);
        let EntryKind::Opened { cause, occurred, late, .. } = &entries[0].kind else {
            panic!("{entries:?}")
        };
        assert_eq!((&**cause, *occurred, *late), ("ib.no_active_port", stamp(20).wall, false));
        assert_eq!(entries[0].at, stamp(22).wall, "{step_us}");
        let EntryKind::Condition { condition: Condition::Clear, at_event, .. } = entries[1].kind
        else {
            panic!("{entries:?}")
        };
        assert_eq!(at_event, stamp(40).wall, "{step_us}");
        assert_eq!(sink.rows.len(), 60, "what came is stored under the time it came with");
    }
}

/// Scenario: the collector's own clock is set an hour forward or back between two readings of a port that is down; nodes keep
/// the right time, and their offset is measured anew. Guarantees: the due times of the incident and the time at which it is
/// seen to be over are as without the step.
#[test]
fn the_collectors_clock_may_be_set() {
    let pack = Arc::new(Pack::builtin().unwrap());
    let story = |step_us: i64| {
        let mut records = beginning();
        for second in 0..60 {
            let stepped = |record| match record {
                Record::Batch(mut batch) if second >= 25 => {
                    batch.stamp.wall = moved(batch.stamp.wall, step_us);
                    Record::Batch(batch)
                }
                Record::Tick(mut stamp) if second >= 25 => {
                    stamp.wall = moved(stamp.wall, step_us);
                    Record::Tick(stamp)
                }
                other => other,
            };
            if second == 25 {
                let mut now = stamp(second);
                now.wall = moved(now.wall, step_us);
                let offset = Some(step_us);
                records.push(Record::Heartbeat { stamp: now, source: 1, clock_offset_us: offset });
            }
            records.push(stepped(batch(second, !(10..40).contains(&second))));
            records.push(stepped(Record::Tick(stamp(second))));
        }
        run(&mut fresh(&pack), &mut Rows::default(), &records, 0)
    };
    let expected = story(0);
    assert_eq!(expected.len(), 2, "{expected:?}");
    for step_us in [HOUR_US, -HOUR_US, 24 * 3_650 * HOUR_US] {
        assert_eq!(story(step_us), expected, "{step_us}");
    }
}

/// Scenario: a node whose clock runs two minutes ahead sends from its spool before its offset is known, then what it has taken
/// since. Guarantees: what would lie in the future is not judged, and what comes in its time is.
#[test]
fn the_future_is_not_judged() {
    let pack = Arc::new(Pack::builtin().unwrap());
    let (mut fold, mut sink) = (fresh(&pack), Rows::default());
    let mut records = beginning();
    for taken in 0..5 {
        let at = moved(stamp(taken).wall, 120_000_000);
        records.push(reading(5, taken, at, Lane::Backfill, false));
    }
    for second in 5..10 {
        records.push(batch(second, true));
    }
    let entries = run(&mut fold, &mut sink, &records, 0);
    assert_eq!(entries, []);
    let stands = |(rule, _, j): (&collector_domain::Rule, &Labels, collector_domain::Judgement)| {
        (*rule.id == *"ib.no_active_port").then_some((j.condition, j.judged_at))
    };
    let found: Vec<_> = fold.evaluator.conditions().filter_map(stands).collect();
    assert_eq!(found, [(Condition::Clear, stamp(9).wall)]);
}

/// Scenario: while the session is lost the node's clock is set an hour forward or back, which its event tells, and the port goes
/// down and up before that; live data comes first, then the event, then the spool. Guarantees: what was spooled before the step
/// is judged in its own time, as a late incident; and the step is a finding on the node.
#[test]
fn what_was_spooled_before_a_step_is_judged_in_its_time() {
    let pack = Arc::new(Pack::builtin().unwrap());
    for step_us in [HOUR_US, -HOUR_US] {
        let (mut fold, mut sink) = (fresh(&pack), Rows::default());
        let taken = |second: u64| {
            let step_us = if second < 40 { 0 } else { step_us };
            (moved(stamp(second).wall, step_us), !(20..30).contains(&second))
        };
        // The event takes the number of the reading of second 39, which there was none.
        let step = EventContent::ClockStep { step_us };
        let (at, boot) = (taken(40).0, stamp(40).boot);
        let event = Event { at, boot, key: "".into(), content: step };
        let mut records = beginning();
        records.extend((0..10).map(|second| batch(second, true)));
        records.push(Record::Closed { stamp: stamp(10), source: 1, planned: false });
        records.push(opened(60, -step_us));
        let (at, is_up) = taken(60);
        records.push(reading(60, 60, at, Lane::Live, is_up));
        records.push(Record::Event(EventRecord::new(stamp(60), 1, Seq(40), &event)));
        for second in (10..60).filter(|second| *second != 39) {
            let (at, is_up) = taken(second);
            records.push(reading(61, second, at, Lane::Backfill, is_up));
        }
        let entries = run(&mut fold, &mut sink, &records, 0);
        let EntryKind::Opened { cause, occurred, late, .. } = &entries[0].kind else {
            panic!("{entries:?}")
        };
        assert_eq!((&**cause, *occurred, *late), ("ib.no_active_port", stamp(20).wall, true));
        let EntryKind::Condition { condition: Condition::Clear, at_event, .. } = entries[1].kind
        else {
            panic!("{entries:?}")
        };
        assert_eq!((at_event, entries.len()), (stamp(30).wall, 2));
        let stepped: Vec<_> =
            fold.machine.deviations().map(|s| (&*s.rule, s.subject.get("host"))).collect();
        assert_eq!(stepped, [("time.clock_step", Some("db1"))]);
    }
}

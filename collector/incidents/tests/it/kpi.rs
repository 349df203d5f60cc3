//! The figures: from timelines, and over random facts.

use crate::pack::{self, HEALTHY};
use crate::timeline::{START, World};
use collector_domain::{
    Actor, Change, ChangeId, ChangeState, Contract, Downtime, Entry, EntryKind, Figures,
    IncidentId, NewChange, Period, ServiceState,
};
use collector_incidents::{Facts, figures};
use proptest::prelude::*;
use shared_model::Timestamp;
use std::time::Duration;

pub(crate) fn facts(entries: &[Entry]) -> Facts {
    let mut facts = Facts::default();
    entries.iter().for_each(|entry| facts.take(entry));
    facts
}

fn second(second: u64) -> Timestamp {
    START.plus(Duration::from_secs(second))
}

fn of(world: &World, from: u64, to: u64) -> Figures {
    let period = Period { from: second(from), to: second(to) };
    let incidents = world.machine.incidents().values();
    figures(&facts(&world.entries), incidents, &pack::contract(1), period, world.now())
}

/// Scenario: a period without any incident (T15). Guarantees: no level 1 is "met", without a value, never 0/0.
#[test]
fn nothing_to_count_is_met() {
    let figures = of(&World::play(1, HEALTHY), 0, 100);
    for ratio in [&figures.response, &figures.level_1, &figures.onsite, &figures.level_2_up[0]] {
        assert_eq!((ratio.value(), ratio.is_met(), ratio.counted()), (None, true, 0));
    }
    assert!(figures.level_1.one_more_fails());
}

/// Scenario: incidents answered in time, too late, not yet and never; one cancelled with the hospital's consent, one merged.
/// Guarantees: each is counted where it belongs and named; an overdue one is a miss before anybody wrote it.
#[test]
fn responses_are_counted_one_by_one() {
    let world = World::play(
        1,
        "0 breach os.cpu_busy host=a
         0 breach os.cpu_busy host=b
         0 breach os.cpu_busy host=c
         0 breach os.cpu_busy host=d
         0 breach os.cpu_busy host=e
         1 ack 1 li
         1 ask-cancel 4 li x
         1 ask-merge 5 li 1 x
         2 consent 4 wang
         2 consent 5 wang
         301 ack 2 li
         400 breach os.cpu_busy host=f
         401 flush",
    );
    let figures = of(&world, 0, 1_000);
    let ids = |ids: &[u64]| ids.iter().map(|id| IncidentId(*id)).collect::<Vec<_>>();
    assert_eq!((figures.response.met, &figures.response.missed), (1, &ids(&[2, 3])));
    assert_eq!(figures.response.excluded, [(IncidentId(6), "its clock still runs")]);
    assert_eq!(figures.answered.met, 2);
    assert_eq!((&figures.cancelled, &figures.merged), (&ids(&[4]), &ids(&[5])));
    assert!(!figures.response.is_met());
    let later = of(&world, 400, 1_000);
    assert_eq!((later.response.counted(), later.response.excluded.len()), (0, 1));
}

/// Scenario: 199 and 200 incidents of level 3, one of them late. Guarantees: 99.5 % is kept with 200, and one more miss fails.
#[test]
fn one_miss_in_two_hundred_is_kept() {
    for (count, met, last) in [(199, false, false), (200, true, true), (400, true, false)] {
        let mut ratio = of(&World::play(1, HEALTHY), 0, 1).level_2_up[1].clone();
        ratio.met = count - 1;
        ratio.missed = vec![IncidentId(1)];
        assert_eq!((ratio.is_met(), ratio.one_more_fails()), (met, last), "{count}");
    }
}

/// Scenario: a service is declared and seen from second 1 on, down from 100 to 160, without witnesses from 300 on; the period began
/// before (T4). Guarantees: observed from its first observation on, and says so; unknown time is apart and counts for acceptance.
#[test]
fn downtime_begins_with_the_first_observation() {
    let mut world = World::play(1, HEALTHY);
    world.run(
        "100 breach db.instance_up host=db1 instance=db1:5432 age=0
         100 breach db.instance_up host=db2 instance=db1:5432 age=0
         160 clear db.instance_up host=db1 instance=db1:5432
         160 clear db.instance_up host=db2 instance=db1:5432
         300 unknown db.instance_up host=db1 instance=db1:5432
         300 unknown db.instance_up host=db2 instance=db1:5432
         309 wrote 3 service_state
         310 wrote 4 service_state
         400 flush",
    );
    let period = Period { from: START.minus(Duration::from_secs(1_000)), to: second(1_000) };
    let all = figures(&facts(&world.entries), [], &pack::contract(1), period, world.now());
    let [his] = &all.downtime[..] else { panic!("{:?}", all.downtime) };
    assert!(!his.from_begin);
    let observed = (his.observed.from.since(START), his.observed.to.since(START));
    assert_eq!(observed, (Duration::ZERO, Duration::from_secs(400)));
    assert_eq!((his.down.as_secs(), his.unknown.as_secs()), (60, 100));
    assert_eq!(his.worst().as_secs(), 160);
    assert_eq!(his.availability(), Some(1.0 - 60.0 / 400.0));
}

/// Scenario: the collector is away for 5 s and for 5 minutes. Guarantees: a moment is nothing; the rest is unknown, not up.
#[test]
fn the_collectors_absence_is_unknown() {
    for (away, unknown) in [(5, 0), (300, 300)] {
        let mut world = World::play(1, HEALTHY);
        world.wait_until(100);
        let (left, now) = (world.now(), second(100 + away));
        world.entries.extend(world.machine.resumed(left, now));
        world.wait_until(100 + away + 1);
        let down = &of(&world, 0, 10_000).downtime[0];
        assert_eq!(down.unknown.as_secs(), unknown, "{away}");
    }
}

/// A day in seconds; the windows below are in working hours of a Monday.
fn change(id: u64, working_days: bool, from: u64, to: u64, approved: bool) -> Vec<Entry> {
    let (start, end) = (second(from), second(to));
    let plan = NewChange { title: "x".to_owned(), documents: vec![], services: vec![], start, end };
    let change = Change {
        id: ChangeId(id),
        plan,
        by: "li".to_owned(),
        submitted: START,
        earliest: if working_days { start } else { end },
        provisional: false,
        state: ChangeState::Submitted,
    };
    let entry = |kind| Entry {
        at: START,
        incident: IncidentId::NONE,
        actor: Actor::Person("wang".to_owned()),
        kind,
    };
    let mut entries = vec![entry(EntryKind::ChangeSubmitted { change })];
    if approved {
        entries.push(entry(EntryKind::ChangeApproved { change: ChangeId(id) }));
    }
    entries
}

fn state(service: &str, state: ServiceState, since: u64) -> Entry {
    let kind = EntryKind::ServiceState { service: service.to_owned(), state, since: second(since) };
    Entry { at: second(since), incident: IncidentId::NONE, actor: Actor::Collector, kind }
}

fn downtime(entries: &[Entry], from: u64, to: u64) -> Vec<Downtime> {
    let period = Period { from: second(from), to: second(to) };
    figures(&facts(entries), [], &Contract::default(), period, second(10_000)).downtime
}

/// Scenario: the service is down from 90 to 210 around a window from 100 to 200 (T5): announced in time and approved, announced
/// too late, not approved. Guarantees: only the first is deducted, and its overrun counts; the others say why not.
#[test]
fn only_an_announced_and_approved_window_is_deducted() {
    let base = [
        state("his", ServiceState::Up, 0),
        state("his", ServiceState::Down, 90),
        state("his", ServiceState::Up, 210),
    ];
    for (in_time, approved, down, not) in [
        (true, true, 20, None),
        (false, true, 120, Some("it was handed in less than the agreed working days before")),
        (true, false, 120, Some("the hospital did not approve it before its window")),
    ] {
        let entries = [&base[..], &change(1, in_time, 100, 200, approved)].concat();
        let his = &downtime(&entries, 0, 1_000)[0];
        assert_eq!(his.down.as_secs(), down);
        assert_eq!(his.planned.as_secs(), 120 - down);
        assert_eq!(his.not_deducted.first().map(|(_, why)| *why), not);
        assert_eq!(his.deducted.len(), usize::from(not.is_none()));
    }
}

fn histories() -> impl Strategy<Value = Vec<Entry>> {
    let states = vec![ServiceState::Up, ServiceState::Down, ServiceState::Unknown];
    let span = (1u64..400, prop::sample::select(states));
    let windows = (0u64..3_000, 1u64..500, any::<bool>(), any::<bool>());
    (prop::collection::vec(span, 1..20), prop::collection::vec(windows, 0..6)).prop_map(
        |(spans, windows)| {
            let mut at = 0;
            let mut entries = Vec::new();
            for (length, to) in spans {
                entries.push(state("his", to, at));
                at += length;
            }
            for ((from, length, in_time, approved), id) in windows.into_iter().zip(1..) {
                entries.extend(change(id, in_time, from, from + length, approved));
            }
            entries
        },
    )
}

proptest! {
    /// Scenario: random states of a service and random windows (T11). Guarantees: availability is within 0 and 1; every part of
    /// downtime over a period is the sum over two halves of it; another service beside it changes nothing.
    #[test]
    fn downtime_is_additive(entries in histories(), cut in 1u64..3_999) {
        let whole = downtime(&entries, 0, 4_000).remove(0);
        let parts = [downtime(&entries, 0, cut).remove(0), downtime(&entries, cut, 4_000).remove(0)];
        let sum = |of: fn(&Downtime) -> Duration| parts.iter().map(of).sum::<Duration>();
        let parts_of: [fn(&Downtime) -> Duration; 4] =
            [|d| d.down, |d| d.planned, |d| d.windows, |d| d.unknown];
        for of in parts_of {
            prop_assert_eq!(of(&whole), sum(of));
        }
        for part in parts.iter().chain([&whole]) {
            prop_assert!(part.availability().is_none_or(|a| (0.0..=1.0).contains(&a)));
        }
        let beside = [&entries[..], &[state("lis", ServiceState::Down, 7)]].concat();
        let with = downtime(&beside, 0, 4_000);
        prop_assert_eq!(with.iter().find(|d| d.service == "his"), Some(&whole));
    }
}

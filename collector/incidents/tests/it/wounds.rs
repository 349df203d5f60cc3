//! Wounds of other systems, as timelines (mission T1, T2, T3, T8; the others stand beside what they are about: T4, T5, T11 and T15
//! with the figures, T13 with the changes, T6, T10, T12 and T14 with the notifications, T7 with the ledger, T9 with the daemons).

use crate::kpi::facts;
use crate::pack::{self, HEALTHY};
use crate::timeline::{START, World};
use collector_domain::{Condition, EntryKind, Finding, Incident, IncidentId, Period, Rule};
use collector_incidents::figures;
use shared_model::{Labels, Level, Timestamp};
use std::time::Duration;

const CPU: &str = "os.cpu_busy";

fn second(second: u64) -> Timestamp {
    START.plus(Duration::from_secs(second))
}

fn incident(world: &World, number: u64) -> &Incident {
    &world.machine.incidents()[&IncidentId(number)]
}

/// Event times at which the ledger says that an incident's own check became so.
fn became(world: &World, number: u64, wanted: Condition) -> Vec<Timestamp> {
    let of = |entry: &collector_domain::Entry| match &entry.kind {
        EntryKind::Condition { condition, at_event, .. } => {
            (entry.incident.0 == number && *condition == wanted).then_some(*at_event)
        }
        _ => None,
    };
    world.entries.iter().filter_map(of).collect()
}

/// Late data of db1's processor: breached or clear since a second of the past.
fn of_the_past(condition: Condition, since: u64) -> Finding {
    Finding {
        rule: CPU.into(),
        subject: Labels::from_pairs([("host", "db1")]),
        condition,
        since: second(since),
        at: second(since),
        value: Some(0.5),
        no_data: false,
    }
}

/// Scenario: the collector is down from 10 to 1,210; a node breaches at 100 and recovers at 700; its spool comes at 1,230, one part
/// of it twice; then live data (T1). Guarantees: one incident, which began and ended when it did on the node; the response counts
/// from when the collector knew; the service is unknown meanwhile, not up.
#[test]
fn a_breach_while_the_collector_was_down_is_one_incident() {
    let mut world = World::play(1, HEALTHY);
    world.wait_until(10);
    let left = world.now();
    world.second = 1_210;
    let now = world.now();
    world.entries.extend(world.machine.resumed(left, now));
    world.wait_until(1_230);
    let spool = [of_the_past(Condition::Breached, 100), of_the_past(Condition::Clear, 700)];
    for part in [&spool[..1], &spool[..], &spool[1..]] {
        let entries = world.machine.late_findings(world.now(), part, &[], &world.board);
        world.entries.extend(entries);
    }
    world.run(
        "1231 clear os.cpu_busy host=db1
         1240 restart
         1240 want 1 os.cpu_busy L3 open clear
         1240 incidents 1
         1530 wrote 0 response_missed
         1531 wrote 1 response_missed",
    );
    let one = incident(&world, 1);
    assert!(one.late);
    assert_eq!((one.clocks.occurred, one.clocks.detected), (second(100), second(1_230)));
    assert_eq!(became(&world, 1, Condition::Clear), [second(700)]);
    let period = Period { from: START, to: second(1_530) };
    let figures = figures(&facts(&world.entries), [], &pack::contract(1), period, world.now());
    assert!(figures.downtime[0].unknown >= Duration::from_secs(1_200));
}

/// Scenario: while an incident runs, its rule is edited: another level, other causes; then the rule is gone (T2). Guarantees: number,
/// level and clocks stay; the miss is written at its second.
#[test]
fn an_edited_rule_leaves_the_clock_unbroken() {
    let mut world = World::play(1, "0 breach os.cpu_busy host=db1\n100 flush");
    let before = incident(&world, 1).clocks.clone();
    let edited: Vec<Rule> = pack::rules()
        .into_iter()
        .map(|rule| match &*rule.id {
            CPU => Rule { level: Level::Two, explained_by: vec![], ..rule },
            _ => rule,
        })
        .collect();
    let gone: Vec<Rule> = pack::rules().into_iter().filter(|rule| *rule.id != *CPU).collect();
    for rules in [edited, gone] {
        world.machine.reconfigure(&rules, pack::contract(1), pack::topology());
        assert_eq!(incident(&world, 1).clocks, before);
    }
    world.run(
        "300 want 1 os.cpu_busy L3 open breached
         300 wrote 0 response_missed
         301 wrote 1 response_missed
         301 incidents 1",
    );
}

/// Scenario: the agent of a node with an incident is killed and started again an hour later (T3). Guarantees: its check is unknown
/// all the while, never clear; nobody can resolve it; it is judged anew afterwards.
#[test]
fn a_dead_agent_recovers_nothing() {
    let mut world = World::play(1, HEALTHY);
    world.run(
        "5 breach os.cpu_busy host=db1
         6 ack 1 li
         20 breach monitoring.node_silent host=db1 age=10
         20 want 1 os.cpu_busy L3 acknowledged unknown
         20 want 2 monitoring.node_silent L3 open breached
         1000 refuse resolve 1 li: unknown
         3600 want 1 os.cpu_busy L3 acknowledged unknown",
    );
    assert_eq!(became(&world, 1, Condition::Clear), []);
    world.run(
        "3620 clear monitoring.node_silent host=db1
         3620 want 1 os.cpu_busy L3 acknowledged breached
         3621 clear os.cpu_busy host=db1
         3621 want 1 os.cpu_busy L3 acknowledged clear",
    );
    assert_eq!(became(&world, 1, Condition::Clear).len(), 1);
}

/// Scenario: every witness of a service dies at 100, nothing but silence follows (T3). Guarantees: from then on it is unknown, not up.
#[test]
fn a_service_that_nobody_sees_is_not_up() {
    let mut world = World::play(1, HEALTHY);
    world.run(
        "100 mute db1
         100 mute db2
         100 breach monitoring.node_silent host=db1 age=10
         100 breach monitoring.node_silent host=db2 age=10
         1000 flush",
    );
    let period = Period { from: START, to: second(1_000) };
    let figures = figures(&facts(&world.entries), [], &pack::contract(1), period, world.now());
    let his = &figures.downtime[0];
    assert!(his.unknown >= Duration::from_secs(890), "{his:?}");
    assert_eq!(his.down, Duration::ZERO);
}

/// Scenario: two engineers acknowledge within the same second, in either order (T8). Guarantees: the first wins; the second is told
/// by whom, and changes nothing.
#[test]
fn two_acknowledge_and_one_wins() {
    for (first, other) in [("li", "wang"), ("wang", "li")] {
        let world = World::play(
            1,
            &format!(
                "0 breach os.cpu_busy host=db1
                 5 ack 1 {first}
                 5 refuse ack 1 {other}: acknowledged by {first}
                 5 wrote 1 acknowledged"
            ),
        );
        assert_eq!(incident(&world, 1).acknowledged_by.as_deref(), Some(first));
    }
}

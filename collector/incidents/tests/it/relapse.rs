//! One fault of a database service after the other: what is a relapse, what is a fault of its own, and how long a
//! classification settles before that is decided.

use crate::faults::heal;
use crate::pack::{self, HEALTHY};
use crate::properties::{proven, watch_is_undisturbed};
use crate::timeline::{START, World};
use collector_domain::{IncidentId, IncidentState, Topology};
use collector_incidents::fold;
use std::time::Duration;

struct Fault {
    cause: &'static str,
    level: &'static str,
    /// Calls of the witnesses; the findings of one call are separated by `;`.
    calls: &'static [&'static str],
    /// Rules linked to its incident, sorted.
    links: &'static [&'static str],
}

const STANDBY_LOST: Fault = Fault {
    cause: "db.standby_lost",
    level: "L3",
    calls: &[
        "breach db.instance_up host=db1 instance=db2:5432",
        "breach db.instance_up host=db2 instance=db2:5432;unknown db.standby_usable host=db2 instance=db2:5432",
        "breach db.replication host=db2 instance=db2:5432",
    ],
    links: &["db.instance_up", "db.instance_up", "db.replication"],
};

const FAILOVER: Fault = Fault {
    cause: "db.down_standby_usable",
    level: "L2",
    calls: &[
        "breach db.instance_up host=db1 instance=db1:5432;unknown db.writable host=db1 instance=db1:5432",
        "breach db.instance_up host=db2 instance=db1:5432",
        "clear db.writable host=db2 instance=db2:5432;breach db.standby_usable host=db2 instance=db2:5432",
        "breach db.replication host=db2 instance=db2:5432",
        "breach core.service_up host=db2 instance=db1:5432 service=挂号",
    ],
    links: &["core.service_up", "db.instance_up", "db.instance_up", "db.replication"],
};

const DOWN: Fault = Fault {
    cause: "db.down",
    level: "L1",
    calls: &[
        "breach db.instance_up host=db1 instance=db1:5432;unknown db.writable host=db1 instance=db1:5432",
        "breach db.instance_up host=db1 instance=db2:5432",
        "breach db.instance_up host=db2 instance=db1:5432",
        "breach db.instance_up host=db2 instance=db2:5432;unknown db.standby_usable host=db2 instance=db2:5432",
        "breach db.replication host=db2 instance=db2:5432",
        "breach core.service_up host=db2 instance=db1:5432 service=挂号",
    ],
    links: &[
        "core.service_up",
        "db.instance_up",
        "db.instance_up",
        "db.instance_up",
        "db.instance_up",
        "db.replication",
    ],
};

/// How far apart the first and the last call of a fault are: two witnesses that sample each second, and some delay.
const SPREAD_MILLIS: u64 = 1_200;

/// Makes a fault from `start` on, its calls in this order and evenly spread, and lets it settle.
fn strike(world: &mut World, fault: &Fault, order: &[usize], start: u64, spread: u64) {
    for (place, call) in order.iter().enumerate() {
        let gaps = order.len() as u64 - 1;
        world.wait_until_millis(start + spread * place as u64 / gaps);
        for finding in fault.calls[*call].split(';') {
            let second = world.second;
            world.run_line(&format!("{second} {finding}"));
        }
        world.flush();
    }
    world.wait_until(world.second + 3);
}

/// The healthy appliance after this fault was repaired: incident 1 is under watch.
fn watching(fault: &Fault) -> World {
    let mut world = World::play(1, HEALTHY);
    let order: Vec<usize> = (0..fault.calls.len()).collect();
    strike(&mut world, fault, &order, 5_000, SPREAD_MILLIS);
    heal(&mut world, 1);
    assert_eq!(world.incidents(), [format!("1 {} {} watching clear", fault.cause, fault.level)]);
    world
}

/// Every order of `count` calls.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for next in 0..count {
        let longer = |order: &Vec<usize>| {
            let insert = |place| {
                let mut order = order.clone();
                order.insert(place, next);
                order
            };
            (0..=order.len()).map(insert).collect::<Vec<_>>()
        };
        orders = orders.iter().flat_map(longer).collect();
    }
    orders
}

/// Plays `second` after a watched `first` in every order of its calls, at once and spread, at different times between
/// two ticks.
fn in_every_order(first: &Fault, second: &Fault) {
    let same = first.cause == second.cause;
    let before = watching(first);
    for (at, order) in orders(second.calls.len()).iter().enumerate() {
        let phase = at as u64 % 10 * 100;
        for spread in [0, SPREAD_MILLIS] {
            let what = format!("{} then {}: {order:?} {spread}", first.cause, second.cause);
            let mut world = before.clone();
            let start = (world.second + 5) * 1_000 + phase;
            strike(&mut world, second, order, start, spread);
            let number = if same { 1 } else { 2 };
            let mut want = vec![format!("1 {} {} watching clear", first.cause, first.level)];
            want.truncate(number - 1);
            let number = number as u64;
            want.push(format!("{number} {} {} open breached", second.cause, second.level));
            assert_eq!(world.incidents(), want, "{what}");
            assert_eq!(world.links(number), second.links, "{what}");
            let incident = &world.machine.incidents()[&IncidentId(number)];
            assert_eq!(incident.reopened, u32::from(same), "{what}");
            assert_eq!(incident.levels.len(), 1, "{what}");
            let written = world.entries.len() - before.entries.len();
            let new = world.entries.iter().rev().take(written).map(|e| e.incident);
            let mut of_incidents = new.filter(|id| *id != IncidentId::NONE);
            assert!(of_incidents.all(|id| id == IncidentId(number)), "{what}");
            assert!(watch_is_undisturbed(&world.entries, IncidentId(1)), "{what}");

            heal(&mut world, number);
            let states = world.machine.incidents().values().map(|i| i.state);
            assert!(states.clone().all(|s| s == IncidentState::Watching), "{what}");
            let folded = fold(&world.entries, &pack::rules()).expect("the ledger is a history");
            assert_eq!(proven(&folded), proven(world.machine.incidents()), "{what}");
        }
    }
}

/// Scenario: a failover healed into its watch, then both instances down; and the reverse; each in every order of calls.
/// Guarantees: one new incident of the final classification, never of a passing one, with all that belongs to it; the
/// watched one has no entry, no link and no breach; both heal into the watch and the ledger yields the same.
#[test]
fn another_fault_is_an_incident_of_its_own() {
    in_every_order(&FAILOVER, &DOWN);
    in_every_order(&DOWN, &FAILOVER);
}

/// Scenario: the loss of the standby before and after each of the other faults, in every order of calls.
/// Guarantees: as above, for a milder watch under a worse fault and a worse watch under a milder fault.
#[test]
fn a_lost_standby_is_an_incident_of_its_own() {
    in_every_order(&STANDBY_LOST, &FAILOVER);
    in_every_order(&FAILOVER, &STANDBY_LOST);
    in_every_order(&STANDBY_LOST, &DOWN);
    in_every_order(&DOWN, &STANDBY_LOST);
}

/// Scenario: each fault twice, the second time in every order of calls. Guarantees: the same number is reopened once, at
/// the same level, and nothing else opens.
#[test]
fn the_same_fault_reopens_its_number() {
    in_every_order(&STANDBY_LOST, &STANDBY_LOST);
    in_every_order(&FAILOVER, &FAILOVER);
    in_every_order(&DOWN, &DOWN);
}

const REPLICATION: &str = "db.replication host=db2 instance=db2:5432";
const PRIMARY: &str = "db.instance_up host=db1 instance=db1:5432";

/// Scenario: a classification that began 1.999 s, 2 s and 2.001 s before the next call, whatever that call brings.
/// Guarantees: it opens at 2 s, not before; detected then, occurred at the first bad sample; the tick opens too.
#[test]
fn two_seconds_settle_a_classification() {
    for (wait, opens) in [(1_999, 0), (2_000, 1), (2_001, 1)] {
        let mut world = World::play(1, HEALTHY);
        world.wait_until_millis(5_300);
        world.run_line(&format!("5 breach {REPLICATION} age=3"));
        world.wait_until_millis(5_300 + wait);
        world.run_line("7 breach os.zombies host=db1");
        world.flush();
        assert_eq!(world.machine.incidents().len(), opens, "{wait}");
        world.wait_until(8);
        let clocks = &world.machine.incidents()[&IncidentId(1)].clocks;
        assert_eq!(clocks.occurred, START.plus(Duration::from_millis(2_300)));
        let detected = if opens == 1 { 5_300 + wait } else { 8_000 };
        assert_eq!(clocks.detected, START.plus(Duration::from_millis(detected)), "{wait}");
    }
}

/// Scenario: while it settles a classification becomes another, is gone and there again, or the collector restarts.
/// Guarantees: the final one opens, two seconds after the first; one that is gone begins anew; a restart changes nothing;
/// the occurrence is the first bad sample even when that check is clear again.
#[test]
fn a_settling_classification_may_change() {
    let mut world = World::play(1, HEALTHY);
    world.run(&format!(
        "5 breach {PRIMARY} age=4
         6 breach {REPLICATION} age=2
         6 clear {PRIMARY}
         6 incidents 0
         6 restart
         7 want 1 db.standby_lost L3 open breached
         7 links 1 db.replication
         9 incidents 1"
    ));
    let clocks = &world.machine.incidents()[&IncidentId(1)].clocks;
    assert_eq!(clocks.occurred, START.plus(Duration::from_secs(1)));
    // A check that is confirmed later may have been bad for longer.
    let mut world = World::play(1, HEALTHY);
    world.run(&format!(
        "5 breach {PRIMARY} age=1
         6 breach {REPLICATION} age=4
         6 flush
         6 clear {REPLICATION}
         7 want 1 db.suspect L2 open breached"
    ));
    let clocks = &world.machine.incidents()[&IncidentId(1)].clocks;
    assert_eq!(clocks.occurred, START.plus(Duration::from_secs(2)));
    World::play(1, HEALTHY).run(&format!(
        "5 breach {REPLICATION}
         6 clear {REPLICATION}
         7 breach {REPLICATION}
         8 incidents 0
         9 want 1 db.standby_lost L3 open breached"
    ));
}

/// Scenario: an incident of the service that is open, and one that is resolved, meet another classification.
/// Guarantees: both follow it at once: only what has no incident yet, or a watched one, settles.
#[test]
fn what_is_not_under_watch_follows_at_once() {
    for (acts, state) in [(&["ack"][..], "acknowledged"), (&["ack", "resolve"], "open")] {
        let mut world = World::play(1, HEALTHY);
        world.run(&format!("5 breach {REPLICATION}\n7 incidents 1\n7 clear {REPLICATION}"));
        for act in acts {
            world.run(&format!("8 {act} 1 li"));
        }
        world.run(&format!("9 breach {PRIMARY}\n9 want 1 db.suspect L2 {state} breached"));
        world.run("12 incidents 1");
    }
}

/// Scenario: under the watch of a loss of the database another incident opens and rises to the same loss; both are
/// watched, and it happens again. Guarantees: they are not merged; the one repaired last is reopened.
#[test]
fn a_rise_to_a_watched_cause_merges_nothing() {
    let mut world = watching(&DOWN);
    let second = world.second + 5;
    world.run(&format!(
        "{second} breach {PRIMARY}\n{} want 2 db.suspect L2 open breached",
        second + 2
    ));
    let order: Vec<usize> = (0..DOWN.calls.len()).collect();
    let start = world.elapsed_millis() + 1_000;
    strike(&mut world, &DOWN, &order, start, SPREAD_MILLIS);
    let want = ["1 db.down L1 watching clear", "2 db.down L1 open breached"];
    assert_eq!(world.incidents(), want);
    heal(&mut world, 2);
    let start = world.elapsed_millis() + 1_000;
    strike(&mut world, &DOWN, &order, start, SPREAD_MILLIS);
    assert_eq!(world.incidents(), want);
    assert_eq!(world.machine.incidents()[&IncidentId(2)].reopened, 1);
    let folded = fold(&world.entries, &pack::rules()).expect("the ledger is a history");
    assert_eq!(proven(&folded), proven(world.machine.incidents()));
}

/// Scenario: the watch (86.4 s at scale 1000, from second 13) would end while a classification settles that is its relapse, another,
/// or that goes away. Guarantees: a relapse within the watch reopens; another fault does not keep it; nor does nothing.
#[test]
fn a_watch_does_not_end_while_a_classification_settles() {
    for (finding, want) in [
        (REPLICATION, &["1 db.standby_lost L3 open breached"][..]),
        (PRIMARY, &["1 db.standby_lost L3 watched clear", "2 db.suspect L2 open breached"]),
    ] {
        let mut world = World::play(1_000, HEALTHY);
        world.run(&format!(
            "5 breach {REPLICATION}
             7 ack 1 li
             8 clear {REPLICATION}
             9 resolve 1 li
             12 verify 1 li
             13 want 1 db.standby_lost L3 watching clear
             99 breach {finding}
             100 want 1 db.standby_lost L3 watching clear"
        ));
        let gone = &mut world.clone();
        gone.run(&format!("100 clear {finding}\n101 want 1 db.standby_lost L3 watched clear"));
        gone.run("110 incidents 1");
        world.wait_until(101);
        assert_eq!(world.incidents(), want);
    }
}

/// Scenario: a witness of a watched incident's check stops reporting with an accusation, so that it no longer counts.
/// Guarantees: the watch is unknown, never breached, and cannot end; it is clear when the witness is back.
#[test]
fn an_accusation_that_nobody_repeats_leaves_a_watch_unknown() {
    let mut world = watching(&STANDBY_LOST);
    let second = world.second + 1;
    let gone = second + 70;
    world.run(&format!(
        "{second} breach {REPLICATION}
         {second} breach {PRIMARY}
         {} want 2 db.suspect L2 open breached
         {} clear {PRIMARY}
         {} mute db2
         {gone} want 1 db.standby_lost L3 watching unknown
         {gone} clear {REPLICATION}
         {gone} want 1 db.standby_lost L3 watching clear",
        second + 2,
        second + 3,
        second + 4,
    ));
    assert!(watch_is_undisturbed(&world.entries, IncidentId(1)));
}

/// Scenario: the service leaves the topology while a classification settles, and comes back much later.
/// Guarantees: the wait is forgotten and begins anew.
#[test]
fn a_service_that_is_not_declared_settles_nothing() {
    let mut world = World::play(1, HEALTHY);
    world.run(&format!("5 breach {REPLICATION}"));
    let contract = pack::contract(1);
    world.machine.reconfigure(&pack::rules(), contract.clone(), Topology::default());
    world.wait_until(30);
    world.machine.reconfigure(&pack::rules(), contract, pack::topology());
    world.run("31 incidents 0\n32 incidents 0\n33 want 1 db.standby_lost L3 open breached");
}

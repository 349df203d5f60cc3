//! Random histories: what holds whatever comes.

use crate::kpi::facts;
use crate::pack;
use crate::timeline::{START, World};
use collector_domain::{
    Awaited, Condition, Entry, EntryKind, Incident, IncidentId, IncidentState, Period,
};
use collector_incidents::{FoldError, figures, fold};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

const CHECKS: [&str; 20] = [
    "db.instance_up host=db1 instance=db1:5432",
    "db.instance_up host=db2 instance=db1:5432",
    "db.instance_up host=db1 instance=db2:5432",
    "db.instance_up host=db2 instance=db2:5432",
    "db.instance_up host=db2 instance=x:1",
    "db.writable host=db1 instance=db1:5432",
    "db.writable host=db2 instance=db2:5432",
    "db.standby_usable host=db1 instance=db1:5432",
    "db.standby_usable host=db2 instance=db2:5432",
    "db.replication host=db2 instance=db2:5432",
    "core.service_up host=db2 instance=db1:5432 service=挂号",
    "storage.free_space host=db1 device=/dev/loop7 mountpoint=/data",
    "storage.io_wait host=db1 device=loop7",
    "session.blocked instance=db1:5432",
    "session.idle_transaction instance=db1:5432",
    "os.cpu_busy host=db1",
    "os.long_high_load host=db1",
    "os.zombies host=db1",
    "monitoring.node_silent host=db1",
    "monitoring.probe_data host=db1 probe=cpu",
];

/// Acts with what follows the person; the frequent ones more than once.
const ACTS: [(&str, &str); 20] = [
    ("ack", ""),
    ("ack", ""),
    ("resolve", ""),
    ("resolve", ""),
    ("verify", ""),
    ("verify", ""),
    ("dispatch", "zhao"),
    ("arrive", ""),
    ("confirm-core", ""),
    ("reopen", "not over"),
    ("ask-cancel", "a test"),
    ("ask-merge", "1 the same"),
    ("ask-lower", "3 milder"),
    ("consent", ""),
    ("decline", "no"),
    ("separate", "os.long_high_load host=db1"),
    ("dispute", "too late"),
    ("settle", "agreed"),
    ("diagnose", "cause"),
    ("sign", ""),
];

/// One step: how many seconds pass, and a line without its second.
fn steps() -> impl Strategy<Value = Vec<(u64, String)>> {
    let verb = prop::sample::select(vec!["breach", "breach", "clear", "clear", "unknown"]);
    let finding = (verb, prop::sample::select(&CHECKS[..]), 0u64..400)
        .prop_map(|(verb, check, age)| format!("{verb} {check} value=2 age={age}"));
    let act = (prop::sample::select(&ACTS[..]), 1u64..5, prop::sample::select(vec!["li", "wang"]))
        .prop_map(|((act, rest), number, who)| format!("try {act} {number} {who} {rest}"));
    let other = prop::sample::select(vec![
        "flush",
        "mute db1",
        "unmute db1",
        "restart",
        "say 7 db1:5432 db.blocking 11 root|  12 waits",
        "say 8 db1:5432 db.blocking 11 root",
        "say 9 db1:5432 db.blocking",
    ]);
    let line = prop_oneof![
        6 => finding,
        4 => act,
        2 => other.prop_map(str::to_owned),
    ];
    // Mostly seconds, sometimes minutes: at scale 1000 a watch is 86 s, a level 3 is due after 7 s.
    let pause = prop_oneof![6 => 0u64..3, 1 => 10u64..100];
    prop::collection::vec((pause, line), 1..120)
}

fn play(steps: &[(u64, String)], restarts: bool) -> World {
    let mut world = World::new(1_000);
    for (pause, line) in steps {
        let second = world.second + pause;
        world.wait_until(second);
        match line.strip_prefix("try ") {
            // A refusal is fine here; what must hold is checked below.
            Some(act) => drop(world.act(act)),
            None if line == "restart" && !restarts => world.flush(),
            None => world.run_line(&format!("{second} {line}")),
        }
    }
    world.flush();
    world
}

/// What the ledger can prove: without live values, conditions of links, and `late`.
pub(crate) fn proven(incidents: &BTreeMap<IncidentId, Incident>) -> Vec<Incident> {
    let mut incidents: Vec<Incident> = incidents.values().cloned().collect();
    for incident in &mut incidents {
        incident.value = None;
        incident.late = false;
        for link in &mut incident.links {
            link.condition = Condition::Unknown;
            link.value = None;
        }
    }
    incidents
}

fn is_of_service(incident: &Incident) -> bool {
    incident.subject.get("service") == Some("his")
}

/// Whether nothing is written of an incident from its verification until it is reopened or closed, but that its data
/// is missing or there again.
pub(crate) fn watch_is_undisturbed(entries: &[Entry], id: IncidentId) -> bool {
    let mut watched = false;
    entries.iter().filter(|e| e.incident == id).all(|entry| match entry.kind {
        EntryKind::Verified { .. } => {
            watched = true;
            true
        }
        EntryKind::Reopened { .. } | EntryKind::WatchEnded => {
            watched = false;
            true
        }
        EntryKind::Condition { condition, .. } => !watched || condition != Condition::Breached,
        _ => !watched,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Scenario: random findings, acts, silences, pauses and restarts.
    /// Guarantees: never a panic; a restart changes nothing; numbers are dense; entries never go back in time; levels only
    /// rise, unless the hospital agreed; the ledger alone yields the same incidents and figures; every state waits for a person or an instant that has not passed unwritten; no two unfinished incidents on one cause and subject, and of a database
    /// service one at most that is not under watch; the watch of a service's incident is never linked to nor breached.
    #[test]
    fn invariants_hold_in_any_history(steps in steps()) {
        let world = play(&steps, true);
        let unbroken = play(&steps, false);
        prop_assert_eq!(&world.entries, &unbroken.entries);
        prop_assert_eq!(world.machine.state(), unbroken.machine.state());

        let incidents = world.machine.incidents();
        let numbers: Vec<u64> = incidents.keys().map(|id| id.0).collect();
        prop_assert_eq!(&numbers, &(1..=numbers.len() as u64).collect::<Vec<_>>());
        prop_assert!(world.entries.windows(2).all(|w| w[0].at <= w[1].at));
        for incident in incidents.values() {
            // Nothing is forgotten: each state waits for a person or for an instant, and ended ones for nothing.
            let awaited = incident.awaits();
            prop_assert_eq!(awaited.is_empty(), incident.state.is_final(), "{:?}", incident.state);
            for awaited in awaited {
                // A limit that has passed was written; only the end of a watch may wait for data.
                if let Awaited::Time(name, at) = awaited {
                    let is_watch = name == "watch_until";
                    prop_assert!(is_watch || at >= world.now() || incident.clocks.clear_since.is_some(), "{name}");
                }
            }
            let lowered = world.entries.iter().any(|e| {
                e.incident == incident.id && matches!(e.kind, EntryKind::Consented { .. })
            });
            prop_assert!(lowered || incident.levels.windows(2).all(|w| w[1].level < w[0].level));
            prop_assert_eq!(incident.levels.iter().map(|l| l.level).min(), Some(incident.level_highest));
            prop_assert_eq!(lowered || incident.level == incident.level_highest, true);
        }
        let folded = fold(&world.entries, &pack::rules()).expect("the ledger is a history");
        prop_assert_eq!(proven(&folded), proven(incidents));
        let (period, now) = (Period { from: START, to: world.now() }, world.now());
        let facts = facts(&world.entries);
        let contract = pack::contract(1_000);
        let kept = figures(&facts, incidents.values(), &contract, period, now);
        prop_assert_eq!(&kept, &figures(&facts, folded.values(), &contract, period, now));

        let mut unfinished: Vec<_> = incidents
            .values()
            .filter(|i| !i.state.is_over())
            // An incident of a service may rise to the cause of one under watch.
            .filter(|i| i.state != IncidentState::Watching || !is_of_service(i))
            .map(|i| (&i.cause, &i.subject))
            .collect();
        let count = unfinished.len();
        unfinished.sort();
        unfinished.dedup();
        prop_assert_eq!(unfinished.len(), count);
        let services = incidents
            .values()
            .filter(|i| i.state != IncidentState::Watching && !i.state.is_over())
            .filter(|i| i.subject.get("service") == Some("his"))
            .count();
        prop_assert!(services <= 1);
        for id in incidents.values().filter(|i| is_of_service(i)).map(|i| i.id) {
            prop_assert!(watch_is_undisturbed(&world.entries, id));
        }
    }
}

/// Scenario: ledgers that no machine writes. Guarantees: the fold names what is wrong.
#[test]
fn a_forged_ledger_is_found() {
    let world = World::play(1, "0 breach os.cpu_busy host=db1\n301 ack 1 li");
    let ledger = world.entries.clone();
    let (opened, missed, acknowledged) = (&ledger[0], &ledger[1], &ledger[2]);
    let early = Entry { at: START, ..acknowledged.clone() };
    let lie = Entry { kind: EntryKind::Acknowledged { in_time: true }, ..acknowledged.clone() };
    let closed = Entry { kind: EntryKind::Closed, ..missed.clone() };
    let id = IncidentId(1);
    let due = START.plus(Duration::from_secs(300));
    let state = IncidentState::Open;
    for (entries, want) in [
        (vec![opened, missed, &early], FoldError::TimeWentBack { incident: id, at: START }),
        (vec![opened, opened], FoldError::OpenedTwice(id)),
        (vec![missed], FoldError::NeverOpened(id)),
        (vec![opened, &closed], FoldError::Impossible { incident: id, state, at: missed.at }),
        (vec![opened, &lie], FoldError::Punctuality { incident: id, at: lie.at, due }),
    ] {
        assert_eq!(fold(entries, &pack::rules()), Err(want));
    }
    assert!(fold(&ledger, &pack::rules()).is_ok());
}

/// Scenario: 700 symptoms of one cause, and a check that flaps 2000 times. Guarantees: links and notes stay within their
/// limits, nothing opens its own incident, and the ledger has all of it.
#[test]
fn lists_are_bounded_and_the_ledger_is_not() {
    let mut world = World::play(1, "0 breach ib.no_active_port host=db1");
    for port in 0..700 {
        world.run_line(&format!("0 breach ib.port_down host=db1 port={port}"));
    }
    world.run("0 incidents 1\n0 wrote 700 linked");
    for _ in 0..1_000 {
        world.run("0 clear ib.no_active_port host=db1\n0 breach ib.no_active_port host=db1");
    }
    let incident = &world.machine.incidents()[&IncidentId(1)];
    assert_eq!(incident.links.len(), collector_incidents::LINKS_MAX);
    assert_eq!(incident.notes.len(), collector_incidents::NOTES_MAX);
    assert!(incident.notes.last().is_some_and(|n| n.text.contains("见台账")));
    world.run("0 wrote 2000 condition");
}

//! What people do beside response and repair: on site, restored core, requests to the hospital, disputes, the signature.

use crate::pack;
use crate::timeline::{START, World};
use collector_domain::{
    DutyRank, ForeignAlert, IncidentId, IncidentState, Period, Report, RosterChange, Shift,
};
use shared_model::Labels;
use std::time::Duration;

const DOWN: &str = "
    0 breach db.instance_up host=db1 instance=db1:5432
    0 breach db.instance_up host=db2 instance=db1:5432
    0 clear db.instance_up host=db1 instance=db2:5432
    0 breach db.standby_usable host=db2 instance=db2:5432
    0 breach core.service_up host=db2 instance=db1:5432 service=挂号
    0 want 1 db.down L1 open breached
";
const UP: &str = "
    {at} clear db.instance_up host=db1 instance=db1:5432
    {at} clear db.instance_up host=db2 instance=db1:5432
    {at} clear db.standby_usable host=db2 instance=db2:5432
    {at} clear core.service_up host=db2 instance=db1:5432 service=挂号
";

fn up(at: u64) -> String {
    UP.replace("{at}", &at.to_string())
}

/// Scenario: a level 1 whose predicates are normal again just before, at and after its 15 minutes, and which is repaired much
/// later. Guarantees: the clock stops when they became normal, two minutes later it is known; only after the due time is a miss.
#[test]
fn the_core_is_back_when_it_became_normal() {
    for (at, missed) in [(899, 0), (900, 0), (901, 1)] {
        let world = World::play(
            1,
            &format!(
                "{DOWN}\n1 ack 1 li{}
                 {} wrote 0 core_restored
                 {} wrote 1 core_restored in_time={}
                 {} confirm-core 1 li
                 5000 resolve 1 li
                 5000 wrote 1 resolved in_time={}
                 5000 wrote {missed} resolution_missed",
                up(at),
                at + 119,
                at + 120,
                missed == 0,
                at + 200,
                missed == 0,
            ),
        );
        let clocks = &world.machine.incidents()[&IncidentId(1)].clocks;
        let restored = clocks.core_restored.map(|t| t.since(START).as_secs());
        assert_eq!(restored, Some(at));
        assert_eq!(clocks.core_confirmed.map(|t| t.since(START).as_secs()), Some(at + 200));
    }
}

/// Scenario: the database comes back for less than two minutes before the due time and fails again after it.
/// Guarantees: what did not hold has not stopped the clock; the miss is certain when it fails again.
#[test]
fn what_does_not_hold_is_not_restored() {
    World::play(
        1,
        &format!(
            "{DOWN}\n1 ack 1 li
             2 refuse confirm-core 1 li: is breached{}
             910 wrote 0 resolution_missed
             950 breach core.service_up host=db2 instance=db1:5432 service=挂号
             950 want 1 db.down L1 acknowledged breached
             951 wrote 1 resolution_missed
             951 wrote 0 core_restored",
            up(895)
        ),
    );
}

/// Scenario: a level 1, for which somebody has to come, with arrivals before, at and after five minutes, and a level 3 to which
/// somebody is sent. Guarantees: level 1 asks without a dispatch; a miss is written once; arriving twice or unasked is refused.
#[test]
fn somebody_is_on_site_in_time() {
    for (at, late) in [(299, 0), (300, 0), (301, 1)] {
        World::play(
            1,
            &format!(
                "{DOWN}\n1 dispatch 1 li zhao
                 {at} wrote {late} onsite_missed
                 {at} arrive 1 zhao
                 {at} wrote 1 arrived in_time={}
                 {at} refuse arrive 1 li: somebody is there already
                 400 wrote {late} onsite_missed",
                late == 0
            ),
        );
    }
    World::play(
        1,
        "0 breach os.cpu_busy host=db1
         1 refuse arrive 1 li: dispatch first
         10 refuse dispatch 1 li  : engineer is required
         10 dispatch 1 li zhao
         310 wrote 0 onsite_missed
         311 wrote 1 onsite_missed",
    );
}

/// Scenario: a false alarm. Guarantees: it is cancelled only when somebody else agrees for the hospital; until then its clocks run;
/// it is over then and its check opens a new one only when it breaches anew.
#[test]
fn a_cancellation_takes_two() {
    World::play(
        1,
        "0 breach os.cpu_busy host=db1
         1 ask-cancel 1 li a load test
         2 refuse ask-cancel 1 li again: has not answered
         2 refuse consent 1 li: takes two people
         301 wrote 1 response_missed
         302 decline 1 wang it was announced to nobody
         303 refuse consent 1 wang: nothing was asked
         304 ask-cancel 1 li announced on the phone
         305 consent 1 wang
         305 want 1 os.cpu_busy L3 cancelled breached
         306 refuse note 1 li x: cancelled at
         307 clear os.cpu_busy host=db1
         308 breach os.cpu_busy host=db1
         308 want 2 os.cpu_busy L3 open breached",
    );
}

/// Scenario: two incidents that are one fault, merged and taken apart again by the hospital.
/// Guarantees: the other one takes over its findings, which do not raise again; what is separated has a number and clocks of its own.
#[test]
fn a_merge_can_be_undone() {
    let world = World::play(
        1,
        "0 breach os.cpu_busy host=db1
         5 breach db.index_hit host=db1
         6 refuse ask-merge 2 li 2 x: there is no other incident
         6 ask-merge 2 li 1 same process
         7 consent 2 wang
         7 want 2 db.index_hit L3 merged breached
         7 links 1 db.index_hit
         8 clear db.index_hit host=db1
         9 breach db.index_hit host=db1
         9 incidents 2
         10 refuse separate 1 wang os.long_high_load host=db1: not linked
         10 separate 1 wang db.index_hit host=db1
         11 want 3 db.index_hit L3 open breached
         11 links 1
         12 clear db.index_hit host=db1
         13 want 3 db.index_hit L3 open clear",
    );
    let incidents = world.machine.incidents();
    assert_eq!(incidents[&IncidentId(2)].sheet.merged_into, Some(IncidentId(1)));
    assert_eq!(incidents[&IncidentId(3)].clocks.detected, START.plus(Duration::from_secs(10)));
}

/// Scenario: a level is lowered. Guarantees: only to a milder one, by two people; the highest one stays for the figures.
#[test]
fn a_level_is_lowered_by_two() {
    let world = World::play(
        1,
        &format!(
            "{DOWN}\n1 refuse ask-lower 1 li 1 x: not more severe
             1 refuse ask-lower 1 li 4 x: questions
             2 ask-lower 1 li 2 a standby was there after all
             3 consent 1 wang
             3 want 1 db.down L2 open breached"
        ),
    );
    assert_eq!(world.machine.incidents()[&IncidentId(1)].level_highest.number(), 1);
}

/// Scenario: a finding that outlives the cause it is linked to, and one that began long after the cause.
/// Guarantees: it has its own incident when the cause has been normal for more than a minute; the other one at once.
#[test]
fn linking_hides_no_fault() {
    World::play(
        1,
        "0 breach os.cpu_busy host=db1
         0 breach os.long_high_load host=db1
         0 links 1 os.long_high_load
         10 clear os.cpu_busy host=db1
         70 incidents 1
         71 want 2 os.long_high_load L3 open breached
         71 links 1",
    );
    for (age, incidents) in [(60, 1), (61, 2)] {
        World::play(
            1,
            &format!(
                "100 breach os.cpu_busy host=db1 age=0
                 200 breach os.long_high_load host=db1 age={}
                 200 incidents {incidents}",
                100 - age
            ),
        );
    }
}

/// Scenario: a linked finding is of a more severe level than its incident. Guarantees: the incident rises with a new due time.
#[test]
fn a_severe_finding_raises_its_incident() {
    World::play(
        1,
        "0 breach storage.free_space host=db1
         1 want 1 storage.free_space L3 open breached
         2 breach storage.quorum_risk host=db1
         2 links 1 storage.quorum_risk
         2 want 1 storage.free_space L2 open breached",
    );
}

/// Scenario: the way to the hospital's signature, during and after the watch, with everything that stands in its way.
/// Guarantees: each is named; signed during the watch it closes at its end, signed later at once.
#[test]
fn the_hospital_signs() {
    const REPAIRED: &str = "
        0 breach os.cpu_busy host=db1
        1 ack 1 li
        1 note 1 li looked at top
        2 clear os.cpu_busy host=db1
        2 back-up 1 li full-2026-01-01
        2 refuse sign 1 wang: state the fix
        3 resolve 1 li
        4 verify 1 li
        5 want 1 os.cpu_busy L3 watching clear
        6 refuse sign 1 wang: diagnose first
        6 diagnose 1 li a report ran wild
        7 dispute 1 wang the response was later
        7 refuse sign 1 wang: a dispute is open
        7 refuse dispute 1 wang again: settle it first
        8 settle 1 wang the log shows second 1
    ";
    let mut early = World::play(1_000, REPAIRED);
    early.run("9 sign 1 wang\n10 refuse sign 1 wang: signed already");
    early.run("91 want 1 os.cpu_busy L3 watching clear\n92 want 1 os.cpu_busy L3 closed clear");
    let mut late = World::play(1_000, REPAIRED);
    late.run("92 want 1 os.cpu_busy L3 watched clear\n95 breach os.cpu_busy host=db1");
    late.run("96 want 2 os.cpu_busy L3 open breached\n99 sign 1 wang");
    late.run("99 want 1 os.cpu_busy L3 closed clear\n99 refuse note 1 li x: closed at");
    let incident = &late.machine.incidents()[&IncidentId(1)];
    assert_eq!(incident.sheet.signed_by.as_deref(), Some("wang"));
    assert_eq!(incident.state, IncidentState::Closed);
}

/// Scenario: a level 1 is signed. Guarantees: not without a preventive measure.
#[test]
fn severe_levels_need_a_preventive_measure() {
    World::play(
        1,
        &format!(
            "{DOWN}\n1 ack 1 li{}
             11 resolve 1 li
             12 verify 1 li
             14 want 1 db.down L1 watching clear
             15 diagnose 1 li disk full
             16 refuse sign 1 wang: preventive measure
             17 prevent 1 li bigger volume
             18 sign 1 wang",
            up(10)
        ),
    );
}

/// Scenario: a person says after the repair that the fault is not over. Guarantees: it is open again with new clocks and the reason.
#[test]
fn a_person_reopens() {
    let world = World::play(
        1,
        "0 breach os.cpu_busy host=db1
         1 ack 1 li
         2 clear os.cpu_busy host=db1
         3 refuse reopen 1 wang x: state the fix
         3 resolve 1 li
         10 reopen 1 wang still slow at the counter
         11 want 1 os.cpu_busy L3 open clear",
    );
    let incident = &world.machine.incidents()[&IncidentId(1)];
    assert_eq!(incident.clocks.response_due, START.plus(Duration::from_secs(310)));
    assert!(incident.notes.iter().any(|n| n.text.contains("still slow")));
}

fn report(level: u8, called: Option<u64>) -> Report {
    let called = called.map(|at| START.plus(Duration::from_secs(at)));
    let (by, symptom) = ("li".to_owned(), "挂号窗口很慢".to_owned());
    let (caller, phone) = ("王护士".to_owned(), String::new());
    Report { by, level: level.try_into().expect("a level"), symptom, caller, phone, called }
}

/// Scenario: a call at second 100 that is taken down at second 200, acknowledged just before, at and after its five minutes, and
/// worked to its end without any check. Guarantees: the clocks start at the call; a person's word resolves and verifies it.
#[test]
fn a_call_starts_the_clocks() {
    for (at, in_time) in [(399, true), (400, true), (401, false)] {
        let mut world = World::new(1_000);
        let contract = pack::contract(1);
        world.machine.reconfigure(&pack::rules(), contract, pack::topology());
        world.wait_until(200);
        let (id, entries) = world.machine.report(world.now(), &report(2, Some(100))).unwrap();
        world.entries.extend(entries);
        let detected = world.machine.incident(id).unwrap().clocks.detected;
        assert_eq!(detected, START.plus(Duration::from_secs(100)));
        world.run(&format!(
            "201 want 1 report.fault L2 open breached
             {at} ack 1 li
             {at} wrote 1 acknowledged in_time={in_time}
             500 resolve 1 li
             500 want 1 report.fault L2 resolved clear
             501 verify 1 wang
             502 want 1 report.fault L2 watching clear"
        ));
    }
}

/// Scenario: a question is answered and confirmed. Guarantees: level 4, four hours, no watch; the hospital's signature closes it.
#[test]
fn a_question_is_answered() {
    let mut world = World::new(1);
    let (_, entries) = world.machine.report(world.now(), &report(4, None)).unwrap();
    world.entries.extend(entries);
    world.run(
        "1 ack 1 li
         14400 resolve 1 li
         14400 wrote 1 resolved in_time=true
         14401 verify 1 li
         14403 want 1 report.question L4 watched clear
         14403 diagnose 1 li asked how to export
         14404 sign 1 wang
         14404 want 1 report.question L4 closed clear",
    );
}

/// Scenario: reports that are not whole. Guarantees: refused with what is missing, and nothing is opened.
#[test]
fn reports_are_whole() {
    let mut world = World::new(1);
    world.wait_until(10);
    let now = world.now();
    for (report, want) in [
        (Report { symptom: " ".to_owned(), ..report(3, None) }, "symptom is required"),
        (Report { caller: String::new(), ..report(3, None) }, "caller is required"),
        (Report { phone: "1".repeat(129), ..report(3, None) }, "phone has at most 128"),
        (report(1, None), "report it as level 2"),
        (report(3, Some(11)), "has not come"),
        (
            Report { called: Some(now.minus(Duration::from_secs(86_401))), ..report(3, None) },
            "24 hours",
        ),
    ] {
        let refused = world.machine.report(now, &report).unwrap_err().to_string();
        assert!(refused.contains(want), "{refused}");
    }
    assert!(world.machine.incidents().is_empty());
}

/// Scenario: li is on duty from second 10 to 20, wang from 15 on as the second; nobody before and after.
/// Guarantees: only who is on duty can respond, at the first and until the last second; where nobody is, anybody can.
#[test]
fn who_is_on_duty_responds() {
    let mut world = World::new(1);
    let at = |second| START.plus(Duration::from_secs(second));
    let shift = |person: &str, from, to, rank| Shift {
        from: at(from),
        to: at(to),
        person: person.to_owned(),
        rank,
    };
    let shifts =
        vec![shift("li", 10, 20, DutyRank::First), shift("wang", 15, 30, DutyRank::Second)];
    let period = Period { from: at(0), to: at(100) };
    let change = RosterChange { by: "chen".to_owned(), period, shifts };
    let entries = world.machine.set_roster(world.now(), &change).unwrap();
    assert_eq!(entries.len(), 1);
    world.run(
        "0 breach os.cpu_busy host=a
         0 breach os.cpu_busy host=b
         0 breach os.cpu_busy host=c
         0 breach os.cpu_busy host=d
         9 ack 1 zhao
         10 refuse ack 2 wang: li can respond
         10 ack 2 li
         15 refuse ack 3 zhao: li, wang can respond
         15 note 3 zhao looks bad
         19 ack 3 li
         20 refuse ack 4 li: wang can respond
         20 ack 4 wang
         30 restart",
    );
    assert_eq!(world.machine.roster().shifts().len(), 2);
}

fn alert(severity: &str, starts: u64, ends: Option<u64>) -> ForeignAlert {
    let at = |second| START.plus(Duration::from_secs(second));
    ForeignAlert {
        labels: Labels::from_pairs([("alertname", "UpsOnBattery"), ("severity", severity)]),
        summary: "UPS on battery".to_owned(),
        starts: at(starts),
        ends: ends.map(at),
    }
}

/// Scenario: another system's alert fires, is repeated, falls silent, is resolved by its system, repaired and fires again; one of no
/// level of ours; one that was never known ends. Guarantees: one incident of the contract's level, never level 1; silence is
/// unknown, not over; only its system clears it; it relapses into its number; the others open nothing.
#[test]
fn another_systems_silence_is_unknown() {
    let mut world = World::new(1);
    let say = |world: &mut World, second: u64, alert: ForeignAlert| {
        world.wait_until(second);
        let entries = world.machine.foreign(world.now(), &[alert], &world.board);
        world.entries.extend(entries);
    };
    say(&mut world, 1, alert("info", 0, None));
    say(&mut world, 1, alert("warning", 0, Some(1)));
    world.run("2 incidents 0");
    say(&mut world, 10, alert("critical", 5, Some(60)));
    say(&mut world, 30, alert("critical", 5, Some(90)));
    world.run(
        "31 incidents 1
         31 want 1 foreign.alert L2 open breached
         90 want 1 foreign.alert L2 open breached
         91 want 1 foreign.alert L2 open unknown
         92 ack 1 li
         92 refuse resolve 1 li: is unknown
         93 restart",
    );
    say(&mut world, 100, alert("critical", 5, Some(99)));
    world.run(
        "101 want 1 foreign.alert L2 acknowledged clear
         102 resolve 1 li
         103 verify 1 li
         104 want 1 foreign.alert L2 watching clear",
    );
    say(&mut world, 200, alert("critical", 190, None));
    world
        .run("201 want 1 foreign.alert L2 open breached\n501 want 1 foreign.alert L2 open unknown");
}

/// Scenario: an alert of our exported rules comes back while our incident of the same rule and subject is open, and one of a subject that we
/// have not found. Guarantees: the first opens nothing beside it; the second does, since we may be blind there.
#[test]
fn an_exported_rule_is_no_second_incident() {
    let mut world = World::new(1);
    world.run("0 breach os.cpu_busy host=a\n0 flush");
    for (host, incidents) in [("a", 1), ("b", 2)] {
        let labels = Labels::from_pairs([
            ("alertname", "os.cpu_busy"),
            ("host", host),
            ("severity", "warning"),
            ("wardround_rule", "os.cpu_busy"),
        ]);
        let alert = ForeignAlert { labels, ..alert("warning", 0, None) };
        let entries = world.machine.foreign(world.now(), &[alert], &world.board);
        world.entries.extend(entries);
        assert_eq!(world.machine.incidents().len(), incidents, "{host}");
    }
}

//! The contract's clocks: just before, at and after each due time.

use crate::pack::HEALTHY;
use crate::timeline::World;
use collector_domain::IncidentId;

const BREACHES: [(u8, u64, &str); 2] =
    [(3, 7_200, "breach os.cpu_busy host=db1"), (2, 3_600, "breach ib.no_active_port host=db1")];

/// Scenario: a level 2 and a level 3 incident answered just before, at and a second after 5 minutes, at scales 1 and 10.
/// Guarantees: at the due time is in time; after it, the miss is written once and the answer is late.
#[test]
fn the_response_is_due_after_five_minutes() {
    for (scale, due) in [(1, 300), (10, 30)] {
        for (level, _, breach) in BREACHES {
            for (at, missed) in [(due - 1, 0), (due, 0), (due + 1, 1), (due + 20, 1)] {
                let in_time = missed == 0;
                let world = World::play(
                    scale,
                    &format!(
                        "0 {breach}
                         {at} wrote {missed} response_missed
                         {at} ack 1 li
                         {at} wrote 1 acknowledged in_time={in_time}
                         {} wrote {missed} response_missed
                         {} wrote 0 reopened",
                        due + 60,
                        due + 60
                    ),
                );
                assert_eq!(world.machine.incidents()[&IncidentId(1)].level.number(), level);
            }
        }
    }
}

/// Scenario: incidents of levels 2 and 3 resolved just before, at and after their limits, at scale 10, normal since a moment
/// before. Guarantees: at the due time is in time; after it, the miss is written once and the resolution is late.
#[test]
fn the_resolution_is_due_by_level() {
    for (level, limit, breach) in BREACHES {
        let clear = breach.replace("breach", "clear");
        let due = limit / 10;
        for (at, missed) in [(due - 1, 0), (due, 0), (due + 1, 1)] {
            let in_time = missed == 0;
            // Level 2 is in time by what was normal in time, level 3 by the fix alone.
            let cleared = if level == 2 { at } else { 2 };
            let world = World::play(
                10,
                &format!(
                    "0 {breach}
                     1 ack 1 li
                     {cleared} {clear}
                     {at} wrote {missed} resolution_missed
                     {at} resolve 1 li
                     {at} wrote 1 resolved in_time={in_time}
                     {} wrote {missed} resolution_missed",
                    due + 30
                ),
            );
            assert_eq!(world.machine.incidents()[&IncidentId(1)].level.number(), level);
        }
    }
}

/// Scenario: level 1 after 15 minutes (90 s at scale 10), never answered.
/// Guarantees: each miss is written exactly once, at the first second after its due time.
#[test]
fn nobody_answers_a_level_one() {
    let mut world = World::play(10, HEALTHY);
    world.run(&format!(
        "{DOWN}
         5 want 1 db.down L1 open breached
         35 wrote 0 response_missed
         36 wrote 1 response_missed
         95 wrote 0 resolution_missed
         96 wrote 1 resolution_missed
         200 wrote 1 response_missed
         200 wrote 1 resolution_missed"
    ));
    let clocks = &world.machine.incidents()[&IncidentId(1)].clocks;
    assert_eq!(clocks.detected, crate::timeline::START.plus(std::time::Duration::from_secs(5)));
}

/// Everything fails in second 5: level 1.
const DOWN: &str = "5 breach db.instance_up host=db1 instance=db1:5432 value=0
    5 breach db.instance_up host=db2 instance=db1:5432 value=0
    5 breach db.standby_usable host=db2 instance=db2:5432
    5 breach core.service_up host=db2 instance=db1:5432 service=挂号 value=0";

/// Scenario: a level 2 rises to level 1 early and late. Guarantees: the new due time is the earlier of the old one
/// and 15 minutes from the rise; the response clock is not restarted.
#[test]
fn a_rise_never_moves_a_deadline_back() {
    // At scale 10, opened at second 2: level 2 is due after 360 s, level 1 after 90 s.
    for (rise, due) in [(10, 100), (272, 362), (273, 362), (300, 362)] {
        let mut world = World::play(10, HEALTHY);
        world.run("0 breach core.service_up host=db2 instance=db1:5432 service=挂号 value=0");
        world.run(&format!(
            "2 want 1 core.service_down L2 open breached
             {rise} breach db.instance_up host=db1 instance=db1:5432 value=0
             {rise} breach db.instance_up host=db2 instance=db1:5432 value=0
             {rise} breach db.standby_usable host=db2 instance=db2:5432
             {} want 1 db.down L1 open breached
             {} incidents 1",
            rise + 1,
            rise + 1
        ));
        let incident = &world.machine.incidents()[&IncidentId(1)];
        let clocks = &incident.clocks;
        assert_eq!(clocks.resolution_due.since(crate::timeline::START).as_secs(), due, "{rise}");
        assert_eq!(clocks.response_due.since(crate::timeline::START).as_secs(), 32);
        let levels: Vec<u8> = incident.levels.iter().map(|l| l.level.number()).collect();
        assert_eq!(levels, [2, 1]);
    }
}

/// Scenario: the watch of 24 h at scale 1000 (86.4 s), to its end and with no data at its end.
/// Guarantees: it is over at the first tick after the end and waits for the hospital; while the check is unknown the watch goes on.
#[test]
fn the_watch_ends_by_itself() {
    const REPAIRED: &str = "
        0 breach os.cpu_busy host=db1
        1 ack 1 li
        2 clear os.cpu_busy host=db1
        3 resolve 1 li
        4 verify 1 li
        5 want 1 os.cpu_busy L3 watching clear
        91 want 1 os.cpu_busy L3 watching clear
    ";
    let mut world = World::play(1_000, REPAIRED);
    world.run(
        "92 want 1 os.cpu_busy L3 watched clear
         95 wrote 1 watch_ended
         96 refuse verify 1 li: signature",
    );
    world.run("97 breach os.cpu_busy host=db1\n97 want 2 os.cpu_busy L3 open breached");
    let mut world = World::play(1_000, REPAIRED);
    world.run(
        "91 unknown os.cpu_busy host=db1
         120 want 1 os.cpu_busy L3 watching unknown
         121 clear os.cpu_busy host=db1
         122 want 1 os.cpu_busy L3 watched clear",
    );
}

/// Scenario: a miss, a repair, a relapse in the watch that nobody answers either.
/// Guarantees: the first miss is kept over the relapse, and the second run's miss is written too, once.
#[test]
fn each_run_of_the_clocks_has_its_own_misses() {
    let mut world = World::play(
        100,
        "0 breach os.cpu_busy host=db1
         10 wrote 1 response_missed
         10 ack 1 li
         10 clear os.cpu_busy host=db1
         10 resolve 1 li
         10 verify 1 li
         12 want 1 os.cpu_busy L3 watching clear
         13 breach os.cpu_busy host=db1
         13 want 1 os.cpu_busy L3 open breached",
    );
    let missed = |w: &World| w.machine.incidents()[&IncidentId(1)].clocks.response_missed;
    assert!(missed(&world).is_some());
    world.run("16 wrote 1 response_missed\n17 wrote 2 response_missed\n60 wrote 2 response_missed");
    assert_eq!(world.machine.incidents()[&IncidentId(1)].reopened, 1);
}

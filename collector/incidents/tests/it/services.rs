//! Classification of a database service: predicates, witnesses, one incident per service.

use crate::pack::{self, HEALTHY};
use crate::timeline::World;
use collector_domain::{Clocks, EntryKind, IncidentId, Topology};
use collector_incidents::Truth;

fn healthy() -> World {
    World::play(1, HEALTHY)
}

/// Scenario: the table of mission §2.8.1 on the healthy appliance. Guarantees: cause and level of each combination.
#[test]
fn predicates_decide_the_level() {
    const PRIMARY: &str = "5 breach db.instance_up host=db1 instance=db1:5432
        5 breach db.instance_up host=db2 instance=db1:5432";
    const ONE: &str = "5 breach db.instance_up host=db1 instance=db1:5432";
    const CORE: &str = "5 breach core.service_up host=db2 instance=db1:5432 service=挂号";
    const UNFIT: &str = "5 breach db.standby_usable host=db2 instance=db2:5432";
    const UNSURE: &str = "5 unknown db.standby_usable host=db2 instance=db2:5432";
    const LAG: &str = "5 breach db.replication host=db2 instance=db2:5432";
    const GONE: &str = "5 breach db.instance_up host=db1 instance=db2:5432";
    for (pushes, want) in [
        (&[PRIMARY, CORE, UNFIT][..], "db.down L1"),
        (&[PRIMARY, CORE, UNSURE], "db.down L1"),
        (&[PRIMARY, UNFIT], "db.down_core_running L2"),
        (&[PRIMARY, CORE], "db.down_standby_usable L2"),
        (&[PRIMARY], "db.down_standby_usable L2"),
        (&[ONE, CORE, UNFIT], "db.suspect L2"),
        (&[ONE], "db.suspect L2"),
        (&[CORE], "core.service_down L2"),
        (&[CORE, LAG, GONE], "core.service_down L2"),
        (&[LAG], "db.standby_lost L3"),
        (&[GONE], "db.standby_lost L3"),
    ] {
        let mut world = healthy();
        world.run(&pushes.join("\n"));
        world.run(&format!("7 want 1 {want} open breached\n7 incidents 1"));
    }
    let mut world = healthy();
    world.run(&format!("{UNFIT}\n10 incidents 0"));
}

/// Scenario: replication breaks 59, 60, 61 s before the primary fails, and in the moment it fails; all that was received is
/// replayed. Guarantees: up to the contract's lag of 60 s the standby is usable, beyond it is not.
#[test]
fn a_standby_that_stopped_following_is_not_usable() {
    for (broken, want) in [
        (105, "db.down_standby_usable L2"),
        (46, "db.down_standby_usable L2"),
        (45, "db.down_standby_usable L2"),
        (44, "db.down L1"),
    ] {
        let mut world = healthy();
        world.run(&format!(
            "{broken} breach db.replication host=db2 instance=db2:5432
             105 breach core.service_up host=db1 instance=db1:5432 service=挂号
             105 breach core.service_up host=db2 instance=db1:5432 service=挂号
             105 breach db.instance_up host=db1 instance=db1:5432
             105 breach db.instance_up host=db2 instance=db1:5432
             108 want 1 {want} open breached"
        ));
    }
}

/// Scenario: no core service declared. Guarantees: `core_stopped` is `db_down`.
#[test]
fn without_core_services_the_database_decides() {
    let topology = Topology { core_services: Vec::new(), ..pack::topology() };
    let mut world = World::of(pack::contract(1), topology);
    world.run(HEALTHY);
    world.run(
        "5 breach db.standby_usable host=db2 instance=db2:5432
         5 breach db.instance_up host=db1 instance=db1:5432
         5 breach db.instance_up host=db2 instance=db1:5432
         5 want 1 db.down L1 open breached",
    );
}

/// Scenario: a second witness whose last judgement is 59, 60 and 61 s old.
/// Guarantees: it counts up to 60 s; after that the failure is confirmed by one witness only.
#[test]
fn a_witness_counts_for_a_minute() {
    for (silent_until, want) in [(64, "db.down"), (65, "db.down"), (66, "db.suspect")] {
        let mut world = healthy();
        world.run(&format!(
            "5 breach db.standby_usable host=db2 instance=db2:5432
             5 breach core.service_up host=db2 instance=db1:5432 service=挂号
             5 breach core.service_up host=db1 instance=db1:5432 service=挂号
             5 breach db.instance_up host=db2 instance=db1:5432
             5 mute db2
             {silent_until} breach db.instance_up host=db1 instance=db1:5432"
        ));
        let cause = &world.machine.incidents()[&IncidentId(1)].cause;
        assert_eq!(&**cause, want, "{silent_until}");
    }
}

/// Scenario: the witness on the other node is silent when the primary fails.
/// Guarantees: its vote disappears and does not make the database down: suspect at most.
#[test]
fn a_silent_witness_does_not_vote() {
    let mut world = healthy();
    world.run(
        "5 breach db.standby_usable host=db2 instance=db2:5432
         5 breach db.instance_up host=db2 instance=db1:5432
         7 want 1 db.suspect L2 open breached
         8 breach monitoring.node_silent host=db2 age=10
         8 want 2 monitoring.node_silent L3 open breached
         9 breach core.service_up host=db1 instance=db1:5432 service=挂号
         9 breach db.instance_up host=db1 instance=db1:5432
         20 want 1 db.suspect L2 open breached",
    );
}

/// Scenario: an incident that rises by and by, then falls and is repaired while one linked check has no data.
/// Guarantees: one number, causes by severity, never downgraded; resolvable only when all linked findings are clear.
#[test]
fn a_service_has_one_incident_that_only_rises() {
    let mut world = healthy();
    world.run(
        "3 breach db.replication host=db2 instance=db2:5432
         5 want 1 db.standby_lost L3 open breached
         6 breach core.service_up host=db2 instance=db1:5432 service=挂号
         6 want 1 core.service_down L2 open breached
         7 breach db.instance_up host=db1 instance=db1:5432
         7 want 1 db.suspect L2 open breached
         8 breach db.instance_up host=db2 instance=db1:5432
         8 want 1 db.down_standby_usable L2 open breached
         9 breach db.standby_usable host=db2 instance=db2:5432
         9 want 1 db.down L1 open breached
         10 ack 1 li
         11 clear db.instance_up host=db1 instance=db1:5432
         11 clear db.instance_up host=db2 instance=db1:5432
         11 clear core.service_up host=db2 instance=db1:5432 service=挂号
         12 want 1 db.down L1 acknowledged breached
         13 unknown db.replication host=db2 instance=db2:5432
         13 want 1 db.down L1 acknowledged unknown
         13 refuse resolve 1 li: db.replication on
         14 clear db.replication host=db2 instance=db2:5432
         14 want 1 db.down L1 acknowledged clear
         15 resolve 1 li
         16 verify 1 li
         18 want 1 db.down L1 watching clear
         20 wrote 1 opened",
    );
}

/// Healed and under watch: the loss of the database with everything, as incident 1.
const WATCHED_LOSS: &str = "
    5 breach db.standby_usable host=db2 instance=db2:5432
    5 breach core.service_up host=db2 instance=db1:5432 service=挂号
    5 breach db.instance_up host=db1 instance=db1:5432
    5 breach db.instance_up host=db2 instance=db1:5432
    5 want 1 db.down L1 open breached
    6 ack 1 li
    10 clear db.instance_up host=db1 instance=db1:5432
    10 clear db.instance_up host=db2 instance=db1:5432
    10 clear core.service_up host=db2 instance=db1:5432 service=挂号
    10 clear db.standby_usable host=db2 instance=db2:5432
    11 resolve 1 li
    12 verify 1 li
    14 want 1 db.down L1 watching clear
";

/// Scenario: a repaired loss of the database is under watch; then the same happens again, and in another world another fault.
/// Guarantees: the same classification reopens its number at once; another one is a new incident of its own level after
/// two seconds, and leaves the watch undisturbed.
#[test]
fn only_the_same_classification_is_a_relapse() {
    let mut world = healthy();
    world.run(WATCHED_LOSS);
    world.run(
        "20 breach db.standby_usable host=db2 instance=db2:5432
         20 breach core.service_up host=db2 instance=db1:5432 service=挂号
         20 breach db.instance_up host=db1 instance=db1:5432
         21 incidents 1
         21 want 1 db.down L1 watching clear
         21 breach db.instance_up host=db2 instance=db1:5432
         21 want 1 db.down L1 open breached
         30 incidents 1
         30 wrote 1 reopened",
    );
    let mut world = healthy();
    world.run(WATCHED_LOSS);
    world.run(
        "20 breach core.service_up host=db2 instance=db1:5432 service=挂号
         20 breach db.instance_up host=db1 instance=db1:5432
         20 breach db.instance_up host=db2 instance=db1:5432
         21 incidents 1
         22 want 2 db.down_standby_usable L2 open breached
         22 want 1 db.down L1 watching clear
         22 links 2 core.service_up db.instance_up db.instance_up
         23 ack 2 li
         24 clear core.service_up host=db2 instance=db1:5432 service=挂号
         24 clear db.instance_up host=db1 instance=db1:5432
         24 clear db.instance_up host=db2 instance=db1:5432
         25 resolve 2 li
         26 verify 2 li
         28 want 2 db.down_standby_usable L2 watching clear
         28 want 1 db.down L1 watching clear
         30 incidents 2",
    );
}

/// Scenario: everything fails on a healthy appliance, each witness telling its findings in one of the orders up to a second apart. Guarantees: one new incident of level 1, whatever the order; nothing of the passing stages stays.
#[test]
fn passing_stages_open_nothing() {
    const FINDINGS: [&str; 5] = [
        "breach db.instance_up host=db1 instance=db1:5432",
        "breach db.instance_up host=db2 instance=db1:5432",
        "breach db.instance_up host=db1 instance=db2:5432",
        "breach core.service_up host=db2 instance=db1:5432 service=挂号",
        "breach db.standby_usable host=db2 instance=db2:5432",
    ];
    for first in 0..FINDINGS.len() {
        for later in 0..FINDINGS.len() {
            let mut world = healthy();
            for at in 0..FINDINGS.len() {
                let finding = FINDINGS[(first + at) % FINDINGS.len()];
                world.run_line(&format!("{} {finding}", if at < later { 5 } else { 6 }));
                world.flush();
            }
            world.run("9 want 1 db.down L1 open breached\n9 incidents 1\n9 wrote 1 opened");
            let links = world.links(1);
            assert!(links.contains(&"core.service_up".to_owned()), "{first} {later}: {links:?}");
            assert_eq!(links.iter().filter(|l| *l == "db.instance_up").count(), 3);
        }
    }
}

/// Scenario: a classification that lasts 1 s, 2 s, and one that is there again after a pause. Guarantees: below two seconds
/// nothing is opened, at two seconds it is, and a pause starts the count anew; a restart in between changes nothing.
#[test]
fn a_classification_settles_for_two_seconds() {
    const LOST: &str = "breach db.replication host=db2 instance=db2:5432";
    const BACK: &str = "clear db.replication host=db2 instance=db2:5432";
    let mut world = healthy();
    world.run(&format!(
        "5 {LOST}\n6 {BACK}\n9 incidents 0\n9 {LOST}\n10 restart\n10 incidents 0\n11 incidents 1"
    ));
    world.run("11 want 1 db.standby_lost L3 open breached");
}

/// Scenario: evidence and reason. Guarantees: opening and rise name the predicates and every witness.
#[test]
fn evidence_names_predicates_and_witnesses() {
    let mut world = healthy();
    world.run("5 breach db.instance_up host=db1 instance=db1:5432 value=0\n7 flush");
    world.run("7 breach db.instance_up host=db2 instance=db1:5432 value=0");
    let words = world.entries.iter().filter_map(|e| match &e.kind {
        EntryKind::Opened { evidence, .. } => Some(evidence.join("; ")),
        EntryKind::Reclassified { why, .. } => Some(why.clone()),
        _ => None,
    });
    let words: Vec<String> = words.collect();
    for (text, wanted) in words.iter().zip([
        [
            "db_down false",
            "standby_usable true",
            "host=\"db1\"",
            "host=\"db2\",instance=\"db1:5432\"} clear",
        ],
        [
            "db_down true",
            "core_stopped false",
            "host=\"db1\"",
            "host=\"db2\",instance=\"db1:5432\"} breached",
        ],
    ]) {
        for part in wanted {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
    assert_eq!(words.len(), 2);
    let view = world.machine.service_views(world.now(), &world.board).remove(0);
    assert_eq!((view.db_down, view.standby_usable), (Truth::True, Truth::True));
}

/// Scenario: the standby takes over, the old primary comes back as a standby whose new primary has no replication data.
/// Guarantees: level 2 while the old one is down; afterwards roles are changed, the incident heals, and the new
/// primary's failure counts.
#[test]
fn roles_change_places_after_a_failover() {
    let mut world = healthy();
    world.run(
        "5 breach db.instance_up host=db1 instance=db1:5432
         5 breach db.instance_up host=db2 instance=db1:5432
         5 unknown db.writable host=db1 instance=db1:5432
         5 breach db.replication host=db2 instance=db2:5432
         6 clear db.writable host=db2 instance=db2:5432
         6 unknown db.standby_usable host=db2 instance=db2:5432
         7 want 1 db.down_standby_usable L2 open breached
         7 ack 1 li
         20 clear db.instance_up host=db1 instance=db1:5432
         20 clear db.instance_up host=db2 instance=db1:5432
         20 breach db.writable host=db1 instance=db1:5432
         20 clear db.standby_usable host=db1 instance=db1:5432
         20 clear db.replication host=db1 instance=db1:5432
         20 unknown db.replication host=db2 instance=db2:5432
         21 want 1 db.down_standby_usable L2 acknowledged clear
         22 resolve 1 li
         23 verify 1 li
         25 want 1 db.down_standby_usable L2 watching clear
         26 restart
         30 breach db.instance_up host=db1 instance=db2:5432
         31 breach db.instance_up host=db2 instance=db2:5432
         31 breach db.standby_usable host=db1 instance=db1:5432
         31 breach core.service_up host=db2 instance=db1:5432 service=挂号
         32 want 2 db.down L1 open breached
         32 want 1 db.down_standby_usable L2 watching clear",
    );
}

/// Scenario: sessions of a healthy database, of one whose standby is lost, and of a failing one; blocked before the failure was
/// confirmed. Guarantees: own incidents while the database is healthy, one incident when it is not.
#[test]
fn sessions_follow_a_failing_database() {
    let mut world = healthy();
    world.run(
        "5 breach db.replication host=db2 instance=db2:5432
         7 want 1 db.standby_lost L3 open breached
         8 breach session.blocked instance=db1:5432
         8 want 2 session.blocked L3 open breached
         8 incidents 2",
    );
    let mut world = healthy();
    world.run(
        "5 breach db.instance_up host=db1 instance=db1:5432
         8 breach session.connections instance=db1:5432
         8 links 1 db.instance_up session.connections
         8 incidents 1",
    );
    let mut world = healthy();
    world.run(
        "5 breach session.connections instance=db1:5432
         5 want 1 session.connections L3 open breached
         6 breach db.instance_up host=db1 instance=db1:5432
         8 want 1 db.suspect L2 open breached
         8 links 1 db.instance_up session.connections
         8 incidents 1",
    );
}

/// Scenario: an instance and a service that no topology declares, seen down by two witnesses.
/// Guarantees: plain incidents, one each, with the other witness linked.
#[test]
fn undeclared_instances_open_plain_incidents() {
    World::play(
        1,
        "0 breach db.instance_up host=db1 instance=x:1
         1 breach db.instance_up host=db2 instance=x:1
         1 want 1 db.instance_up L2 open breached
         1 links 1 db.instance_up
         2 breach core.service_up host=db1 service=食堂
         2 want 2 core.service_up L2 open breached
         2 incidents 2",
    );
}

/// Scenario: the topology loses the service while its incident is open, deadlines running, and the scale changes.
/// Guarantees: nothing is lost or restarted; new clocks follow the new contract.
#[test]
fn reconfiguration_keeps_what_runs() {
    let mut world = healthy();
    world.run("5 breach db.instance_up host=db1 instance=db1:5432\n7 flush");
    let before = world.machine.incidents()[&IncidentId(1)].clocks.clone();
    world.machine.reconfigure(&pack::rules(), pack::contract(10), Topology::default());
    world.run(
        "8 want 1 db.suspect L2 open breached
         9 clear db.instance_up host=db1 instance=db1:5432
         10 want 1 db.suspect L2 open clear
         11 breach os.cpu_busy host=db1",
    );
    let incidents = world.machine.incidents();
    let clear_since = Some(world.now().minus(std::time::Duration::from_secs(2)));
    assert_eq!(incidents[&IncidentId(1)].clocks, Clocks { clear_since, ..before });
    let clocks = &incidents[&IncidentId(2)].clocks;
    assert_eq!(clocks.response_due.since(clocks.detected).as_secs(), 30);
}

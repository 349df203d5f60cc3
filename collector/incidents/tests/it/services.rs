//! Classification of a database service: predicates, witnesses, one incident per service.

use crate::pack::{self, HEALTHY};
use crate::timeline::World;
use collector_domain::{EntryKind, IncidentId, Topology};
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
        world.run(&format!("6 want 1 {want} open breached\n6 incidents 1"));
    }
    let mut world = healthy();
    world.run(&format!("{UNFIT}\n10 incidents 0"));
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
         5 want 1 db.suspect L2 open breached
         6 breach monitoring.node_silent host=db2 age=10
         6 want 2 monitoring.node_silent L3 open breached
         7 breach core.service_up host=db1 instance=db1:5432 service=挂号
         7 breach db.instance_up host=db1 instance=db1:5432
         20 want 1 db.suspect L2 open breached",
    );
}

/// Scenario: an incident that rises by and by, then falls and is repaired while one linked check has no data.
/// Guarantees: one number, causes by severity, never downgraded; resolvable only when all linked findings are clear.
#[test]
fn a_service_has_one_incident_that_only_rises() {
    let mut world = healthy();
    world.run(
        "5 breach db.replication host=db2 instance=db2:5432
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
         19 breach core.service_up host=db2 instance=db1:5432 service=挂号
         19 want 1 db.down L1 open breached
         19 incidents 1
         20 wrote 1 opened
         20 wrote 1 reopened",
    );
}

/// Scenario: evidence and reason. Guarantees: opening and rise name the predicates and every witness.
#[test]
fn evidence_names_predicates_and_witnesses() {
    let mut world = healthy();
    world.run("5 breach db.instance_up host=db1 instance=db1:5432 value=0\n6 flush");
    world.run("6 breach db.instance_up host=db2 instance=db1:5432 value=0");
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
         6 want 1 db.down_standby_usable L2 open breached
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
         30 want 1 db.down_standby_usable L2 open breached
         31 breach db.instance_up host=db2 instance=db2:5432
         31 breach db.standby_usable host=db1 instance=db1:5432
         31 breach core.service_up host=db2 instance=db1:5432 service=挂号
         32 want 1 db.down L1 open breached",
    );
}

/// Scenario: sessions of a healthy database, of one whose standby is lost, and of a failing one; blocked before the failure was
/// confirmed. Guarantees: own incidents while the database is healthy, one incident when it is not.
#[test]
fn sessions_follow_a_failing_database() {
    let mut world = healthy();
    world.run(
        "5 breach db.replication host=db2 instance=db2:5432
         6 breach session.blocked instance=db1:5432
         6 want 2 session.blocked L3 open breached
         6 incidents 2",
    );
    let mut world = healthy();
    world.run(
        "5 breach db.instance_up host=db1 instance=db1:5432
         6 breach session.connections instance=db1:5432
         6 links 1 db.instance_up session.connections
         6 incidents 1",
    );
    let mut world = healthy();
    world.run(
        "5 breach session.connections instance=db1:5432
         5 want 1 session.connections L3 open breached
         6 breach db.instance_up host=db1 instance=db1:5432
         6 want 1 db.suspect L2 open breached
         6 links 1 db.instance_up session.connections
         6 incidents 1",
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
    world.run("5 breach db.instance_up host=db1 instance=db1:5432");
    let before = world.machine.incidents()[&IncidentId(1)].clocks.clone();
    world.machine.reconfigure(&pack::rules(), pack::contract(10), Topology::default());
    world.run(
        "6 want 1 db.suspect L2 open breached
         7 clear db.instance_up host=db1 instance=db1:5432
         8 want 1 db.suspect L2 open clear
         9 breach os.cpu_busy host=db1",
    );
    let incidents = world.machine.incidents();
    assert_eq!(incidents[&IncidentId(1)].clocks, before);
    let clocks = &incidents[&IncidentId(2)].clocks;
    assert_eq!(clocks.response_due.since(clocks.detected).as_secs(), 30);
}

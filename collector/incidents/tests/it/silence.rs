//! Silent nodes: a gap with a second witness, state unknown without, never silently green.

use crate::pack::HEALTHY;
use crate::timeline::World;

/// Scenario: a node falls silent while another sees its database; also seen before 10 s have passed.
/// Guarantees: level 3 at 10 s, not sooner; clear when it is heard again.
#[test]
fn a_second_witness_makes_it_a_gap() {
    let mut world = World::play(1, HEALTHY);
    world.run(
        "5 breach monitoring.node_silent host=db1 age=3
         11 incidents 0
         12 want 1 monitoring.node_silent L3 open breached
         13 clear monitoring.node_silent host=db1
         13 want 1 monitoring.node_silent L3 open clear",
    );
    let title = &world.machine.incidents()[&collector_domain::IncidentId(1)].title;
    assert!(title.zh.contains("监控盲区"), "{}", title.zh);
}

/// Scenario: a silent node that nobody else witnesses, at scales 1 and 100 (with the floor of 3 s), and one heard in between.
/// Guarantees: level 2 "state unknown" at 120 s, scaled but not under 3 s; nothing when heard before.
#[test]
fn without_a_witness_the_state_is_unknown() {
    for (scale, opens) in [(1, 120), (10, 12), (100, 3)] {
        let world = World::play(
            scale,
            &format!(
                "0 breach monitoring.node_silent host=db9 age=0
                 {} incidents 0
                 {opens} want 1 monitoring.node_silent L2 open breached",
                opens - 1
            ),
        );
        let title = &world.machine.incidents()[&collector_domain::IncidentId(1)].title;
        assert!(title.zh.contains("状态未知"), "{}", title.zh);
    }
    World::play(
        1,
        "0 breach monitoring.node_silent host=db9 age=0
         119 clear monitoring.node_silent host=db9
         300 incidents 0",
    );
}

/// Scenario: the only witness of a gap falls silent too. Guarantees: both are unknown; the gap rises to level 2.
#[test]
fn a_gap_rises_when_its_witness_is_gone() {
    let mut world = World::play(1, HEALTHY);
    world.run(
        "5 breach monitoring.node_silent host=db1 age=10
         5 want 1 monitoring.node_silent L3 open breached
         20 breach monitoring.node_silent host=db2 age=10
         114 want 1 monitoring.node_silent L3 open breached
         115 want 1 monitoring.node_silent L2 open breached
         130 want 2 monitoring.node_silent L2 open breached
         130 incidents 2",
    );
}

/// Scenario: incidents of a node that falls silent, heard again later.
/// Guarantees: their checks are unknown meanwhile, cannot be resolved, and are as before afterwards.
#[test]
fn checks_of_a_silent_node_are_unknown() {
    let mut world = World::play(1, HEALTHY);
    world.run(
        "5 breach os.cpu_busy host=db1
         5 breach ib.no_active_port host=db1
         6 ack 1 li
         6 clear ib.no_active_port host=db1
         7 breach monitoring.node_silent host=db1 age=10
         7 want 1 ib.no_active_port L2 acknowledged unknown
         7 want 2 os.cpu_busy L3 open unknown
         8 refuse resolve 1 li: unknown
         9 clear monitoring.node_silent host=db1
         9 want 1 ib.no_active_port L2 acknowledged clear
         9 want 2 os.cpu_busy L3 open breached",
    );
}

/// Scenario: missing probes of a node that is silent but not yet long enough, that is heard again, or that is not silent.
/// Guarantees: they wait for the decision, are linked to the silence, or open their own incident.
#[test]
fn missing_probes_wait_for_the_silence() {
    World::play(
        1,
        "0 breach monitoring.node_silent host=db9 age=0
         1 breach monitoring.probe_data host=db9 probe=cpu
         119 incidents 0
         120 want 1 monitoring.node_silent L2 open breached
         120 links 1 monitoring.probe_data
         121 incidents 1",
    );
    World::play(
        1,
        "1 breach monitoring.probe_data host=db9 probe=cpu
         10 incidents 0
         11 want 1 monitoring.probe_data L3 open breached",
    );
    World::play(
        1,
        "1 breach monitoring.probe_data host=db9 probe=cpu
         5 clear monitoring.probe_data host=db9 probe=cpu
         60 incidents 0",
    );
    World::play(
        1,
        "0 breach monitoring.node_silent host=db9 age=0
         1 breach monitoring.probe_data host=db9 probe=cpu
         50 restart
         60 clear monitoring.node_silent host=db9
         60 want 1 monitoring.probe_data L3 open breached
         60 incidents 1",
    );
}

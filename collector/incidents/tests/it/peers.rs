//! Peers as witnesses: agent dead, node dead, path dead, and many nodes lost at once are four different findings.

use crate::timeline::World;
use collector_domain::IncidentId;

/// Three nodes that reach each other over both paths.
const REACHED: &str = "
0 clear peer.reachable host=a peer=b path=management
0 clear peer.reachable host=a peer=b path=ib
0 clear peer.reachable host=a peer=c path=management
0 clear peer.reachable host=b peer=a path=management
0 clear peer.reachable host=b peer=c path=management
0 clear peer.reachable host=c peer=a path=management
0 clear peer.reachable host=c peer=b path=management
0 clear peer.reachable host=c peer=b path=ib
0 incidents 0
";

/// What `a` and `c` find out when `b` is gone.
const UNREACHED: &str = "
9 breach peer.reachable host=a peer=b path=management
9 breach peer.reachable host=a peer=b path=ib
9 breach peer.reachable host=c peer=b path=management
9 breach peer.reachable host=c peer=b path=ib
";

fn title(world: &World, number: u64) -> &str {
    &world.machine.incidents()[&IncidentId(number)].title.zh
}

/// Scenario: a node falls silent and a peer reaches it. Guarantees: a gap in monitoring, level 3, after 10 s, with the peer's
/// words as evidence.
#[test]
fn a_dead_agent_is_a_gap() {
    let mut world = World::play(1, REACHED);
    world.run(
        "10 breach monitoring.node_silent host=b age=10
         10 want 1 monitoring.node_silent L3 open breached",
    );
    assert!(title(&world, 1).contains("监控盲区"), "{}", title(&world, 1));
    let opened = serde_json::to_string(&world.entries[0]).expect("an entry is JSON");
    assert!(opened.contains("a peer reaches it: peer.reachable"), "{opened}");
    world.run(
        "30 clear monitoring.node_silent host=b\n30 want 1 monitoring.node_silent L3 open clear",
    );
}

/// Scenario: a node falls silent and no peer reaches it over any path; the path's own finding comes later. Guarantees: level 2 at
/// once after 10 s under a title of its own, one incident, clear when the node is heard again.
#[test]
fn a_dead_node_is_lost_at_once() {
    let mut world = World::play(1, REACHED);
    world.run(UNREACHED);
    world.run(
        "10 breach monitoring.node_silent host=b age=10
         10 want 1 monitoring.node_lost L2 open breached
         15 breach peer.ib_down peer=b path=ib
         15 breach monitoring.probe_data host=b probe=cpu
         15 links 1 monitoring.probe_data peer.ib_down
         15 restart
         60 clear monitoring.node_silent host=b
         60 want 1 monitoring.node_lost L2 open clear
         60 incidents 1
         61 breach monitoring.node_silent host=b age=10
         61 want 1 monitoring.node_lost L2 open breached
         61 incidents 1",
    );
    assert!(title(&world, 1).contains("节点宕机或断网"), "{}", title(&world, 1));
}

/// Scenario: a repaired loss of a node, in its watch, happens again. Guarantees: the same incident is reopened.
#[test]
fn a_lost_node_relapses_into_its_incident() {
    let mut world = World::play(1, REACHED);
    world.run(UNREACHED);
    world.run(
        "10 breach monitoring.node_silent host=b age=10
         11 ack 1 li
         12 clear monitoring.node_silent host=b
         13 resolve 1 li
         14 verify 1 li
         16 want 1 monitoring.node_lost L2 watching clear
         40 breach monitoring.node_silent host=b age=10
         40 want 1 monitoring.node_lost L2 open breached
         40 incidents 1",
    );
}

/// Scenario: the peers have not tried for long enough, one of them still reaches it, and what they say is from before the node's last
/// words. Guarantees: no decision, a gap, and state unknown after 120 s.
#[test]
fn only_fresh_and_decided_peers_count() {
    let mut world = World::play(1, REACHED);
    world.run(
        "9 judge hold peer.reachable host=a peer=b path=management
         9 judge hold peer.reachable host=a peer=b path=ib
         9 judge hold peer.reachable host=c peer=b path=management
         9 judge hold peer.reachable host=c peer=b path=ib
         10 breach monitoring.node_silent host=b age=10
         14 incidents 0",
    );
    let mut world = World::play(1, REACHED);
    world.run(
        "9 breach peer.reachable host=a peer=b path=management
         9 breach peer.reachable host=a peer=b path=ib
         9 breach peer.reachable host=c peer=b path=management
         10 breach monitoring.node_silent host=b age=10
         10 want 1 monitoring.node_silent L3 open breached",
    );
    let mut world = World::play(1, REACHED);
    world.run(UNREACHED);
    world.run(
        "10 mute a
         10 mute c
         21 breach monitoring.node_silent host=b age=10
         121 incidents 0
         131 want 1 monitoring.node_silent L2 open breached",
    );
    assert!(title(&world, 1).contains("状态未知"), "{}", title(&world, 1));
}

/// Scenario: the agent is dead, and later its node. Guarantees: the gap rises to level 2 and becomes the loss of the node; it
/// keeps its number.
#[test]
fn a_gap_becomes_the_loss_of_the_node() {
    let mut world = World::play(1, REACHED);
    world.run(
        "10 breach monitoring.node_silent host=b age=10
         10 want 1 monitoring.node_silent L3 open breached",
    );
    world.run(&UNREACHED.replace("9 breach", "40 breach"));
    world.run(
        "41 want 1 monitoring.node_lost L2 open breached
         41 incidents 1
         41 wrote 1 reclassified
         90 want 1 monitoring.node_lost L2 open breached
         90 wrote 1 reclassified",
    );
}

/// Scenario: one path to a node that is heard fails. Guarantees: an incident of the path, level 3, and none of the node.
#[test]
fn a_dead_path_is_its_own_incident() {
    let mut world = World::play(1, REACHED);
    world.run(
        "9 breach peer.reachable host=a peer=b path=ib
         9 breach peer.reachable host=c peer=b path=ib
         20 breach peer.ib_down peer=b path=ib
         20 want 1 peer.ib_down L3 open breached
         20 incidents 1",
    );
}

/// What the last of three sees when the others are gone.
const TWO_GONE: &str = "
9 breach peer.reachable host=c peer=a path=management
9 breach peer.reachable host=c peer=b path=management
9 breach peer.reachable host=c peer=b path=ib
";

/// Scenario: two of three nodes fall silent in one second, and 8 s apart. Guarantees: one incident of level 2 that keeps its
/// number, with both silences linked; it is clear only when both are heard again.
#[test]
fn nodes_lost_together_are_one_incident() {
    let mut world = World::play(1, REACHED);
    world.run(TWO_GONE);
    world.run(
        "10 breach monitoring.node_silent host=a age=10
         10 breach monitoring.node_silent host=b age=10
         10 want 1 monitoring.nodes_lost L2 open breached
         10 links 1 monitoring.node_silent monitoring.node_silent
         12 breach monitoring.probe_data host=a probe=cpu
         12 links 1 monitoring.node_silent monitoring.node_silent monitoring.probe_data
         12 restart
         20 clear monitoring.node_silent host=a
         20 clear monitoring.probe_data host=a probe=cpu
         20 want 1 monitoring.nodes_lost L2 open breached
         21 ack 1 li
         21 refuse resolve 1 li: monitoring.node_silent
         30 clear monitoring.node_silent host=b
         30 want 1 monitoring.nodes_lost L2 acknowledged clear
         31 resolve 1 li
         32 verify 1 li
         34 want 1 monitoring.nodes_lost L2 watching clear
         34 incidents 1",
    );
    assert!(title(&world, 1).contains("多个节点同时失联"), "{}", title(&world, 1));

    let mut world = World::play(1, REACHED);
    world.run(&format!("8 breach peer.reachable host=b peer=a path=management{TWO_GONE}"));
    world.run(
        "10 breach monitoring.node_silent host=a age=10
         10 want 1 monitoring.node_lost L2 open breached
         18 breach monitoring.node_silent host=b age=10
         18 want 1 monitoring.nodes_lost L2 open breached
         18 links 1 monitoring.node_lost monitoring.node_silent
         18 incidents 1
         60 incidents 1
         60 clear monitoring.node_silent host=a
         60 want 1 monitoring.nodes_lost L2 open breached
         61 clear monitoring.node_silent host=b
         61 want 1 monitoring.nodes_lost L2 open clear",
    );
}

/// Scenario: two nodes fall silent 10 s, 11 s and a minute apart; two that a peer reaches; two of two appliances. Guarantees: together
/// at 10 s, apart beyond; dead agents are each a gap; appliances are never mixed.
#[test]
fn nodes_lost_apart_stay_apart() {
    for (second, incidents) in [(20, 1), (21, 2), (70, 2)] {
        let mut world = World::play(1, REACHED);
        world.run(TWO_GONE);
        world.run(&format!(
            "10 breach monitoring.node_silent host=a age=10
             {second} breach monitoring.node_silent host=b age=10
             {second} incidents {incidents}"
        ));
    }
    World::play(1, REACHED).run(
        "10 breach monitoring.node_silent host=a age=10
         10 breach monitoring.node_silent host=b age=10
         10 want 1 monitoring.node_silent L3 open breached
         10 want 2 monitoring.node_silent L3 open breached
         10 incidents 2",
    );
    World::play(
        1,
        "0 breach monitoring.node_silent appliance=x host=a age=0
         0 breach monitoring.node_silent appliance=y host=b age=0
         120 want 1 monitoring.node_silent L2 open breached
         120 want 2 monitoring.node_silent L2 open breached",
    );
}

/// Scenario: all nodes of an appliance fall silent and nobody is left to say why. Guarantees: one incident after 120 s.
#[test]
fn all_nodes_lost_are_one_incident() {
    World::play(
        1,
        "0 breach monitoring.node_silent host=a age=0
         1 breach monitoring.node_silent host=b age=0
         2 breach monitoring.node_silent host=c age=0
         119 incidents 0
         120 want 1 monitoring.nodes_lost L2 open breached
         120 links 1 monitoring.node_silent monitoring.node_silent monitoring.node_silent
         200 incidents 1",
    );
}

/// Scenario: one of three nodes is lost; of another that falls silent with it a peer has not yet tried for long enough, and then
/// reaches it. Guarantees: it is not taken for lost meanwhile; two incidents.
#[test]
fn nobody_is_lost_while_a_peer_still_tries() {
    let mut world = World::play(1, REACHED);
    world.run(
        "9 breach peer.reachable host=c peer=a path=management
         9 breach peer.reachable host=b peer=a path=management
         9 judge hold peer.reachable host=c peer=b path=management
         9 judge hold peer.reachable host=c peer=b path=ib
         10 mute a
         10 breach monitoring.node_silent host=a age=10
         10 breach monitoring.node_silent host=b age=10
         10 want 1 monitoring.node_lost L2 open breached
         12 clear peer.reachable host=c peer=b path=management
         12 clear peer.reachable host=c peer=b path=ib
         13 want 2 monitoring.node_silent L3 open breached
         60 want 1 monitoring.node_lost L2 open breached
         60 incidents 2",
    );
}

/// Scenario: six hundred nodes of one appliance fall silent in one second. Guarantees: one incident with as many links as it holds, the
/// others have their own, and no entry is written twice however long it lasts.
#[test]
fn a_whole_site_is_one_incident() {
    let mut world = World::new(1);
    for node in 0..600 {
        world.run_line(&format!("0 breach monitoring.node_silent host=n{node:03} age=0"));
    }
    world.run("121 incidents 101");
    let (entries, links) = (world.entries.len(), world.links(1).len());
    assert_eq!(links, 500);
    world.run("200 want 1 monitoring.nodes_lost L2 open breached");
    assert_eq!(world.entries.len(), entries);
    for node in 0..500 {
        world.run_line(&format!("210 clear monitoring.node_silent host=n{node:03}"));
    }
    world.run(
        "211 want 1 monitoring.nodes_lost L2 open clear
         211 want 2 monitoring.node_silent L2 open breached",
    );
}

/// Scenario: a node of an outage comes back and is lost again alone, while the outage goes on and after it was mended. Guarantees:
/// an incident of its own each time; nothing is lost in the old one.
#[test]
fn a_second_loss_is_its_own_incident() {
    let both = "0 breach monitoring.node_silent host=a age=0
         0 breach monitoring.node_silent host=b age=0
         120 want 1 monitoring.nodes_lost L2 open breached
         130 clear monitoring.node_silent host=a\n";
    World::play(
        1,
        &format!(
            "{both}200 breach monitoring.node_silent host=a age=120
             200 want 2 monitoring.node_silent L2 open breached
             300 incidents 2"
        ),
    );
    World::play(
        1,
        &format!(
            "{both}131 clear monitoring.node_silent host=b
             132 ack 1 li
             133 resolve 1 li
             200 breach monitoring.node_silent host=a age=120
             200 want 2 monitoring.node_silent L2 open breached
             300 incidents 2"
        ),
    );
}

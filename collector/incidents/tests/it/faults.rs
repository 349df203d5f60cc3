//! The fault table: every fault in every order of its findings, and healed through to the watch.

use crate::pack::HEALTHY;
use crate::timeline::World;
use collector_domain::{Condition, Finding, IncidentState};
use proptest::prelude::*;

struct Fault {
    name: &'static str,
    /// Findings that one batch brings, batch by batch.
    batches: &'static [&'static [&'static str]],
    /// Cause, level and clause of the fault's incident.
    want: (&'static str, u8, &'static str),
    /// Rules linked to it, sorted.
    links: &'static [&'static str],
    /// Causes of other incidents that rightly open, sorted.
    others: &'static [&'static str],
}

const FAULTS: [Fault; 8] = [
    Fault {
        name: "pg-down",
        batches: &[
            &[
                "breach db.instance_up host=db1 instance=db1:5432 value=0",
                "unknown db.writable host=db1 instance=db1:5432",
                "breach db.instance_up host=db1 instance=db2:5432 value=0",
            ],
            &["breach db.instance_up host=db2 instance=db1:5432 value=0"],
            &[
                "breach db.instance_up host=db2 instance=db2:5432 value=0",
                "unknown db.standby_usable host=db2 instance=db2:5432",
            ],
            &["breach db.replication host=db2 instance=db2:5432"],
            &["breach core.service_up host=db2 instance=db1:5432 service=挂号 value=0"],
        ],
        want: ("db.down", 1, "2.2/3.1"),
        links: &[
            "core.service_up",
            "db.instance_up",
            "db.instance_up",
            "db.instance_up",
            "db.instance_up",
            "db.replication",
        ],
        others: &[],
    },
    Fault {
        name: "pg-failover",
        batches: &[
            &[
                "breach db.instance_up host=db1 instance=db1:5432 value=0",
                "unknown db.writable host=db1 instance=db1:5432",
            ],
            &["breach db.instance_up host=db2 instance=db1:5432 value=0"],
            &[
                "breach db.standby_usable host=db2 instance=db2:5432",
                "clear db.writable host=db2 instance=db2:5432",
            ],
            &["breach db.replication host=db2 instance=db2:5432"],
            &["breach core.service_up host=db2 instance=db1:5432 service=挂号 value=0"],
        ],
        want: ("db.down_standby_usable", 2, "2.2/3.1"),
        links: &["core.service_up", "db.instance_up", "db.instance_up", "db.replication"],
        others: &[],
    },
    Fault {
        name: "blocked",
        batches: &[
            &["breach session.blocked instance=db1:5432 value=301"],
            &["breach session.idle_transaction instance=db1:5432 value=700"],
        ],
        want: ("session.blocked", 3, "3.1"),
        links: &["session.idle_transaction"],
        others: &[],
    },
    Fault {
        name: "disk-fill",
        batches: &[
            &["breach storage.free_space host=db1 device=/dev/loop7 mountpoint=/data value=0.1"],
            &["breach storage.io_wait host=db1 device=loop7 value=0.009"],
            &["breach storage.io_wait host=db1 device=sda value=0.009"],
            &["breach os.zombies host=db1 value=3", "breach os.memory_used host=db1 value=0.9"],
        ],
        want: ("storage.free_space", 3, "3.1"),
        links: &["storage.io_wait"],
        others: &["storage.io_wait"],
    },
    Fault {
        name: "cpu",
        batches: &[
            &["breach os.cpu_busy host=db1 value=0.93"],
            &["breach os.long_high_load host=db1 value=1900"],
        ],
        want: ("os.cpu_busy", 3, "3.3"),
        links: &["os.long_high_load"],
        others: &[],
    },
    Fault {
        name: "agent-kill",
        batches: &[
            &["breach monitoring.node_silent host=db1"],
            &["breach monitoring.probe_data host=db1 probe=cpu"],
            &["breach monitoring.probe_data host=db1 probe=postgres"],
            &[
                "unknown db.instance_up host=db1 instance=db1:5432",
                "unknown db.instance_up host=db1 instance=db2:5432",
                "unknown db.writable host=db1 instance=db1:5432",
            ],
        ],
        want: ("monitoring.node_silent", 3, "2.1"),
        links: &["monitoring.probe_data", "monitoring.probe_data"],
        others: &[],
    },
    Fault {
        name: "ib-down",
        batches: &[
            &["breach ib.no_active_port host=db1 value=0"],
            &["breach ib.port_down host=db1 port=1"],
            &["breach ib.errors_rising host=db1 port=1 value=5"],
        ],
        want: ("ib.no_active_port", 2, "2.2"),
        links: &["ib.port_down"],
        others: &[],
    },
    // Either end of the cable may be seen first, and explains the other.
    Fault {
        name: "cable-bad",
        batches: &[
            &["breach fabric.errors_rising guid=s1 port=7 peer_guid=s2 peer_port=3 value=1"],
            &["breach fabric.errors_rising guid=s2 port=3 peer_guid=s1 peer_port=7 value=2"],
        ],
        want: ("fabric.errors_rising", 3, "2.1"),
        links: &["fabric.errors_rising"],
        others: &[],
    },
];

/// Plays a fault on a healthy appliance: all at once, or each batch a second after the other.
fn strike(fault: &Fault, order: &[usize], turn: usize, at_once: bool) -> World {
    let mut world = World::play(1, HEALTHY);
    world.wait_until(5);
    for (i, batch) in order.iter().map(|b| fault.batches[*b]).enumerate() {
        for line in 0..batch.len() {
            let second = if at_once { 5 } else { 5 + i };
            // A rotation stands for the order within the batch.
            world.run_line(&format!("{second} {}", batch[(line + turn) % batch.len()]));
        }
    }
    world.flush();
    world.wait_until(world.second + 2);
    world
}

fn expect(fault: &Fault, world: &World) -> u64 {
    let incidents = world.machine.incidents();
    let causes: Vec<&str> = incidents.values().map(|i| &*i.cause).collect();
    let own = incidents.values().find(|i| *i.cause == *fault.want.0);
    let own = own.unwrap_or_else(|| unreachable!("{}: only {causes:?}", fault.name));
    let got = (&*own.cause, own.level.number(), own.clause.as_str());
    assert_eq!(got, fault.want, "{}", fault.name);
    assert_eq!(own.state, IncidentState::Open, "{}", fault.name);
    assert_eq!(world.links(own.id.0), fault.links, "{}", fault.name);
    let mut others: Vec<&str> =
        incidents.values().filter(|i| i.id != own.id).map(|i| &*i.cause).collect();
    others.sort_unstable();
    assert_eq!(others, fault.others, "{}", fault.name);
    own.id.0
}

/// Everything becomes as it was, and people do their work.
pub(crate) fn heal(world: &mut World, number: u64) {
    let now = world.now();
    let keys: Vec<_> = world.board.0.keys().cloned().collect();
    for (rule, subject) in keys {
        let standby_writes = rule == "db.writable" && subject.get("instance") == Some("db2:5432");
        let condition = if standby_writes { Condition::Breached } else { Condition::Clear };
        let rule = rule.as_str().into();
        world.push(Finding {
            rule,
            subject,
            condition,
            since: now,
            at: now,
            value: None,
            no_data: false,
        });
    }
    world.flush();
    for step in ["ack", "resolve", "verify"] {
        world.wait_until(world.second + 1);
        assert_eq!(world.act(&format!("{step} {number} 王工")), Ok(()));
    }
    world.wait_until(world.second + 2);
}

/// Scenario: each fault with its findings in one batch, in the table's order, then healed by acknowledge, resolve, verify.
/// Guarantees: exactly the incidents of the table, and the fault's one is watched in the end.
#[test]
fn each_fault_is_one_incident_and_heals_into_the_watch() {
    for fault in &FAULTS {
        let order: Vec<usize> = (0..fault.batches.len()).collect();
        let mut world = strike(fault, &order, 0, true);
        let number = expect(fault, &world);
        heal(&mut world, number);
        let state = format!("{number} {} L{} watching clear", fault.want.0, fault.want.1);
        assert!(world.incidents().contains(&state), "{}: {:#?}", fault.name, world.incidents());
    }
}

fn orders() -> impl Strategy<Value = (usize, Vec<usize>)> {
    (0..FAULTS.len()).prop_flat_map(|fault| {
        let batches: Vec<usize> = (0..FAULTS[fault].batches.len()).collect();
        (Just(fault), Just(batches).prop_shuffle())
    })
}

proptest! {
    /// Scenario: each fault's findings in any order, at once or a second apart.
    /// Guarantees: the same incidents, causes, levels and links whatever the order; healed into the watch.
    #[test]
    fn order_does_not_matter((fault, order) in orders(), turn in 0usize..3, at_once: bool) {
        let fault = &FAULTS[fault];
        let mut world = strike(fault, &order, turn, at_once);
        let number = expect(fault, &world);
        heal(&mut world, number);
        let incident = &world.machine.incidents()[&collector_domain::IncidentId(number)];
        prop_assert_eq!(incident.state, IncidentState::Watching);
    }
}

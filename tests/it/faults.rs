//! The fault table: each fault made for real, by the same scripts as the demonstration.

use std::time::Duration;
use tests::demo::{Demo, Incident};
use tests::wait;

/// Windows, `for` and deadlines run sixty times as fast; limits, witnesses and counts of probes stay.
const TIME_SCALE: u32 = 60;

struct Row {
    fault: &'static str,
    cause: &'static str,
    level: u8,
    clause: &'static str,
    /// Rules of which at least one finding must be linked, and what it must be of.
    links: &'static [(&'static str, Of)],
    /// Causes of earlier incidents whose checks nobody can make while the fault lasts: no data is never recovery.
    blinds: &'static [&'static str],
}

#[derive(Clone, Copy, Debug)]
enum Of {
    Anything,
    /// The standby's instance.
    Standby,
    /// The device of the small disk.
    Disk,
}

impl Of {
    /// What the subject of such a finding must hold.
    fn labels(self, demo: &Demo) -> Vec<(&'static str, String)> {
        match self {
            Self::Anything => vec![],
            Self::Standby => {
                vec![("instance", format!("127.0.0.1:{}", demo.state().ports.standby))]
            }
            Self::Disk => {
                let disk = demo.state().disk;
                vec![("device", disk.file_name().unwrap().to_str().unwrap().to_owned())]
            }
        }
    }
}

const TABLE: &[Row] = &[
    Row {
        fault: "ib-down",
        cause: "ib.no_active_port",
        level: 2,
        clause: "2.1",
        links: &[],
        blinds: &[],
    },
    Row {
        fault: "agent-kill",
        cause: "monitoring.node_silent",
        level: 3,
        clause: "2.1",
        links: &[("monitoring.probe_data", Of::Anything)],
        blinds: &["ib.no_active_port"],
    },
    Row {
        fault: "pg-failover",
        cause: "db.down_standby_usable",
        level: 2,
        clause: "2.2/3.1",
        links: &[("core.service_up", Of::Anything), ("db.replication", Of::Standby)],
        blinds: &[],
    },
    Row {
        fault: "pg-down",
        cause: "db.down",
        level: 1,
        clause: "2.2/3.1",
        links: &[("db.instance_up", Of::Standby), ("core.service_up", Of::Anything)],
        blinds: &[],
    },
    Row {
        fault: "blocked",
        cause: "session.blocked",
        level: 3,
        clause: "3.1",
        links: &[("session.idle_transaction", Of::Anything)],
        blinds: &[],
    },
    Row {
        fault: "disk-fill",
        cause: "storage.free_space",
        level: 3,
        clause: "3.1",
        links: &[("storage.io_wait", Of::Disk)],
        blinds: &[],
    },
    Row {
        fault: "cpu",
        cause: "os.cpu_busy",
        level: 3,
        clause: "3.3",
        links: &[("os.long_high_load", Of::Anything)],
        blinds: &[],
    },
];

/// Scenario: every fault of the table, made for real one after the other, mended and settled through REST.
/// Guarantees: each opens exactly one incident of its cause, level and clause, links what the table links, opens nothing
/// else, leaves earlier incidents as they were, and ends in watching; the ledger's chain is intact afterwards, and Ctrl-C
/// leaves nothing behind.
#[test]
fn every_fault_opens_exactly_its_incident() {
    let demo = Demo::up(TIME_SCALE);
    let mut before = demo.incidents();
    for row in TABLE {
        println!("{}", demo.run(&["fault", row.fault]));
        judge(row, row.blinds, &demo, &before, &demo.incidents());
        println!("{}", demo.run(&["heal"]));
        let now = demo.incidents();
        let healed = judge(row, &[], &demo, &before, &now);
        assert_eq!(
            (healed.state.as_str(), healed.condition.as_str()),
            ("watching", "clear"),
            "{}: {healed:#?}",
            row.fault
        );
        // Carried over, so that nothing can come between two faults unseen.
        before = now;
    }
    println!("{}", demo.collector(&["ledger", "verify"]));
    demo.down();
}

/// The one incident that is there now and was not before; `blind` are the causes that cannot be checked now.
fn judge<'a>(
    row: &Row,
    blind: &[&str],
    demo: &Demo,
    before: &[Incident],
    now: &'a [Incident],
) -> &'a Incident {
    let Row { fault, cause, level, clause, links, .. } = row;
    expect_untouched(fault, blind, before, now);
    let found: Vec<_> = now.iter().filter(|i| before.iter().all(|b| b.id != i.id)).collect();
    let [incident] = found[..] else { panic!("{fault}: expected one incident, found {found:#?}") };
    assert_eq!(
        (incident.cause.as_str(), incident.level, incident.clause.as_str()),
        (*cause, *level, *clause),
        "{fault}"
    );
    for (rule, of) in *links {
        let labels = of.labels(demo);
        let linked = incident.links.iter().any(|l| l.is(rule, &labels));
        assert!(linked, "{fault}: no {rule} of {labels:?} is among {:#?}", incident.links);
    }
    incident
}

/// No earlier incident was opened again or changed in anything but its links. Its watch may end meanwhile,
/// and what cannot be checked is unknown.
fn expect_untouched(fault: &str, blind: &[&str], before: &[Incident], now: &[Incident]) {
    for earlier in before {
        let found = now.iter().find(|i| i.id == earlier.id);
        let later = found.unwrap_or_else(|| panic!("{fault}: {} is gone", earlier.id));
        let mut expected = earlier.clone();
        if (earlier.state.as_str(), later.state.as_str()) == ("watching", "watched") {
            expected.state.clone_from(&later.state);
        }
        if blind.contains(&earlier.cause.as_str()) && earlier.state != "watched" {
            "unknown".clone_into(&mut expected.condition);
        }
        expected.links.clone_from(&later.links);
        assert_eq!(later, &expected, "{fault}: an earlier incident changed");
    }
}

/// Scenario: a repair is killed after it started the database again, and run once more.
/// Guarantees: what runs already is kept as it is, and the incident ends in watching.
#[test]
fn a_repair_that_is_run_again_starts_nothing_twice() {
    let demo = Demo::up(TIME_SCALE);
    demo.run(&["fault", "pg-failover"]);
    let mut heal = demo.start(&["heal"]);
    let first = wait::until("the database to be started", Duration::from_secs(30), || {
        demo.pid("postgres-primary")
    });
    heal.kill().unwrap();
    heal.wait().unwrap();
    println!("{}", demo.run(&["heal"]));
    assert_eq!(demo.pid("postgres-primary"), Some(first));
    assert!(demo.incidents().iter().all(|i| i.state == "watching"), "{:#?}", demo.incidents());
    demo.down();
}

/// Scenario: the command that keeps a demonstration is killed, and so is another that was started in its place.
/// Guarantees: other verbs say what to do; the second clears what the first left, and `down` what the second left.
#[test]
fn a_killed_demonstration_leaves_nothing_that_down_does_not_end() {
    let mut demo = Demo::up(TIME_SCALE);
    demo.kill_keeper();
    let told = demo.refusal(&["status"]);
    assert!(told.contains("make demo-down"), "{told}");
    demo.up_again();
    demo.kill_keeper();
    println!("{}", demo.run(&["down"]));
    demo.expect_nothing_left();
}

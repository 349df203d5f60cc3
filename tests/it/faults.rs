//! The fault table: each fault made for real, by the same scripts as the demonstration.

use std::collections::BTreeSet;
use tests::demo::{Demo, Incident};

/// Windows, `for` and deadlines run sixty times as fast; limits, witnesses and counts of probes stay.
const TIME_SCALE: u32 = 60;

struct Row {
    fault: &'static str,
    cause: &'static str,
    level: u8,
    clause: &'static str,
    /// Rules of which at least one finding must be linked.
    links: &'static [&'static str],
}

const TABLE: &[Row] = &[
    Row { fault: "ib-down", cause: "ib.no_active_port", level: 2, clause: "2.1", links: &[] },
    Row {
        fault: "agent-kill",
        cause: "monitoring.node_silent",
        level: 3,
        clause: "2.1",
        links: &["monitoring.probe_data"],
    },
    Row {
        fault: "pg-failover",
        cause: "db.down_standby_usable",
        level: 2,
        clause: "2.2/3.1",
        links: &["core.service_up", "db.replication"],
    },
    Row {
        fault: "pg-down",
        cause: "db.down",
        level: 1,
        clause: "2.2/3.1",
        links: &["db.instance_up", "core.service_up"],
    },
    Row {
        fault: "blocked",
        cause: "session.blocked",
        level: 3,
        clause: "3.1",
        links: &["session.long_transaction"],
    },
    Row {
        fault: "disk-fill",
        cause: "storage.free_space",
        level: 3,
        clause: "3.1",
        links: &["storage.io_wait"],
    },
    Row {
        fault: "cpu",
        cause: "os.cpu_busy",
        level: 3,
        clause: "3.3",
        links: &["os.long_high_load"],
    },
];

/// Scenario: every fault of the table, made for real one after the other, mended and settled through REST.
/// Guarantees: each opens exactly one incident of its cause, level and clause, links what the table links, opens nothing
/// else, and ends in watching; the ledger's chain is intact afterwards, and Ctrl-C leaves nothing behind.
#[test]
fn every_fault_opens_exactly_its_incident() {
    let demo = Demo::up(TIME_SCALE);
    for row in TABLE {
        let before: BTreeSet<String> = demo.incidents().into_iter().map(|i| i.id).collect();
        println!("{}", demo.run(&["fault", row.fault]));
        judge(row, &fresh(&demo, &before));
        println!("{}", demo.run(&["heal"]));
        let after = fresh(&demo, &before);
        judge(row, &after);
        assert!(
            after.iter().all(|i| i.state == "watching" && i.condition == "clear"),
            "{}: {after:#?}",
            row.fault
        );
    }
    println!("{}", demo.collector(&["ledger", "verify"]));
    demo.down();
}

fn fresh(demo: &Demo, before: &BTreeSet<String>) -> Vec<Incident> {
    demo.incidents().into_iter().filter(|i| !before.contains(&i.id)).collect()
}

fn judge(row: &Row, found: &[Incident]) {
    let Row { fault, cause, level, clause, links } = row;
    let [incident] = found else { panic!("{fault}: expected one incident, found {found:#?}") };
    assert_eq!(
        (incident.cause.as_str(), incident.level, incident.clause.as_str()),
        (*cause, *level, *clause),
        "{fault}"
    );
    let linked: BTreeSet<&str> = incident.links.iter().map(|l| l.rule.as_str()).collect();
    for rule in *links {
        assert!(linked.contains(rule), "{fault}: {rule} is not among the linked {linked:?}");
    }
}

//! Two machines with one identity: a data folder that was copied, and a node that joined twice.

use crate::certificates::Agent;
use collector_domain::AuditAction;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tests::lone::{Collector, join};
use tests::{audits, books, wait};

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

/// Scenario: the data folder of a running agent is copied to another machine, as when a virtual machine is cloned, and both
/// agents run. Guarantees: the clone never gets a session and is told why; an incident of level 3 says that the identity is
/// used twice, with an audit record; the records of the first are all there, once each.
#[test]
fn a_cloned_folder_is_found() {
    let mut collector = Collector::start();
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    join(&collector.agents, &collector.token("db1", "1h"), &first).unwrap();
    let original = Agent::run(&collector, &first);
    wait::until("the first session", Duration::from_secs(30), || {
        collector.log().contains("session open").then_some(())
    });
    copy(&first, &second);
    let clone = Agent::run(&collector, &second);
    wait::until("the clone to be told", Duration::from_secs(60), || {
        clone.log().contains("join it under its own name").then_some(())
    });
    wait::until("the finding", Duration::from_secs(60), || {
        collector.log().contains("two machines claim this identity").then_some(())
    });
    audits::expect(&collector, AuditAction::Session, "another installation with this identity");
    let incident = wait::until("the incident", Duration::from_secs(60), || {
        let log = collector.log();
        let opened = |line: &&str| line.contains("Opened") && line.contains("duplicate_identity");
        log.lines().find(opened).map(str::to_owned)
    });
    println!("{incident}");
    assert!(!clone.log().contains("session with the collector is open"));
    assert_eq!(original.log().matches("session with the collector is open").count(), 1);
    drop((clone, original));
    collector.stop();
    let books = books::read(&collector.data().join("journal"));
    assert_eq!(books.streams, 1);
    books.expect_each_once();
}

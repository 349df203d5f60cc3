//! The hardware laboratory, `make lab`: real faults of real kernel interfaces, each of which opens exactly its incident.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a failed step ends the test with its words"
)]

mod faults;
mod ward;

use faults::{BEHIND, Ends, FAULTS, Fault};
use std::collections::BTreeSet;
use std::time::Duration;
use tests::demo::Incident;
use tests::wait;
use ward::Ward;

/// For an incident to open or clear: the longest window of the faults' rules under the time scale, and slow hosts.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the laboratory may take, without packages and build: nobody runs what takes longer.
const LIMIT: Duration = Duration::from_secs(180);

/// Scenario: the shipped agent in a guest watches soft RoCE ports, an NVMe drive, a RAID, disks and a management controller;
/// each is broken through the kernel or the emulator, then mended.
/// Guarantees: sound hardware opens nothing; each fault opens exactly one incident of its cause, level and subject, nothing
/// else, and what can be mended is seen as mended and settled through REST, all within three minutes. Neither a slow
/// controller nor a disk that never answers delays the other probes.
#[test]
fn every_fault_of_hardware_opens_exactly_its_incident() {
    let mut ward = Ward::open();
    println!("guest up and sending after {:.1} s", ward.age().as_secs_f64());
    ward.wait_for_readings();
    println!("all readings there after {:.1} s", ward.age().as_secs_f64());
    assert_eq!(ward.incidents(), [], "sound hardware");
    let mut rows = Vec::new();
    let mut before = Vec::new();
    let behind = ward.age();
    ward.apply(BEHIND.breaks);
    for fault in FAULTS {
        let start = ward.age();
        ward.apply(fault.breaks);
        let (row, now) = see(&mut ward, fault, start, &before);
        rows.push(row);
        before = now;
    }
    // What comes late comes now, while the entries in the controller's log grow old.
    let (row, now) = see(&mut ward, &BEHIND, behind, &before);
    rows.push(row);
    for fault in FAULTS.iter().filter(|fault| fault.ends == Ends::WithTheNews) {
        let cleared = wait_for(&mut ward, fault, |incident| incident.condition == "clear");
        ward.settle(&cleared.id, fault.name);
    }
    expect_same("all settled", &now, &ward.incidents());
    println!("\n{:<24}  {:<24}  level  seconds to incident  to clear  others", "fault", "incident");
    for row in rows {
        println!("{row}");
    }
    println!("\nlaboratory: {:.0} s", ward.age().as_secs_f64());
    assert!(ward.age() < LIMIT, "{:?}", ward.age());
}

/// Waits for the incident of a fault that was made at `start`, mends it where that can be done, and settles it; the fault's
/// row and all incidents.
fn see(
    ward: &mut Ward,
    fault: &Fault,
    start: Duration,
    before: &[Incident],
) -> (String, Vec<Incident>) {
    let opened = wait_for(ward, fault, |incident| {
        incident.condition == "breached" && fault.is_linked(incident)
    });
    let seen = ward.first_seen(&opened) - start;
    expect_only(fault, &opened, before, &ward.incidents());
    // What takes a minute to judge leaves a minute of all other readings to look at.
    if seen > Duration::from_secs(60) {
        ward.expect_all_probes_on_time();
    }
    let mended = (!fault.mends.is_empty()).then(|| {
        let start = ward.age();
        ward.apply(fault.mends);
        wait_for(ward, fault, |incident| incident.condition == "clear");
        ward.age() - start
    });
    if fault.ends == Ends::AtOnce {
        ward.settle(&opened.id, fault.name);
    }
    let now = expect_only(fault, &opened, before, &ward.incidents());
    (row(fault, seen, mended), now)
}

fn row(fault: &Fault, seen: Duration, mended: Option<Duration>) -> String {
    let mended = mended.map_or("-".to_owned(), |time| format!("{:.1}", time.as_secs_f64()));
    let Fault { name, cause, level, .. } = fault;
    format!("{name:<24}  {cause:<24}  {level:>5}  {:>19.1}  {mended:>8}  none", seen.as_secs_f64())
}

/// The fault's incident, once it is as asked.
fn wait_for(ward: &mut Ward, fault: &Fault, is: impl Fn(&Incident) -> bool) -> Incident {
    let found =
        wait::passing(PATIENCE, || ward.incidents().into_iter().find(|i| fault.is_of(i) && is(i)));
    found.unwrap_or_else(|| panic!("{}: {:#?}\n{}", fault.name, ward.incidents(), ward.words()))
}

/// The incidents; fails unless they are the earlier ones and this fault's.
fn expect_only(
    fault: &Fault,
    opened: &Incident,
    before: &[Incident],
    now: &[Incident],
) -> Vec<Incident> {
    let Fault { name, level, clause, .. } = fault;
    assert_eq!((opened.level, opened.clause.as_str()), (*level, *clause), "{name}");
    let mut expected = before.to_vec();
    if expected.iter().all(|i| i.id != opened.id) {
        expected.push(opened.clone());
    }
    expect_same(name, &expected, now);
    now.to_vec()
}

/// Fails unless these are the same incidents but for that of the fault behind all, none of them opened again.
fn expect_same(when: &str, expected: &[Incident], now: &[Incident]) {
    let others = |all: &[Incident]| {
        let others = all.iter().filter(|i| !BEHIND.is_of(i));
        others.map(|i| i.id.clone()).collect::<BTreeSet<_>>()
    };
    let reopened = now.iter().any(|i| i.reopened > 0);
    assert!(
        others(now) == others(expected) && !reopened,
        "{when}: {now:#?}\nexpected: {expected:#?}"
    );
}

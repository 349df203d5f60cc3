//! Planned changes: what is asked of one, who may approve it, and what a missing notice of holidays does.

use crate::pack;
use crate::timeline::{START, World};
use collector_domain::{
    CalendarYear, ChangeAct, ChangeDeed, ChangeId, ChangeRefused, Contract, Document, DocumentKind,
    NewChange, Notice,
};
use shared_model::Timestamp;
use std::time::Duration;

fn plan(start: &str, end: &str) -> NewChange {
    use DocumentKind::{Plan, Rollback, TestReport};
    let document = |kind| Document { kind, name: "d.pdf".to_owned(), sha256: "0a".repeat(32) };
    NewChange {
        title: "PostgreSQL 15.9".to_owned(),
        documents: [Plan, TestReport, Rollback].map(document).to_vec(),
        services: vec!["his".to_owned()],
        start: start.parse().expect("an instant"),
        end: end.parse().expect("an instant"),
    }
}

fn act(by: &str, deed: ChangeDeed) -> ChangeAct {
    ChangeAct { by: by.to_owned(), deed }
}

fn submit(world: &mut World, at: &str, plan: NewChange) -> Result<ChangeId, ChangeRefused> {
    let at: Timestamp = at.parse().expect("an instant");
    world.machine.change(at, &act("li", ChangeDeed::Submit { plan })).map(|(id, _)| id)
}

/// Scenario: plans handed in around the Spring Festival, by both ways of counting. Guarantees: the earliest day of the
/// contract; a window before it is taken and says that it is too soon; at the end of the known years it is provisional (T13).
#[test]
fn the_earliest_begin_counts_working_days() {
    for (on_last_day, submitted, start, in_time, provisional) in [
        (false, "2026-02-10T08:00:00Z", "2026-02-26T15:59:59Z", false, false),
        (false, "2026-02-10T08:00:00Z", "2026-02-26T16:00:00Z", true, false),
        (true, "2026-02-10T08:00:00Z", "2026-02-25T15:59:59Z", false, false),
        (true, "2026-02-10T08:00:00Z", "2026-02-25T16:00:00Z", true, false),
        (false, "2026-12-20T08:00:00Z", "2027-01-05T00:00:00Z", true, true),
    ] {
        let notice = Notice { working_days: 7, on_last_day };
        let contract = Contract { notice, ..Contract::default() };
        let mut world = World::of(contract, pack::topology());
        let id = submit(&mut world, submitted, plan(start, "2027-02-01T00:00:00Z")).unwrap();
        let change = &world.machine.changes()[&id];
        let found = (change.is_announced_in_time(), change.provisional);
        assert_eq!(found, (in_time, provisional), "{submitted} {start}: {}", change.earliest);
    }
}

/// Scenario: the notice of the next year arrives at a restart. Guarantees: what was provisional is certain, with an entry.
#[test]
fn a_notice_reschedules_what_was_provisional() {
    let mut world = World::new(1);
    let (start, end) = ("2027-01-05T00:00:00Z", "2027-01-05T02:00:00Z");
    submit(&mut world, "2026-12-20T08:00:00Z", plan(start, end)).unwrap();
    let mut contract = pack::contract(1);
    contract.calendar.set(2027, CalendarYear::default());
    world.machine.reconfigure(&pack::rules(), contract, pack::topology());
    let now = "2026-12-21T00:00:00Z".parse().unwrap();
    let entries = world.machine.resumed(now, now);
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert!(!world.machine.changes()[&ChangeId(1)].provisional);
    assert!(world.machine.resumed(now, now).is_empty());
}

/// Scenario: plans with something missing or impossible. Guarantees: each is refused with what it lacks, and nothing is kept.
#[test]
fn a_plan_is_whole() {
    let good = plan("2026-03-02T00:00:00Z", "2026-03-02T02:00:00Z");
    let without = |kind| {
        let documents = good.documents.iter().filter(|d| d.kind != kind).cloned().collect();
        NewChange { documents, ..good.clone() }
    };
    let mut bad_hash = good.clone();
    bad_hash.documents[0].sha256 = "0A".repeat(32);
    for (plan, want) in [
        (NewChange { title: " ".to_owned(), ..good.clone() }, "title is required"),
        (without(DocumentKind::Plan), "方案"),
        (without(DocumentKind::TestReport), "测试报告"),
        (without(DocumentKind::Rollback), "回退方案"),
        (bad_hash, "SHA-256"),
        (NewChange { services: vec!["x".to_owned()], ..good.clone() }, "'x' is no"),
        (NewChange { start: START, ..good.clone() }, "is past"),
        (NewChange { end: good.start, ..good.clone() }, "not after its begin"),
    ] {
        let mut world = World::new(1);
        let refused = submit(&mut world, "2026-02-10T08:00:00Z", plan).unwrap_err().to_string();
        assert!(refused.contains(want), "{refused}");
        assert!(world.machine.changes().is_empty());
    }
}

/// Scenario: approved, declined and withdrawn changes. Guarantees: it takes two people; each way is gone once; a window that has
/// begun can neither be approved nor withdrawn.
#[test]
fn a_change_is_approved_by_another_person() {
    let now: Timestamp = "2026-02-10T08:00:00Z".parse().unwrap();
    let (start, end) = ("2026-03-02T00:00:00Z", "2026-03-02T02:00:00Z");
    let mut world = World::new(1);
    let id = submit(&mut world, "2026-02-10T08:00:00Z", plan(start, end)).unwrap();
    let mut act_at = |at: Timestamp, by: &str, deed: ChangeDeed| {
        world.machine.change(at, &act(by, deed)).map(|_| ()).map_err(|e| e.to_string())
    };
    let approve = || ChangeDeed::Approve { change: id };
    let withdraw = || ChangeDeed::Withdraw { change: id, reason: "x".to_owned() };
    let late = "2026-03-02T00:00:01Z".parse().unwrap();
    assert!(act_at(now, "li", approve()).unwrap_err().contains("cannot approve"));
    assert!(act_at(late, "wang", approve()).unwrap_err().contains("has begun"));
    let unknown = ChangeDeed::Approve { change: ChangeId(9) };
    assert!(act_at(now, "wang", unknown).unwrap_err().contains("does not exist"));
    assert_eq!(act_at(now, "wang", approve()), Ok(()));
    assert!(act_at(now, "wang", approve()).unwrap_err().contains("approved already"));
    assert!(act_at(late, "li", withdraw()).unwrap_err().contains("has begun"));
    assert_eq!(act_at(now.plus(Duration::from_secs(1)), "li", withdraw()), Ok(()));
    assert!(act_at(now, "li", withdraw()).unwrap_err().contains("withdrawn already"));
}

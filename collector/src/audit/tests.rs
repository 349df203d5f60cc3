//! The trail over a real log.

use super::*;
use collector_domain::{AuditAction, AuditOutcome};
use shared_model::{SimClock, Timestamp};

fn event(who: &str, outcome: AuditOutcome) -> AuditEvent {
    AuditEvent {
        at: Timestamp::from_secs(1),
        who: who.to_owned(),
        from: None,
        action: AuditAction::SignIn,
        object: "console".to_owned(),
        outcome,
        detail: String::new(),
    }
}

fn entries(dir: &Path) -> Vec<AuditEntry> {
    audit::iter(dir).map(|e| e.unwrap().1).collect()
}

fn start(dir: &Path) -> (Arc<AuditTrail>, AuditThread) {
    AuditTrail::start(dir, Arc::new(SimClock::at(Timestamp::from_secs(1)))).unwrap()
}

/// Scenario: a change is noted and settled, with a refusal repeated before it; the process then forgets everything, as a
/// kill would make it. Guarantees: what was settled is in the files without a clean end; a clean end adds the counts.
#[tokio::test]
async fn what_was_settled_is_in_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let (trail, thread) = start(dir.path());
    for _ in 0..3 {
        trail.note(event("mallory", AuditOutcome::Refused));
    }
    trail.note(event("wang", AuditOutcome::Done));
    trail.settled().await;
    let found: Vec<_> = entries(dir.path()).into_iter().map(|e| (e.event.who, e.count)).collect();
    assert_eq!(found, [("mallory".to_owned(), 1), ("wang".to_owned(), 1)]);
    trail.stop().await;
    thread.join().unwrap().unwrap();
    assert_eq!(entries(dir.path()).last().map(|e| e.count), Some(2));
    assert_eq!(audit::verify(dir.path()).unwrap().entries, 3);
    let numbers = |before, limit| {
        let page = trail.newest(before, limit).unwrap();
        page.into_iter().map(|(n, _)| n).collect::<Vec<_>>()
    };
    assert_eq!(
        (numbers(None, 2), numbers(Some(2), 9), numbers(Some(99), 1)),
        (vec![3, 2], vec![1], vec![3])
    );
}

/// Scenario: more events at once than the queue holds. Guarantees: the caller never waits; every event is an entry or is
/// counted as lost.
#[tokio::test]
async fn a_full_queue_loses_nothing_silently() {
    const EVENTS: u64 = 3 * QUEUE as u64;
    let dir = tempfile::tempdir().unwrap();
    let (trail, messages) = AuditTrail::queued(dir.path());
    for _ in 0..EVENTS {
        trail.note(event("wang", AuditOutcome::Done));
    }
    let log = AuditLog::open(dir.path()).unwrap();
    let clock = Arc::new(SimClock::at(Timestamp::from_secs(1)));
    let writer = trail.writer(log, clock);
    let thread = std::thread::spawn(move || writer.run(messages));
    trail.stop().await;
    thread.join().unwrap().unwrap();
    let all = entries(dir.path());
    let own = all.iter().filter(|e| e.event.who == "wang").map(|e| e.count).sum::<u64>();
    let lost = all.iter().map(|e| e.lost).sum::<u64>();
    assert_eq!(own + lost, EVENTS);
    assert_eq!(lost, EVENTS - QUEUE as u64);
}

/// Scenario: a name of 10 000 characters. Guarantees: it is clipped, at a character's border, and written.
#[tokio::test]
async fn long_texts_are_clipped() {
    let dir = tempfile::tempdir().unwrap();
    let (trail, thread) = start(dir.path());
    trail.note(event(&"\u{1}巡".repeat(5_000), AuditOutcome::Done));
    trail.stop().await;
    thread.join().unwrap().unwrap();
    assert_eq!(entries(dir.path())[0].event.who.chars().count(), 1_001);
}

//! The escalation ladder and grouping, second by second.

use super::{ALL, Desk, at, receiver};
use crate::{Receiver, batch};
use collector_domain::{DeliveryOutcome, DeliveryReport};
use shared_model::Level;
use std::sync::Arc;
use std::time::Duration;

/// A ladder of 0, 120 and 240 s for levels 1 to 3.
fn desk() -> Desk {
    let step = |name: &str, secs| Receiver {
        after: Duration::from_secs(secs),
        ..receiver(name, &ALL[..3], true)
    };
    Desk::new(vec![step("duty", 0), step("second", 120), step("lead", 240)])
}

/// Scenario: a ladder of 0, 120 and 240 s, an incident that nobody answers, one that is answered at 200 s, one below the ladder's
/// levels, one that comes back. Guarantees: each step is told at its second, once, and only while nobody has responded; whoever was
/// told is told of the end; a relapse begins the ladder anew; a copy that was written and read goes on the same.
#[test]
fn the_ladder_is_climbed_to_the_second() {
    let mut desk = desk();
    for (id, level) in [(1, Level::One), (2, Level::Two), (3, Level::Four)] {
        desk.open(0, id, level, "db1");
    }
    let mut told = Vec::new();
    for second in 0..=300 {
        if second == 200 {
            desk.acknowledge(200, 2);
        }
        if second % 7 == 0 {
            desk.notify =
                serde_json::from_slice(&serde_json::to_vec(&desk.notify).unwrap()).unwrap();
        }
        desk.notify.escalate(at(second), &desk.incidents);
        told.extend(desk.take(second).into_iter().map(|line| format!("{second} {line}")));
    }
    assert_eq!(
        told,
        [
            "0 duty/1/opened",
            "0 duty/2/opened",
            "120 second/1/escalated",
            "120 second/2/escalated",
            "240 lead/1/escalated",
        ]
    );
    desk.acknowledge(301, 1);
    desk.resolve(310, 1);
    assert_eq!(desk.take(311), ["duty/1/resolved", "lead/1/resolved", "second/1/resolved"]);
}

/// Scenario: the collector is killed at any second of the ladder, and is back at once, or after 1, 7, 90 or 200 s (T10).
/// Guarantees: each step is told exactly once: at its second, or when it is back.
#[test]
fn a_kill_at_any_second_loses_no_step() {
    for away in [0, 1, 7, 90, 200] {
        for killed in 0..=300 {
            let back = killed + away;
            let mut desk = desk();
            desk.open(0, 1, Level::Two, "db1");
            let mut told = Vec::new();
            for second in (0..killed).chain(back..=600) {
                if second == back {
                    let written = serde_json::to_vec(&desk.notify).unwrap();
                    desk.notify = serde_json::from_slice(&written).unwrap();
                }
                desk.notify.escalate(at(second), &desk.incidents);
                told.extend(desk.take(second).into_iter().map(|line| format!("{second} {line}")));
            }
            let when = |step: i64| if (killed..back).contains(&step) { back } else { step };
            let expected = [
                format!("{} duty/1/opened", when(0)),
                format!("{} second/1/escalated", when(120)),
                format!("{} lead/1/escalated", when(240)),
            ];
            let mut expected = expected.to_vec();
            // Steps that passed together are told together, receiver by receiver.
            if when(120) == when(240) {
                expected.swap(1, 2);
            }
            assert_eq!(told, expected, "killed at {killed} for {away} s");
        }
    }
}

/// Scenario: 20 incidents of level 3 within 10 s and one of level 1 among them, to a robot that groups for 10 s (T6).
/// Guarantees: the level 1 goes at once and alone; the twenty go in one message when the first has waited.
#[test]
fn a_burst_is_one_message() {
    let robot = Receiver { group_wait: Duration::from_secs(10), ..receiver("robot", &ALL, true) };
    let mut desk = Desk::new(vec![robot.clone()]);
    let mut sent: Vec<(i64, usize)> = Vec::new();
    for second in 0..=30 {
        if second < 10 {
            desk.open(second, 2 * second as u64 + 1, Level::Three, "db1");
            desk.open(second, 2 * second as u64 + 2, Level::Three, "db1");
        }
        if second == 5 {
            desk.open(5, 100, Level::One, "db1");
        }
        let keys: Vec<Arc<str>> = {
            let heads = desk.notify.heads("robot");
            let (messages, _) = batch(&heads, &robot, at(second), 200);
            messages.iter().map(|p| Arc::clone(&p.key)).collect()
        };
        if !keys.is_empty() {
            sent.push((second, keys.len()));
        }
        for key in keys {
            let outcome = DeliveryOutcome::Told { status: 200 };
            desk.notify.report(at(second), &DeliveryReport { key, outcome });
        }
    }
    assert_eq!(sent, [(5, 1), (10, 20)]);
}

//! Which events are written as they come, and which are counted. A decision without I/O; time is passed in.
//!
//! Refusals that repeat within a minute, and reads of one route by one account, become two entries: the first at once,
//! and when the minute is over one with the number of the others. Everything that changes something is written each time.

use collector_domain::{AuditAction, AuditEvent, AuditOutcome};
use collector_store::audit::AuditEntry;
use shared_model::BootTime;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// How long events count as repetitions of the first of them.
const WINDOW: Duration = Duration::from_secs(60);
/// Different events of one host that are told apart within [`WINDOW`]: a person mistypes a few, a scanner sends thousands.
const PER_HOST_MAX: usize = 100;
/// Different events that are told apart at once, some 10 MiB. On top of them each is written by itself.
const WINDOWS_MAX: usize = 10_000;
/// Stands for more names than are told apart.
const SEVERAL: &str = "several";

/// What was written in the last minute, and how often it came again.
#[derive(Debug, Default)]
pub(super) struct Coalescer {
    windows: BTreeMap<Key, Window>,
    per_host: BTreeMap<Option<String>, usize>,
}

/// What makes two events the same. The time and the peer's port do not.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Key {
    host: Option<String>,
    who: String,
    action: AuditAction,
    object: String,
    outcome: AuditOutcome,
    detail: String,
}

#[derive(Debug)]
struct Window {
    opened: BootTime,
    /// The last one, once it was repeated.
    repeated: Option<AuditEvent>,
    repeats: u64,
}

impl Coalescer {
    /// Takes an event that happened now. What is to be written for it is added to `out`, if anything is.
    pub(super) fn offer(&mut self, event: AuditEvent, now: BootTime, out: &mut Vec<AuditEntry>) {
        if !repeats(&event) {
            out.push(entry(event, 1));
            return;
        }
        let mut key = Key::of(&event);
        let mut event = event;
        let crowded = self.per_host.get(&key.host).is_some_and(|n| *n >= PER_HOST_MAX);
        if crowded && !self.windows.contains_key(&key) {
            several(&mut event);
            key = Key::of(&event);
        }
        if let Some(window) = self.windows.get_mut(&key) {
            if now.since(window.opened) < WINDOW {
                window.repeats += 1;
                window.repeated = Some(event);
                return;
            }
            self.close(&key, out);
        }
        if self.windows.len() < WINDOWS_MAX {
            *self.per_host.entry(key.host.clone()).or_default() += 1;
            self.windows.insert(key, Window { opened: now, repeated: None, repeats: 0 });
        }
        out.push(entry(event, 1));
    }

    /// Ends the windows that are over by now, with the counts of those that were repeated.
    pub(super) fn due(&mut self, now: BootTime, out: &mut Vec<AuditEntry>) {
        let over = |window: &Window| now.since(window.opened) >= WINDOW;
        let over: Vec<Key> =
            self.windows.iter().filter(|(_, w)| over(w)).map(|(k, _)| k.clone()).collect();
        for key in &over {
            self.close(key, out);
        }
    }

    /// Ends every window: nothing is held back any more.
    pub(super) fn flush(&mut self, out: &mut Vec<AuditEntry>) {
        let all: Vec<Key> = self.windows.keys().cloned().collect();
        for key in &all {
            self.close(key, out);
        }
    }

    fn close(&mut self, key: &Key, out: &mut Vec<AuditEntry>) {
        let Some(window) = self.windows.remove(key) else { return };
        if let Some(held) = self.per_host.get_mut(&key.host) {
            *held -= 1;
            if *held == 0 {
                self.per_host.remove(&key.host);
            }
        }
        out.extend(window.repeated.map(|event| entry(event, window.repeats)));
    }
}

impl Key {
    fn of(event: &AuditEvent) -> Self {
        Self {
            host: event.from.as_deref().map(host),
            who: event.who.clone(),
            action: event.action,
            object: event.object.clone(),
            outcome: event.outcome,
            detail: event.detail.clone(),
        }
    }
}

/// Refusals, and reads through the API.
fn repeats(event: &AuditEvent) -> bool {
    match event.outcome {
        AuditOutcome::Refused => true,
        AuditOutcome::Done => event.action == AuditAction::Call,
        AuditOutcome::Ended => false,
    }
}

/// The address without its port, which is another one each time.
fn host(from: &str) -> String {
    match from.parse::<SocketAddr>() {
        Ok(address) => address.ip().to_string(),
        Err(_) => from.to_owned(),
    }
}

fn several(event: &mut AuditEvent) {
    event.who = SEVERAL.to_owned();
    event.object = SEVERAL.to_owned();
    event.detail = format!("more than {PER_HOST_MAX} different events within a minute");
}

fn entry(event: AuditEvent, count: u64) -> AuditEntry {
    AuditEntry { event, count, lost: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared_model::Timestamp;

    fn event(who: &str, action: AuditAction, outcome: AuditOutcome) -> AuditEvent {
        AuditEvent {
            at: Timestamp::from_secs(1),
            who: who.to_owned(),
            from: Some("10.0.0.7:50123".to_owned()),
            action,
            object: "o".to_owned(),
            outcome,
            detail: String::new(),
        }
    }

    fn refused(who: &str) -> AuditEvent {
        event(who, AuditAction::SignIn, AuditOutcome::Refused)
    }

    fn at(millis: u64) -> BootTime {
        BootTime::from_micros(millis * 1_000)
    }

    fn written(coalescer: &mut Coalescer, event: AuditEvent, millis: u64) -> Vec<(String, u64)> {
        let mut out = Vec::new();
        coalescer.offer(event, at(millis), &mut out);
        out.into_iter().map(|e| (e.event.who, e.count)).collect()
    }

    fn due(coalescer: &mut Coalescer, millis: u64) -> Vec<(String, u64)> {
        let mut out = Vec::new();
        coalescer.due(at(millis), &mut out);
        out.into_iter().map(|e| (e.event.who, e.count)).collect()
    }

    /// Scenario: a refusal repeated just before, at and after the end of its minute.
    /// Guarantees: the first at once, the repetitions as one count when the minute is over, and then a first one again.
    #[test]
    fn repetitions_within_a_minute_are_counted() {
        let mut coalescer = Coalescer::default();
        let one = |count| vec![("a".to_owned(), count)];
        assert_eq!(written(&mut coalescer, refused("a"), 0), one(1));
        assert_eq!(written(&mut coalescer, refused("a"), 1), []);
        assert_eq!(written(&mut coalescer, refused("a"), 59_999), []);
        assert_eq!(due(&mut coalescer, 59_999), []);
        assert_eq!(due(&mut coalescer, 60_000), one(2));
        assert_eq!(due(&mut coalescer, 60_001), []);
        assert_eq!(written(&mut coalescer, refused("a"), 60_002), one(1));
        assert_eq!(written(&mut coalescer, refused("a"), 60_003), []);
        // The clock passed the end before anybody asked what was due.
        assert_eq!(
            written(&mut coalescer, refused("a"), 120_002),
            [("a".into(), 1), ("a".into(), 1)]
        );
        assert_eq!(
            due(&mut coalescer, 200_000),
            [],
            "a first one that was not repeated has no count"
        );
    }

    /// Scenario: events that differ in one field, and the same from another port. Guarantees: only the port and the time do
    /// not tell them apart.
    #[test]
    fn what_differs_is_told_apart() {
        let mut coalescer = Coalescer::default();
        let base = refused("a");
        assert_eq!(written(&mut coalescer, base.clone(), 0).len(), 1);
        let other_port = AuditEvent {
            from: Some("10.0.0.7:1".to_owned()),
            at: Timestamp::from_secs(9),
            ..base.clone()
        };
        assert_eq!(written(&mut coalescer, other_port, 1), []);
        for other in [
            AuditEvent { who: "b".to_owned(), ..base.clone() },
            AuditEvent { from: Some("10.0.0.8:50123".to_owned()), ..base.clone() },
            AuditEvent { from: None, ..base.clone() },
            AuditEvent { action: AuditAction::Join, ..base.clone() },
            AuditEvent { object: "p".to_owned(), ..base.clone() },
            AuditEvent { detail: "why".to_owned(), ..base.clone() },
        ] {
            assert_eq!(written(&mut coalescer, other.clone(), 2).len(), 1, "{other:?}");
        }
    }

    /// Scenario: each action and outcome three times within a second. Guarantees: reads and refusals once, every change and
    /// every end each time.
    #[test]
    fn changes_are_never_coalesced() {
        use AuditAction as A;
        let actions = [
            A::Connect,
            A::Join,
            A::Renew,
            A::Session,
            A::Record,
            A::SignIn,
            A::Call,
            A::Act,
            A::Silence,
            A::Account,
            A::Token,
            A::Revoke,
            A::Backup,
        ];
        for action in actions {
            for outcome in [AuditOutcome::Done, AuditOutcome::Refused, AuditOutcome::Ended] {
                let mut coalescer = Coalescer::default();
                let times =
                    [0, 1, 2].map(|ms| written(&mut coalescer, event("a", action, outcome), ms));
                let entries = times.iter().flatten().count();
                let once = outcome == AuditOutcome::Refused
                    || (outcome, action) == (AuditOutcome::Done, A::Call);
                assert_eq!(entries, if once { 1 } else { 3 }, "{action:?} {outcome:?}");
            }
        }
    }

    /// Scenario: a host that is refused under 100, 101 and many more names within a minute, beside another host.
    /// Guarantees: a hundred are named, the rest is one entry and a count, the other host is not touched, and the counts
    /// add up to the events.
    #[test]
    fn a_scanner_fills_no_disk() {
        let mut coalescer = Coalescer::default();
        let mut out = Vec::new();
        for n in 0..PER_HOST_MAX {
            coalescer.offer(refused(&n.to_string()), at(0), &mut out);
        }
        assert!(out.iter().all(|e| e.event.who != SEVERAL) && out.len() == PER_HOST_MAX);
        for n in 0..5_000 {
            coalescer.offer(refused(&format!("x{n}")), at(1), &mut out);
        }
        let elsewhere = AuditEvent { from: Some("10.0.0.8:1".to_owned()), ..refused("y") };
        coalescer.offer(elsewhere, at(2), &mut out);
        assert_eq!(out.len(), PER_HOST_MAX + 2);
        coalescer.flush(&mut out);
        let several = out.last().unwrap();
        assert_eq!((several.event.who.as_str(), several.count), (SEVERAL, 4_999));
        assert_eq!(out.iter().map(|e| e.count).sum::<u64>(), PER_HOST_MAX as u64 + 5_000 + 1);
        assert!(coalescer.per_host.is_empty() && coalescer.windows.is_empty());
    }
}

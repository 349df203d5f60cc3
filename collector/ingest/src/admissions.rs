//! Who was let in and who was refused on the agents' port: counted for `/metrics`, told to the auditor.

use collector_domain::{AuditAction, AuditEvent, AuditOutcome, Auditor};
use shared_model::Clock;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The book at the door. One per collector.
pub struct Admissions {
    auditor: Arc<dyn Auditor>,
    clock: Arc<dyn Clock>,
    /// Refusals by what was reached for and why. Bounded: both are constants of this crate.
    refusals: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
}

/// Somebody at the door.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// A node's identity where it was proven, else `unknown`.
    pub(crate) who: String,
    /// Its address.
    pub(crate) from: Option<SocketAddr>,
}

impl Caller {
    /// Somebody who has not proven who it is.
    pub(crate) fn unknown(from: Option<SocketAddr>) -> Self {
        Self { who: "unknown".to_owned(), from }
    }
}

impl Admissions {
    /// Tells `auditor`.
    pub fn new(auditor: Arc<dyn Auditor>, clock: Arc<dyn Clock>) -> Self {
        Self { auditor, clock, refusals: Mutex::default() }
    }

    /// Refusals since the start: what was reached for, why not, and how often.
    pub fn refusals(&self) -> Vec<(&'static str, &'static str, u64)> {
        let counts = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(&(action, reason), &count)| (action, reason, count)).collect()
    }

    /// Somebody was let in.
    pub(crate) fn admitted(&self, caller: &Caller, action: AuditAction, object: &str) {
        self.note(caller, action, object, AuditOutcome::Done, "");
    }

    /// Somebody was refused; `reason` is the label of the count, `detail` what they were told.
    pub(crate) fn refused(
        &self,
        caller: &Caller,
        action: AuditAction,
        object: &str,
        reason: &'static str,
        detail: &str,
    ) {
        self.count(action, reason);
        self.note(caller, action, object, AuditOutcome::Refused, detail);
    }

    /// Something that was under way was ended by the collector.
    pub(crate) fn ended(
        &self,
        caller: &Caller,
        action: AuditAction,
        object: &str,
        reason: &'static str,
        detail: &str,
    ) {
        self.count(action, reason);
        self.note(caller, action, object, AuditOutcome::Ended, detail);
    }

    fn count(&self, action: AuditAction, reason: &'static str) {
        let mut counts = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((word(action), reason)).or_default() += 1;
    }

    fn note(
        &self,
        caller: &Caller,
        action: AuditAction,
        object: &str,
        outcome: AuditOutcome,
        detail: &str,
    ) {
        self.auditor.note(AuditEvent {
            at: self.clock.wall(),
            who: caller.who.clone(),
            from: caller.from.map(|address| address.to_string()),
            action,
            object: object.to_owned(),
            outcome,
            detail: detail.to_owned(),
        });
    }
}

fn word(action: AuditAction) -> &'static str {
    match action {
        AuditAction::Connect => "connect",
        AuditAction::Join => "join",
        AuditAction::Renew => "renew",
        AuditAction::Session => "session",
        AuditAction::Record => "record",
        _ => "other",
    }
}

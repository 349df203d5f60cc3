//! An entry of the audit log as JSON.

use super::scalar::TimeJson;
use crate::AuditView;
use collector_domain::{AuditAction, AuditOutcome};
use serde::Serialize;

/// An entry of the audit log.
#[derive(Serialize, Debug)]
pub(crate) struct AuditJson {
    number: u64,
    at: TimeJson,
    /// Account, node identity, `admin socket`, `unknown`, or `several`.
    who: String,
    /// Address of the peer; `null` for the collector's own machine.
    from: Option<String>,
    /// `sign_in`, `act`, `call`, `join`, …
    action: AuditAction,
    object: String,
    /// `done`, `refused` or `ended`.
    outcome: AuditOutcome,
    /// Why it was refused or ended; empty otherwise.
    detail: String,
    /// How many the entry stands for.
    count: u64,
    /// Events that were lost before it.
    lost: u64,
}

impl From<AuditView> for AuditJson {
    fn from(view: AuditView) -> Self {
        let AuditView { number, event, count, lost } = view;
        Self {
            number,
            at: TimeJson(event.at),
            who: event.who,
            from: event.from,
            action: event.action,
            object: event.object,
            outcome: event.outcome,
            detail: event.detail,
            count,
            lost,
        }
    }
}

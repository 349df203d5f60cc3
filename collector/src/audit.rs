//! Audit events as log lines.

use collector_domain::{AuditEvent, AuditOutcome, Auditor};

/// Writes each event to the collector's log.
pub(crate) struct LoggingAuditor;

impl Auditor for LoggingAuditor {
    fn note(&self, event: AuditEvent) {
        let AuditEvent { who, from, action, object, outcome, detail, .. } = event;
        match outcome {
            AuditOutcome::Done => {
                tracing::info!(who, from, ?action, object, detail, "audit: done");
            }
            AuditOutcome::Refused | AuditOutcome::Ended => {
                tracing::warn!(who, from, ?action, object, detail, "audit: {outcome:?}");
            }
        }
    }
}

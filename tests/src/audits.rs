//! What a collector's audit trail says, read from its files.

use crate::lone::Collector;
use crate::wait;
use collector_domain::{AuditAction, AuditOutcome};
use collector_store::audit;
use std::time::Duration;

/// Waits until the trail on disk holds a refusal, or an end, of `action` whose reason contains `words`, under an intact
/// chain.
pub fn expect(collector: &Collector, action: AuditAction, words: &str) {
    let dir = collector.data().join("audit");
    let what = format!("an audit record of {action:?}: {words}");
    wait::until(&what, Duration::from_secs(30), || {
        let mut entries =
            audit::iter(&dir).map(|entry| entry.expect("the chain is intact").1.event);
        let found = entries.any(|event| {
            let refused = matches!(event.outcome, AuditOutcome::Refused | AuditOutcome::Ended);
            refused && event.action == action && event.detail.contains(words)
        });
        found.then_some(())
    });
}

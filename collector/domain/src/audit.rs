//! The audit trail: who reached for what, and what became of it. Accesses and refusals, apart from the ledger's incidents.
//!
//! Whoever lets somebody in, refuses somebody or hands out the hospital's data tells an [`Auditor`]. What is written is on
//! disk for ever: fields and actions may be added, never changed or taken away.

use serde::{Deserialize, Serialize};
use shared_model::Timestamp;
use std::future::Future;
use std::pin::Pin;

/// One thing that somebody did or was refused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuditEvent {
    /// The collector's wall clock.
    pub at: Timestamp,
    /// Account name, node identity, `admin socket`, or `unknown` for a peer that did not say or prove who it is.
    pub who: String,
    /// Address of the peer, `host:port`; `None` for the collector's own machine.
    pub from: Option<String>,
    /// What was reached for.
    pub action: AuditAction,
    /// On what: an incident, a node, a token's id, a path. Never a secret, never content.
    pub object: String,
    /// What became of it.
    pub outcome: AuditOutcome,
    /// Why it was refused, in one English sentence; empty otherwise.
    pub detail: String,
}

/// What can be reached for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditAction {
    /// A TCP or TLS connection to the agents' port.
    Connect,
    /// A node's first certificate.
    Join,
    /// A node's next certificate.
    Renew,
    /// A session of an agent.
    Session,
    /// A record or a definition within a session.
    Record,
    /// A person's or program's sign-in.
    SignIn,
    /// A call of the API, REST or gRPC.
    Call,
    /// An act on an incident.
    Act,
    /// A silence made or ended.
    Silence,
    /// A planned change handed in, approved, declined or withdrawn.
    Change,
    /// The duty roster written.
    Roster,
    /// Alerts of another system taken.
    Foreign,
    /// A fault or question taken down.
    Report,
    /// An account added or changed.
    Account,
    /// A join token made.
    Token,
    /// A node shut out.
    Revoke,
    /// A backup taken.
    Backup,
}

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// It was done.
    Done,
    /// It was refused; `detail` says why.
    Refused,
    /// It was under way and was ended by the collector; `detail` says why.
    Ended,
}

/// Takes audit events. Implemented by the daemon over the audit log.
pub trait Auditor: Send + Sync {
    /// Notes an event. Never blocks on the disk; refusals that repeat may be written as one with a count.
    fn note(&self, event: AuditEvent);

    /// Resolves once everything that the caller noted before is on disk. Who was let in or whose change was taken is
    /// answered after it, so that a crash cannot take the trace of what was answered.
    fn settled(&self) -> Settled {
        Box::pin(std::future::ready(()))
    }
}

/// What [`Auditor::settled`] returns.
pub type Settled = Pin<Box<dyn Future<Output = ()> + Send>>;

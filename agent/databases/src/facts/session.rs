//! What an engine's client offers to the probe.

use super::row::Row;
use crate::refusal::Reason;
use agent_probe::ProbeError;
use std::future::Future;
use std::pin::Pin;

/// An answer that comes later.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// Opens sessions of one instance.
pub(crate) trait Client: Send + Sync {
    /// A session that only reads, whose statements end after the time that the client was made with.
    fn open(&self) -> Answer<'_, Box<dyn Session>>;
}

/// An open session. One that is dropped in the middle of an answer leaves nothing behind that lasts longer than its statement.
pub(crate) trait Session: Send {
    /// The rows of a statement.
    fn query(&mut self, sql: &'static str) -> Answer<'_, Vec<Row>>;
}

/// Why there is no session, or no answer. Never in the server's words, which may hold a literal.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    /// Where and with what number.
    pub(crate) what: String,
}

/// What follows from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FailureKind {
    /// The node's own side is at fault, which says nothing about the server.
    Local,
    /// The session is over, or was never begun.
    Ended(Reason),
    /// The server lacks what was asked for, or the account may not see it.
    Missing,
    /// This statement failed, the session goes on.
    Statement,
}

impl Failure {
    /// A fault of the node's own side; `what` says what to do.
    pub(crate) fn local(what: impl Into<String>) -> Self {
        Self { kind: FailureKind::Local, what: what.into() }
    }

    /// As the runner tells it, with the name of what was read.
    pub(crate) fn complaint(&self, name: &str) -> ProbeError {
        ProbeError::Query { what: format!("{name}: {}", self.what) }
    }
}

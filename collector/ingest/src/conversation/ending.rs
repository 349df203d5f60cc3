//! Why a session ends, with the words for the agent, for the count and for the audit trail.

use crate::inbound::Refusal;
use std::error::Error;
use tonic::{Code, Status};

/// The reason of an end that nobody wanted.
const LOST: &str = "lost";

/// The end of a session that the collector refused or broke off.
pub(super) struct Ending {
    /// The label of its count.
    pub(super) reason: &'static str,
    /// What the agent is told.
    pub(super) status: Status,
    /// Whether the session had been opened.
    pub(super) opened: bool,
}

impl Ending {
    pub(super) fn new(reason: &'static str, status: Status) -> Self {
        Self { reason, status, opened: false }
    }

    /// It was open before.
    pub(super) fn of_open(self) -> Self {
        Self { opened: true, ..self }
    }

    /// The agent does not take what it is told because its end is closed.
    pub(super) fn gone() -> Self {
        Self::new(LOST, Status::cancelled("the connection was lost"))
    }

    /// Nobody was refused: the connection is gone.
    pub(super) fn is_loss(&self) -> bool {
        self.reason == LOST
    }

    /// The stream itself failed, most likely because a message is not one.
    pub(super) fn of_stream(status: Status) -> Self {
        match status.code() {
            Code::OutOfRange => {
                let text = format!(
                    "a message is too large ({}): an agent of this version never sends one, upgrade it or look at the machine",
                    status.message()
                );
                Self::new("oversized", Status::out_of_range(text))
            }
            _ if is_lost(&status) => Self::new(LOST, status),
            _ => {
                let text = format!(
                    "a message is malformed ({}): an agent of this version never sends one, upgrade it or look at the machine",
                    status.message()
                );
                Self::new("malformed", Status::invalid_argument(text))
            }
        }
    }
}

/// Whether a stream ended by the loss of its connection, rather than by what came over it. Errors of the transport carry
/// it as their cause; those of the decoder have none.
pub(super) fn is_lost(status: &Status) -> bool {
    let decoding = matches!(
        status.code(),
        Code::OutOfRange | Code::Internal | Code::Unimplemented | Code::InvalidArgument
    );
    !decoding || status.source().is_some() || status.message().starts_with("Unexpected EOF")
}

pub(super) fn invalid(error: &(dyn Error + 'static)) -> Status {
    Status::invalid_argument(shared_runtime::telemetry::chain(error))
}

pub(super) fn stopping() -> Status {
    Status::unavailable("the collector is stopping")
}

pub(super) fn refused(refusal: &Refusal) -> Ending {
    match refusal {
        Refusal::Revoked => Ending::new(
            "revoked",
            Status::permission_denied(
                "this node was revoked: ask for a new token and join it again if that was a mistake",
            ),
        ),
        Refusal::Duplicate => Ending::new(
            "duplicate",
            Status::already_exists(
                "another installation with this identity is connected: if this machine is a clone, join it under its own name",
            ),
        ),
        Refusal::Superseded => Ending::new(
            "superseded",
            Status::aborted("a newer session of the same agent took over"),
        ),
        Refusal::Unavailable => Ending::new("stopping", stopping()),
    }
}

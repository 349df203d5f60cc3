//! Why a server does not serve, told apart by SQLSTATE and never by its words.

pub(super) use crate::refusal::Reason;
use agent_probe::ProbeError;
use std::error::Error as _;
use std::io;
use tokio_postgres::Error;

impl Reason {
    /// The reason behind a driver's error.
    pub(super) fn of(error: &Error) -> Self {
        match error.code() {
            Some(state) => Self::of_sqlstate(state.code()),
            // The driver's kind is private; this is how its `Display` names a failed handshake.
            None if error.to_string().starts_with("error performing TLS handshake") => Self::Tls,
            None if error.is_closed() => Self::Unreachable,
            None => match io_kind(error) {
                Some(io::ErrorKind::TimedOut) => Self::TimedOut,
                Some(_) => Self::Unreachable,
                // What is left without an SQLSTATE is the client's side of authentication.
                None if error.to_string().contains("authenticat") => Self::Authentication,
                None => Self::Other,
            },
        }
    }

    fn of_sqlstate(code: &str) -> Self {
        match code {
            "53300" => Self::Exhausted,
            "57P03" => Self::StartingUp,
            "3D000" => Self::NoDatabase,
            // 57P01 admin_shutdown, 57P02 crash_shutdown, 57P05 idle_session_timeout, class 08 connection exceptions.
            "57P01" | "57P02" | "57P05" => Self::Unreachable,
            _ if code.starts_with("28") => Self::Authentication,
            _ if code.starts_with("08") => Self::Unreachable,
            _ => Self::Other,
        }
    }
}

/// Whether the session itself is gone, as opposed to one statement having failed in it.
pub(super) fn ends_session(error: &Error) -> bool {
    match error.code() {
        Some(state) => Reason::of_sqlstate(state.code()) != Reason::Other,
        None => true,
    }
}

/// What is reported of a failed statement: where it happened and the SQLSTATE, without the server's words.
pub(super) fn complaint(what: &str, error: &Error) -> ProbeError {
    let answer = match error.code() {
        Some(state) => format!("SQLSTATE {}", state.code()),
        None if error.is_closed() => "connection closed".into(),
        None => match io_kind(error) {
            Some(kind) => kind.to_string(),
            None => "no usable answer".into(),
        },
    };
    ProbeError::Query { what: format!("{what}: {answer}") }
}

fn io_kind(error: &Error) -> Option<io::ErrorKind> {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        cause = inner.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the SQLSTATEs that matter and some that do not. Guarantees: each is told apart; an ordinary statement
    /// error does not count as a lost session.
    #[test]
    fn sqlstates_are_told_apart() {
        for (code, reason) in [
            ("53300", Reason::Exhausted),
            ("57P03", Reason::StartingUp),
            ("28P01", Reason::Authentication),
            ("28000", Reason::Authentication),
            ("3D000", Reason::NoDatabase),
            ("57P01", Reason::Unreachable),
            ("08006", Reason::Unreachable),
            ("57014", Reason::Other),
            ("42501", Reason::Other),
            ("", Reason::Other),
        ] {
            assert_eq!(Reason::of_sqlstate(code), reason, "{code}");
        }
    }
}

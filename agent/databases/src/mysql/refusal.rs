//! Why a server does not serve, told apart by error number and never by its words.

use crate::refusal::Reason;
use agent_probe::ProbeError;
use mysql_async::{Error, IoError};
use std::io;

/// The reason behind a driver's error.
pub(super) fn reason(error: &Error) -> Reason {
    match error {
        Error::Server(server) => reason_of(server.code),
        Error::Io(IoError::Tls(_)) => Reason::Tls,
        Error::Io(IoError::Io(error)) if error.kind() == io::ErrorKind::TimedOut => {
            Reason::TimedOut
        }
        Error::Io(IoError::Io(_)) => Reason::Unreachable,
        // A packet that is none, or a server that closed in the middle of one.
        Error::Driver(_) | Error::Url(_) | Error::Other(_) => Reason::Other,
    }
}

/// Numbers of the servers' error lists: `mysqld_error.h`.
fn reason_of(code: u16) -> Reason {
    match code {
        // ER_CON_COUNT_ERROR, ER_TOO_MANY_USER_CONNECTIONS, ER_USER_LIMIT_REACHED.
        1040 | 1203 | 1226 => Reason::Exhausted,
        // ER_SERVER_SHUTDOWN.
        1053 => Reason::StartingUp,
        // ER_ACCESS_DENIED_ERROR, ER_HOST_NOT_PRIVILEGED, ER_ACCESS_DENIED_NO_PASSWORD_ERROR, ER_MUST_CHANGE_PASSWORD_LOGIN,
        // ER_ACCOUNT_HAS_BEEN_LOCKED in MySQL and in MariaDB.
        1045 | 1130 | 1698 | 1862 | 3118 | 4151 => Reason::Authentication,
        1049 => Reason::NoDatabase,
        // ER_CONNECTION_KILLED, ER_HOST_IS_BLOCKED.
        1129 | 1927 => Reason::Unreachable,
        _ => Reason::Other,
    }
}

/// Whether the session itself is gone, as opposed to one statement having failed in it.
pub(super) fn ends_session(error: &Error) -> bool {
    match error {
        Error::Server(server) => reason_of(server.code) != Reason::Other,
        _ => true,
    }
}

/// What is reported of a failed statement: where it happened and the error's number, without the server's words.
pub(super) fn complaint(what: &str, error: &Error) -> ProbeError {
    let answer = match error {
        Error::Server(server) => format!("error {}", server.code),
        Error::Io(IoError::Tls(_)) => "no agreement on encryption".into(),
        Error::Io(IoError::Io(error)) => error.kind().to_string(),
        Error::Driver(_) | Error::Url(_) | Error::Other(_) => "no usable answer".into(),
    };
    ProbeError::Query { what: format!("{what}: {answer}") }
}

/// Whether the server lacks what was asked for, or the account may not see it: unknown column, table, variable or function,
/// no right to a table or column, no right at all.
pub(super) fn is_missing(error: &Error) -> bool {
    let codes = [1044, 1054, 1109, 1142, 1143, 1146, 1193, 1227, 1305, 1370];
    matches!(error, Error::Server(server) if codes.contains(&server.code))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the numbers that matter and some that do not. Guarantees: each is told apart; an ordinary error of a statement
    /// is no lost session.
    #[test]
    fn numbers_are_told_apart() {
        for (code, reason, ends) in [
            (1040, Reason::Exhausted, true),
            (1045, Reason::Authentication, true),
            (1053, Reason::StartingUp, true),
            (1927, Reason::Unreachable, true),
            (1969, Reason::Other, false),
            (1142, Reason::Other, false),
        ] {
            assert_eq!(reason_of(code), reason, "{code}");
            let error =
                mysql_async::ServerError { code, message: "x".into(), state: "HY000".into() };
            assert_eq!(ends_session(&Error::Server(error)), ends, "{code}");
        }
    }
}

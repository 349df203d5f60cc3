//! Why a server does not serve, told apart by error number and never by its words.

use crate::facts::session::{Failure, FailureKind};
use crate::refusal::Reason;
use tiberius::error::Error;

/// Severity from which on the server closes the connection.
const FATAL: u8 = 20;

/// What an error of the driver means.
pub(super) fn failure(error: &Error) -> Failure {
    let ended =
        |reason, what: &str| Failure { kind: FailureKind::Ended(reason), what: what.to_owned() };
    match error {
        Error::Server(token) => {
            let (number, class) = (token.code(), token.class());
            Failure { kind: kind_of_server(number, class), what: format!("error {number}") }
        }
        Error::Io { .. } => ended(Reason::Unreachable, "the connection was lost"),
        Error::Tls(_) => ended(Reason::Tls, "no agreement on encryption"),
        Error::Routing { .. } => ended(Reason::Other, "the server points to another one"),
        Error::Conversion(_) | Error::ParseInt(_) => {
            Failure { kind: FailureKind::Statement, what: "no usable answer".to_owned() }
        }
        _ => ended(Reason::Other, "no usable answer"),
    }
}

/// Numbers of `sys.messages`.
fn kind_of_server(number: u32, class: u8) -> FailureKind {
    match number {
        // The limits of connections, of workers and of an elastic pool's logins.
        10928 | 10929 | 17809 => FailureKind::Ended(Reason::Exhausted),
        // Shutting down, paused, not yet recovered, upgrading.
        904 | 922 | 6005 | 17142 | 18401 | 18451 => FailureKind::Ended(Reason::StartingUp),
        // Refused, disabled, locked out, expired, must be changed, no right to connect.
        18452 | 18456 | 18470 | 18486 | 18487 | 18488 => FailureKind::Ended(Reason::Authentication),
        911 | 4060 => FailureKind::Ended(Reason::NoDatabase),
        // No such object or column, no right to it, to the server's state or its definitions.
        207 | 208 | 229 | 230 | 297 | 300 | 371 => FailureKind::Missing,
        _ if class >= FATAL => FailureKind::Ended(Reason::Other),
        _ => FailureKind::Statement,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the numbers that matter and some that do not, and a severity that closes the connection. Guarantees: each is told
    /// apart; an ordinary error of a statement is no lost session.
    #[test]
    fn numbers_are_told_apart() {
        for (number, class, kind) in [
            (17809, 16, FailureKind::Ended(Reason::Exhausted)),
            (18401, 14, FailureKind::Ended(Reason::StartingUp)),
            (18456, 14, FailureKind::Ended(Reason::Authentication)),
            (4060, 11, FailureKind::Ended(Reason::NoDatabase)),
            (300, 14, FailureKind::Missing),
            (1222, 16, FailureKind::Statement),
            (3624, 20, FailureKind::Ended(Reason::Other)),
            (3624, 19, FailureKind::Statement),
        ] {
            assert_eq!(kind_of_server(number, class), kind, "{number}");
        }
        let lost = Error::Io { kind: std::io::ErrorKind::BrokenPipe, message: "patient".into() };
        let found = failure(&lost);
        assert_eq!(found.kind, FailureKind::Ended(Reason::Unreachable));
        assert!(!found.what.contains("patient"), "{found:?}");
    }
}

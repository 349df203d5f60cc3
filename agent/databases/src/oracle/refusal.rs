//! Why a server does not serve, told apart by error number and never by its words.

use crate::facts::session::{Failure, FailureKind};
use crate::refusal::Reason;
use oracle::Error;

/// What an error of the library means.
pub(super) fn failure(error: &Error) -> Failure {
    match (error.dpi_code(), error.oci_code()) {
        (Some(1047), _) => Failure::local(
            "Oracle's client library is not installed here: install Oracle Instant Client (Basic Light) and its libaio, and let the \
             loader find libclntsh.so (ldconfig, or LD_LIBRARY_PATH in the unit's environment)",
        ),
        (Some(number), _) => {
            Failure { kind: kind_of_library(number), what: format!("error DPI-{number}") }
        }
        (None, Some(number)) => {
            Failure { kind: kind_of_server(number), what: format!("error ORA-{number:05}") }
        }
        (None, None) => {
            Failure { kind: FailureKind::Statement, what: "no usable answer".to_owned() }
        }
    }
}

/// Numbers of the library (ODPI-C's dpiErrorMessages.h).
fn kind_of_library(number: i32) -> FailureKind {
    match number {
        // A call took longer than it may; the connection is closed or not connected.
        1067 => FailureKind::Ended(Reason::TimedOut),
        1010 | 1080 => FailureKind::Ended(Reason::Unreachable),
        _ => FailureKind::Statement,
    }
}

/// Numbers of the server and its network (Oracle Database Error Messages).
fn kind_of_server(number: i32) -> FailureKind {
    match number {
        // Sessions, processes, sessions of the account; the listener has no handler left.
        18 | 20 | 2391 | 12516 | 12518 | 12519 | 12520 => FailureKind::Ended(Reason::Exhausted),
        // In start or shutdown, closing, restricted; the listener blocks new connections.
        1033 | 1035 | 1089 | 12526 | 12527 | 12528 => FailureKind::Ended(Reason::StartingUp),
        // Wrong password, no right to log in, locked, expired.
        1005 | 1017 | 1045 | 28000 | 28001 => FailureKind::Ended(Reason::Authentication),
        12505 | 12514 => FailureKind::Ended(Reason::NoDatabase),
        // Timeouts of the network and of a call.
        3136 | 3156 | 12170 | 12535 | 12606 | 12609 => FailureKind::Ended(Reason::TimedOut),
        28759 | 28860 | 28864 | 29024 => FailureKind::Ended(Reason::Tls),
        // Killed, not available, end of file, not connected, lost contact, no listener, no route.
        28 | 1012 | 1034 | 1092 | 3113 | 3114 | 3135 | 12153 | 12537 | 12541 | 12543 | 12545
        | 12547 | 12560 => FailureKind::Ended(Reason::Unreachable),
        // No such column, table or view; no right.
        904 | 942 | 1031 | 4043 => FailureKind::Missing,
        _ => FailureKind::Statement,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the numbers that matter and some that do not. Guarantees: each is told apart; an ordinary error of a statement is no
    /// lost session.
    #[test]
    fn numbers_are_told_apart() {
        for (number, kind) in [
            (20, FailureKind::Ended(Reason::Exhausted)),
            (1033, FailureKind::Ended(Reason::StartingUp)),
            (1017, FailureKind::Ended(Reason::Authentication)),
            (12514, FailureKind::Ended(Reason::NoDatabase)),
            (12541, FailureKind::Ended(Reason::Unreachable)),
            (12170, FailureKind::Ended(Reason::TimedOut)),
            (942, FailureKind::Missing),
            (1722, FailureKind::Statement),
        ] {
            assert_eq!(kind_of_server(number), kind, "{number}");
        }
        assert_eq!(kind_of_library(1067), FailureKind::Ended(Reason::TimedOut));
        assert_eq!(kind_of_library(1001), FailureKind::Statement);
    }
}

//! Whether a peer was reached, as an error of the network says it.

use std::io::{Error, ErrorKind};
use std::time::Duration;

/// What one probe of one path found.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Reach {
    /// It answered, after this time.
    Reached(Duration),
    /// Nothing came back, or a router said that it is not there.
    NotReached,
    /// The probe did not leave this node, which says nothing about the peer; why.
    NotTried(String),
}

/// What an error means. `address` is for people.
pub(crate) fn of_error(error: &Error, address: impl std::fmt::Display) -> Reach {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::HostUnreachable => Reach::NotReached,
        _ => Reach::NotTried(format!("probe {address}: {error}")),
    }
}

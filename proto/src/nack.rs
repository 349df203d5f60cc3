//! What an agent does about a record that was not taken.

use crate::wire::NackCode;

/// The agent's reaction to a [`crate::wire::Nack`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NackAction {
    /// Send the record again, not sooner than asked.
    Retry,
    /// Send the full catalog, then the record again.
    ResendCatalog,
    /// Give the record up and declare the loss.
    Drop,
}

/// The reaction to a code. An unknown one is a retry, so that nothing is lost by misunderstanding.
pub fn nack_action(code: NackCode) -> NackAction {
    match code {
        NackCode::UnknownCatalog => NackAction::ResendCatalog,
        NackCode::Invalid | NackCode::TooManySeries => NackAction::Drop,
        NackCode::Unspecified | NackCode::Busy | NackCode::Checksum => NackAction::Retry,
    }
}

//! Settings: accounts, join tokens and the registry of nodes, as a log of changes folded into one state.
//!
//! A change is checked against the state, put on disk and then folded, in that order, so that a change that was
//! answered with `Ok` survives anything and a refused one leaves no trace.

mod change;
mod refused;
mod secret;
mod state;

pub use change::Change;
pub use refused::{ClientRefused, Refused};
pub use secret::{PasswordHash, SecretDigest};
pub use state::{Account, Client, JoinToken, Node, Revoked, Settings};

use shared_journal::{Item, JournalError, Log, Lsn, Options, Tail};
use shared_model::{NodeIdentity, Timestamp};
use std::path::Path;

/// Kind of a change in the log.
const RECORD_KIND: u8 = 1;
/// Longest change: names and a password hash, well under a page.
const CHANGE_BYTES_MAX: usize = 64 << 10;

/// Why settings could not be opened or changed.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The change does not fit the state. Nothing changed.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A change in the log cannot be read. It may be a revocation, so the settings do not open without it.
    #[error("settings change {number} is damaged: {why}")]
    Damaged {
        /// Its number in the log.
        number: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A change has no JSON form.
    #[error("cannot encode a settings change")]
    Encode(#[source] serde_json::Error),
    /// The files could not be read or written.
    #[error("cannot use the settings' files")]
    Journal(#[from] JournalError),
}

/// Why a token was not accepted. The node is told only that it was not; the reason is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No such token.
    #[error("no such join token")]
    Unknown,
    /// The secret is not the token's.
    #[error("the join token's secret is wrong")]
    WrongSecret,
    /// It was used.
    #[error("the join token was used at {0}")]
    Used(Timestamp),
    /// It was taken back.
    #[error("the join token was revoked at {0}")]
    Revoked(Timestamp),
    /// It ran out.
    #[error("the join token expired at {0}")]
    Expired(Timestamp),
    /// It was issued for another node.
    #[error("the join token was issued for {0}")]
    WrongNode(NodeIdentity),
    /// The use could not be recorded, so the token is not accepted.
    #[error("cannot record the use of the join token")]
    Settings(#[source] SettingsError),
}

/// The settings, open for changing.
#[derive(Debug)]
pub struct SettingsLog {
    log: Log,
    state: Settings,
}

impl SettingsLog {
    /// Opens the settings in `dir`, created when missing.
    ///
    /// # Errors
    /// [`SettingsError::Damaged`] when a change cannot be read, [`SettingsError::Journal`].
    pub fn open(dir: &Path) -> Result<Self, SettingsError> {
        let options = Options {
            segment_bytes: 1 << 20,
            max_record_bytes: CHANGE_BYTES_MAX,
            tail: Tail::CutIncomplete,
            ..Options::default()
        };
        let (log, _) = Log::open(dir, options)?;
        let mut state = Settings::default();
        for item in log.reader(Lsn::FIRST) {
            state.fold(decode(item?)?);
        }
        Ok(Self { log, state })
    }

    /// The state after all changes.
    pub fn state(&self) -> &Settings {
        &self.state
    }

    /// Checks a change, puts it on disk and folds it.
    ///
    /// # Errors
    /// [`SettingsError::Refused`] when it does not fit the state, otherwise the change is not durable and not folded.
    pub fn record(&mut self, change: Change) -> Result<(), SettingsError> {
        self.state.check(&change)?;
        let json = serde_json::to_vec(&change).map_err(SettingsError::Encode)?;
        self.log.append(RECORD_KIND, &json)?;
        self.log.sync()?;
        self.state.fold(change);
        Ok(())
    }

    /// Uses up the token `id` for `requested`: at most one call for a token ever returns `Ok`. `secret` is the
    /// SHA-256 of the presented secret; it is compared in constant time, and before anything about the token is said.
    ///
    /// # Errors
    /// [`TokenError`]; the token is unchanged.
    pub fn consume_token(
        &mut self,
        id: &str,
        secret: &SecretDigest,
        now: Timestamp,
        requested: &NodeIdentity,
    ) -> Result<(), TokenError> {
        let token = self.state.tokens.get(id).ok_or(TokenError::Unknown)?;
        if !token.secret_sha256.matches(secret) {
            return Err(TokenError::WrongSecret);
        }
        if let Some(used) = token.used {
            return Err(TokenError::Used(used));
        }
        if let Some(revoked) = token.revoked {
            return Err(TokenError::Revoked(revoked));
        }
        if now >= token.expires {
            return Err(TokenError::Expired(token.expires));
        }
        if token.node != *requested {
            return Err(TokenError::WrongNode(token.node.clone()));
        }
        let id = id.to_owned();
        self.record(Change::TokenUsed { id, at: now }).map_err(TokenError::Settings)
    }
}

fn decode(item: Item) -> Result<Change, SettingsError> {
    let damaged = |number: Lsn, why: String| SettingsError::Damaged { number: number.0, why };
    match item {
        Item::Record { lsn, kind, payload } if kind == RECORD_KIND => {
            serde_json::from_slice(&payload).map_err(|e| damaged(lsn, e.to_string()))
        }
        Item::Record { lsn, kind, .. } => Err(damaged(lsn, format!("it is of kind {kind}"))),
        Item::Damaged { from, .. } => Err(damaged(from, "its record cannot be read".to_owned())),
        Item::Dropped { from, .. } => Err(damaged(from, "its file is missing".to_owned())),
    }
}

#[cfg(test)]
mod tests;

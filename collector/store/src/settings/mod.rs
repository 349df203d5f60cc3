//! Settings: accounts, join tokens and the registry of nodes, as a log of changes folded into one state.
//!
//! A change is checked against the state, put on disk and then folded, in that order, so that a change that was
//! answered with `Ok` survives anything and a refused one leaves no trace.

mod change;
mod key;
mod log;
mod refused;
mod seal;
mod secret;
mod state;

pub use change::Change;
pub use key::{KeyError, SettingsKey};
pub use refused::{ClientRefused, Refused};
pub use secret::{PasswordHash, SecretDigest};
pub use state::{Account, Client, JoinToken, Node, Revoked, Settings};

use log::{Files, Sealed};
use shared_journal::JournalError;
use shared_model::{NodeIdentity, Timestamp};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Records from which the log is replaced by one that holds the state alone: some MiB, and a second of a start.
const RECORDS_MAX: u64 = 10_000;
/// How long a token that was used, taken back or has run out is still listed. After that it is not known any more, and so
/// refused all the same.
const TOKENS_KEPT: Duration = Duration::from_secs(90 * 86_400);

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
    /// The settings were sealed with another key.
    #[error("the settings are sealed with another key: put back the key file that belongs to them")]
    WrongKey,
    /// The key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The system has no random numbers.
    #[error("the system has no random numbers to seal the settings with")]
    NoRandomness,
    /// The log could not be replaced by a shorter or sealed one; the one before is still there.
    #[error("cannot replace {path}")]
    Replace {
        /// File or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Replacing the log failed half-way in this run. What is on disk is right; it is read at the next start.
    #[error(
        "the settings could not be opened again after they were replaced: restart the collector"
    )]
    NotReplaced,
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
    files: Files,
    state: Settings,
    records_max: u64,
}

impl SettingsLog {
    /// Opens the settings in `dir`, created when missing, which are sealed with the key in `key_file`. The key is made when
    /// there are no sealed settings yet; settings of an earlier version are sealed now.
    ///
    /// # Errors
    /// [`SettingsError::Damaged`] when a change cannot be read, [`SettingsError::WrongKey`], [`SettingsError::Key`],
    /// [`SettingsError::Journal`].
    pub fn open(dir: &Path, key_file: &Path) -> Result<Self, SettingsError> {
        let (files, state) = Files::open(dir, key_file)?;
        Ok(Self { files, state, records_max: RECORDS_MAX })
    }

    /// The state after all changes.
    pub fn state(&self) -> &Settings {
        &self.state
    }

    /// A key for another purpose, derived from the settings' own by HMAC-SHA-256: the same for as long as that key file is.
    pub fn derive(&self, purpose: &str) -> zeroize::Zeroizing<[u8; 32]> {
        self.files.key().derive(purpose)
    }

    /// Checks a change, puts it on disk and folds it.
    ///
    /// # Errors
    /// [`SettingsError::Refused`] when it does not fit the state, otherwise the change is not durable and not folded.
    pub fn record(&mut self, change: Change) -> Result<(), SettingsError> {
        self.state.check(&change)?;
        let at = change.at();
        self.files.append(&Sealed::Change(change.clone()))?;
        self.state.fold(change);
        if self.files.records() >= self.records_max {
            self.state.forget_tokens(at.minus(TOKENS_KEPT));
            // The change itself is on disk: what fails here is tried again at the next one.
            if let Err(error) = self.files.replace(&self.state) {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "the settings could not be compacted");
            }
        }
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

#[cfg(test)]
mod sealed_tests;
#[cfg(test)]
mod tests;

//! The settings log behind a lock: accounts, tokens, the registry of nodes. Reads are cheap, writes are rare and synced.

use anyhow::Context;
use collector_domain::Role;
use collector_store::settings::{Change, PasswordHash, SecretDigest, SettingsLog};
use shared_model::{NodeIdentity, Timestamp};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shared handle on the settings log.
#[derive(Clone)]
pub(crate) struct Settings(Arc<Mutex<SettingsLog>>);

impl Settings {
    /// Opens the log in `dir`.
    pub(crate) fn open(dir: &Path) -> anyhow::Result<Self> {
        let log = SettingsLog::open(dir)
            .with_context(|| format!("open the settings in {}", dir.display()))?;
        Ok(Self(Arc::new(Mutex::new(log))))
    }

    /// The log, for as long as the guard lives. A panic elsewhere cannot leave it half changed: a change is one record.
    pub(crate) fn lock(&self) -> MutexGuard<'_, SettingsLog> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new join token.
    pub(crate) fn issue_token(
        &self,
        id: &str,
        secret_sha256: [u8; 32],
        node: NodeIdentity,
        expires: Timestamp,
        at: Timestamp,
    ) -> anyhow::Result<()> {
        let change = Change::TokenIssued {
            id: id.to_owned(),
            secret_sha256: SecretDigest(secret_sha256),
            node,
            expires,
            at,
        };
        self.lock().record(change).context("write the token to the settings log")
    }

    /// A new or changed account.
    pub(crate) fn set_account(
        &self,
        name: &str,
        role: Role,
        password_hash: &str,
        at: Timestamp,
    ) -> anyhow::Result<()> {
        let change = Change::AccountSet {
            name: name.to_owned(),
            role,
            password_hash: PasswordHash(password_hash.to_owned()),
            at,
        };
        self.lock().record(change).context("write the account to the settings log")
    }
}

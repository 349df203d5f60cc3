//! The settings log behind a lock: accounts, tokens, the registry of nodes. Reads are cheap, writes are rare and synced.

use anyhow::Context;
use collector_domain::Role;
use collector_store::settings::{Change, PasswordHash, SecretDigest, SettingsLog};
use shared_model::{NodeIdentity, Timestamp};
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Shared handle on the settings log.
#[derive(Clone)]
pub(crate) struct Settings {
    log: Arc<Mutex<SettingsLog>>,
    changed: watch::Sender<()>,
}

/// The log, for as long as this lives. Whoever changes something through it wakes those who wait for
/// [`Settings::changed`] when it is dropped.
pub(crate) struct Guard<'a> {
    log: MutexGuard<'a, SettingsLog>,
    changed: &'a watch::Sender<()>,
    touched: bool,
}

impl Settings {
    /// Opens the log in `dir`, sealed with the key in `key_file`.
    pub(crate) fn open(dir: &Path, key_file: &Path) -> anyhow::Result<Self> {
        let log = SettingsLog::open(dir, key_file)
            .with_context(|| format!("open the settings in {}", dir.display()))?;
        Ok(Self { log: Arc::new(Mutex::new(log)), changed: watch::Sender::new(()) })
    }

    /// The log, for as long as the guard lives. A panic elsewhere cannot leave it half changed: a change is one record.
    pub(crate) fn lock(&self) -> Guard<'_> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        Guard { log, changed: &self.changed, touched: false }
    }

    /// Wakes after each change, so that what was let in before is held against the settings again: a revoked node's session
    /// and a disabled account's calls end then. May wake without a change.
    pub(crate) fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Checks a change, puts it on disk and folds it.
    pub(crate) fn record(&self, change: Change) -> anyhow::Result<()> {
        self.lock().record(change).context("write to the settings log")
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
        self.record(Change::TokenIssued {
            id: id.to_owned(),
            secret_sha256: SecretDigest(secret_sha256),
            node,
            expires,
            at,
        })
    }

    /// A new or changed account.
    pub(crate) fn set_account(
        &self,
        name: &str,
        role: Role,
        password_hash: &str,
        at: Timestamp,
    ) -> anyhow::Result<()> {
        self.record(Change::AccountSet {
            name: name.to_owned(),
            role,
            password_hash: PasswordHash(password_hash.to_owned()),
            at,
        })
    }
}

impl Deref for Guard<'_> {
    type Target = SettingsLog;

    fn deref(&self) -> &SettingsLog {
        &self.log
    }
}

impl DerefMut for Guard<'_> {
    fn deref_mut(&mut self) -> &mut SettingsLog {
        self.touched = true;
        &mut self.log
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if self.touched {
            self.changed.send_replace(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the settings are read, then changed. Guarantees: a change wakes who waits for one, a look does not.
    #[test]
    fn a_change_wakes_and_a_look_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let settings =
            Settings::open(&dir.path().join("settings"), &dir.path().join("key")).unwrap();
        let waiting = settings.changed();
        assert!(settings.lock().state().accounts.is_empty());
        assert!(!waiting.has_changed().unwrap());
        settings.set_account("noc", Role::Viewer, "$x", Timestamp::from_secs(1)).unwrap();
        assert!(waiting.has_changed().unwrap());
    }
}

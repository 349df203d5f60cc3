//! Accounts of people and programs.

use super::server::{Admin, done};
use collector_domain::{AuditAction, Role};
use collector_store::settings::Change;
use serde::{Deserialize, Serialize};

/// About accounts.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum UserRequest {
    /// Make an account or change its role and password.
    Add { name: String, role: Role, password_hash: String },
    /// All accounts; answers a list of [`UserLine`].
    List,
    /// Shut an account out.
    Disable { name: String },
    /// Let an account in again.
    Enable { name: String },
    /// Remove an account; its clients' certificates never work again.
    Remove { name: String },
}

/// The password hash stays out of logs.
impl std::fmt::Debug for UserRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Add { .. } => "Add",
            Self::List => "List",
            Self::Disable { .. } => "Disable",
            Self::Enable { .. } => "Enable",
            Self::Remove { .. } => "Remove",
        })
    }
}

/// An account as it is listed.
#[derive(Serialize, Deserialize)]
pub(crate) struct UserLine {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// When it was added.
    pub(crate) created: String,
    pub(crate) disabled: bool,
    /// Certificates of its programs that may still be used.
    pub(crate) clients: usize,
}

impl Admin {
    pub(super) fn user(&self, request: UserRequest) -> anyhow::Result<serde_json::Value> {
        let at = self.clock.wall();
        let (name, what, outcome) = match request {
            UserRequest::List => return done(self.users()),
            UserRequest::Add { name, role, password_hash } => {
                tracing::info!(name, ?role, "account set");
                let outcome = self.settings.set_account(&name, role, &password_hash, at);
                (name, "set", outcome)
            }
            UserRequest::Disable { name } => {
                let change = Change::AccountDisabled { name: name.clone(), at };
                (name, "disabled", self.settings.record(change))
            }
            UserRequest::Enable { name } => {
                let change = Change::AccountEnabled { name: name.clone(), at };
                (name, "enabled", self.settings.record(change))
            }
            UserRequest::Remove { name } => {
                let change = Change::AccountRemoved { name: name.clone(), at };
                (name, "removed", self.settings.record(change))
            }
        };
        self.audited(AuditAction::Account, name, what, outcome)?;
        done(())
    }

    fn users(&self) -> Vec<UserLine> {
        let now = self.clock.wall();
        let settings = self.settings.lock();
        let state = settings.state();
        let good = |name: &str| {
            let clients = state.clients.values().filter(|c| c.account == name);
            clients.filter(|c| c.revoked.is_none() && now < c.expires).count()
        };
        let line = |(name, account): (&String, &collector_store::settings::Account)| UserLine {
            name: name.clone(),
            role: account.role,
            created: account.created.to_string(),
            disabled: account.disabled,
            clients: good(name),
        };
        state.accounts.iter().map(line).collect()
    }
}

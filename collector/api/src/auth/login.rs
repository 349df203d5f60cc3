//! Login: lockout, then the password, then a session.

use crate::app::App;
use crate::audit::{self, Caller};
use crate::problem::{Code, Problem};
use crate::{Account, password};
use collector_domain::AuditAction;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Longest account name that is looked at, in characters.
const NAME_MAX_CHARS: usize = 64;

/// How long a login waits for its turn at the hash function before it is sent away.
const TURN: Duration = Duration::from_secs(5);

/// A login that succeeded.
pub(crate) struct LoggedIn {
    pub(crate) account: Account,
    /// The session's token; goes to the person and nowhere else.
    pub(crate) token: String,
}

/// Checks name and password and opens a session. The answer does not tell an unknown account from a wrong password, neither
/// in words nor in time. A session is given out once the audit log has it.
pub(crate) async fn log_in(
    app: &Arc<App>,
    name: &str,
    password: String,
    peer: Option<IpAddr>,
) -> Result<LoggedIn, Problem> {
    let outcome = attempt(app, name, password, peer).await;
    let who = Caller { name, peer };
    match &outcome {
        Ok(_) => audit::done(app, who, AuditAction::SignIn, "console").await,
        Err(problem) => audit::refused(app, who, AuditAction::SignIn, "console", problem),
    }
    outcome
}

async fn attempt(
    app: &Arc<App>,
    name: &str,
    password: String,
    peer: Option<IpAddr>,
) -> Result<LoggedIn, Problem> {
    let length = name.chars().count();
    if length == 0 || length > NAME_MAX_CHARS || password.len() > password::MAX_BYTES {
        return Err(Problem::new(
            Code::InvalidBody,
            format!(
                "name takes 1 to {NAME_MAX_CHARS} characters, password at most {} bytes",
                password::MAX_BYTES
            ),
        ));
    }
    let now = app.clock.boot();
    let attempt = app.lockouts.begin(name, peer, now).map_err(|locked| {
        tracing::warn!(account = name, ?peer, "login refused: locked");
        Problem::from(Code::LoginLocked).retry_after(locked.retry_after)
    })?;
    let account = app.desk.account(name);
    let hash = account.as_ref().map_or(&app.decoy_hash, |a| &a.password_hash);
    let Some(matches) = verify(app, password, hash.clone()).await else {
        app.lockouts.withdrawn(attempt);
        return Err(Problem::from(Code::Overloaded).retry_after(TURN));
    };
    let Some(account) = account.filter(|_| matches) else {
        tracing::warn!(account = name, ?peer, "login failed");
        return Err(Code::WrongCredentials.into());
    };
    app.lockouts.succeeded(attempt);
    let token = app.sessions.open(&account, now).map_err(|e| {
        tracing::error!(error = %e, "no randomness for a session");
        Problem::from(Code::Unavailable)
    })?;
    tracing::info!(account = name, ?peer, "login");
    Ok(LoggedIn { account, token })
}

/// Verifies on a blocking thread; `None` when it got no turn. The permit goes along with the work, so that a client that
/// hangs up does not free it early.
async fn verify(app: &App, password: String, hash: String) -> Option<bool> {
    let turn = Arc::clone(&app.verifications).acquire_owned();
    let permit = tokio::time::timeout(TURN, turn).await.ok()?.ok()?;
    let work = tokio::task::spawn_blocking(move || {
        let matches = password::verify(&password, &hash);
        drop(permit);
        matches
    });
    work.await.ok()
}

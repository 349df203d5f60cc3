//! Somebody who does something beside acts on incidents and silences: whether the role may, and what the audit log says of it.

use crate::app::App;
use crate::audit::{self, Caller};
use crate::auth::Person;
use crate::json::role_word;
use crate::problem::{Code, Problem};
use crate::{Peer, Rejected};
use axum::Extension;
use collector_domain::AuditAction;
use std::time::Duration;

/// When to try again after the collector could not take something.
const RETRY: Duration = Duration::from_secs(2);

/// Who, and what for.
pub(crate) struct Acting<'a> {
    pub(crate) app: &'a App,
    caller: Caller<'a>,
    action: AuditAction,
    /// What the audit log says of it.
    object: String,
}

impl<'a> Acting<'a> {
    /// Refuses a role that `may` not; `who` says in English which ones do.
    pub(crate) fn of(
        app: &'a App,
        person: &'a Person,
        peer: Option<Extension<Peer>>,
        (action, object): (AuditAction, String),
        (may, who): (bool, &str),
    ) -> Result<Self, Problem> {
        let peer = peer.map(|Extension(Peer(address))| address);
        let acting = Self { app, caller: Caller { name: &person.name, peer }, action, object };
        if may {
            return Ok(acting);
        }
        let detail = format!("the role {} may not: {who}", role_word(person.role));
        acting.refused(Err(Problem::new(Code::RoleMayNotAct, detail)))
    }

    /// Tells the audit log what came of it; `named` is what it was done to, where that is known only then.
    pub(crate) async fn done<T, E: std::error::Error>(
        &self,
        outcome: Result<T, Rejected<E>>,
        code: impl Fn(&E) -> Code,
        named: impl Fn(&T) -> String,
    ) -> Result<T, Problem> {
        let done = self.refused(outcome.map_err(|error| match &error {
            Rejected::Refused(refused) => Problem::new(code(refused), refused.to_string()),
            Rejected::Unavailable(_) => {
                Problem::new(Code::Unavailable, error.to_string()).retry_after(RETRY)
            }
        }))?;
        let object = format!("{} {}", named(&done), self.object);
        audit::done(self.app, self.caller, self.action, &object).await;
        Ok(done)
    }

    /// Tells the audit log of a refusal.
    pub(crate) fn refused<T>(&self, result: Result<T, Problem>) -> Result<T, Problem> {
        result.inspect_err(|why| {
            audit::refused(self.app, self.caller, self.action, &self.object, why);
        })
    }
}

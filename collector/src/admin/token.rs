//! Join tokens.

use super::server::{Admin, done};
use collector_domain::AuditAction;
use collector_store::settings::Change;
use serde::{Deserialize, Serialize};
use shared_model::{NodeIdentity, Timestamp};
use shared_runtime::Secret;
use shared_runtime::tls::{JoinToken, token_secret_digest};
use std::time::Duration;

/// About join tokens.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum TokenRequest {
    /// Make a one-time token for a node; answers [`TokenCreated`].
    Create { node: NodeIdentity, valid_secs: u64 },
    /// All tokens; answers a list of [`TokenLine`].
    List,
    /// Take a token back that was not used.
    Revoke { id: String },
}

/// A token, shown this once.
#[derive(Serialize, Deserialize)]
pub(crate) struct TokenCreated {
    pub(crate) token: String,
    pub(crate) id: String,
    pub(crate) expires: String,
}

/// A token as it is listed: never its secret.
#[derive(Serialize, Deserialize)]
pub(crate) struct TokenLine {
    /// Its public part.
    pub(crate) id: String,
    /// The only node it is good for.
    pub(crate) node: String,
    /// `usable`, `used`, `expired` or `revoked`.
    pub(crate) state: String,
    /// It is refused from then on.
    pub(crate) expires: String,
    /// When it was used.
    pub(crate) used: Option<String>,
    /// When it was taken back.
    pub(crate) revoked: Option<String>,
}

impl Admin {
    pub(super) fn token(&self, request: TokenRequest) -> anyhow::Result<serde_json::Value> {
        match request {
            TokenRequest::Create { node, valid_secs } => self.create_token(node, valid_secs),
            TokenRequest::List => done(self.tokens()),
            TokenRequest::Revoke { id } => {
                let change = Change::TokenRevoked { id: id.clone(), at: self.clock.wall() };
                let outcome = self.settings.record(change);
                self.audited(AuditAction::Token, id, "taken back", outcome)?;
                done(())
            }
        }
    }

    fn create_token(
        &self,
        node: NodeIdentity,
        valid_secs: u64,
    ) -> anyhow::Result<serde_json::Value> {
        let now = self.clock.wall();
        let token = JoinToken::generate(self.authority.pin())
            .map_err(|e| anyhow::anyhow!("no randomness: {e}"))?;
        let expires = now.plus(Duration::from_secs(valid_secs));
        let digest = token_secret_digest(token.secret.expose());
        tracing::info!(id = token.id, %node, %expires, "join token created");
        let made = format!("made for {node}");
        let outcome = self.settings.issue_token(&token.id, digest, node, expires, now);
        self.audited(AuditAction::Token, token.id.clone(), &made, outcome)?;
        let text: Secret = token.reveal();
        done(TokenCreated {
            token: text.expose().to_owned(),
            id: token.id,
            expires: expires.to_string(),
        })
    }

    /// Those that may still be used first, each group by id.
    fn tokens(&self) -> Vec<TokenLine> {
        let now = self.clock.wall();
        let settings = self.settings.lock();
        let line = |(id, token): (&String, &collector_store::settings::JoinToken)| TokenLine {
            id: id.clone(),
            node: token.node.to_string(),
            state: state(token, now).to_owned(),
            expires: token.expires.to_string(),
            used: token.used.map(|at| at.to_string()),
            revoked: token.revoked.map(|at| at.to_string()),
        };
        let mut lines: Vec<TokenLine> = settings.state().tokens.iter().map(line).collect();
        lines.sort_by_key(|line| line.state != "usable");
        lines
    }
}

fn state(token: &collector_store::settings::JoinToken, now: Timestamp) -> &'static str {
    match (token.used, token.revoked) {
        (Some(_), _) => "used",
        (None, Some(_)) => "revoked",
        (None, None) if now >= token.expires => "expired",
        (None, None) => "usable",
    }
}

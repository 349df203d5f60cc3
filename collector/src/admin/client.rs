//! Certificates of programs that act for an account, such as a NOC's.

use super::server::{Admin, done};
use anyhow::{Context, bail};
use collector_domain::AuditAction;
use collector_store::settings::Change;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use shared_model::AccountIdentity;

/// About clients.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ClientRequest {
    /// Sign a request for an account; answers [`ClientCreated`]. The key stays with the command.
    Create { identity: AccountIdentity, days: u32, csr_der_base64: String },
    /// All clients; answers a list of [`ClientLine`].
    List,
    /// Shut a client out.
    Revoke { serial: String, reason: String },
}

/// A client's new certificate.
#[derive(Serialize, Deserialize)]
pub(crate) struct ClientCreated {
    pub(crate) certificate_pem: String,
    pub(crate) ca_pem: String,
    pub(crate) identity: String,
    /// Serial number, lower-case hexadecimal.
    pub(crate) serial: String,
    pub(crate) expires: String,
}

/// A client as it is listed.
#[derive(Serialize, Deserialize)]
pub(crate) struct ClientLine {
    /// Serial number of its certificate, lower-case hexadecimal.
    pub(crate) serial: String,
    pub(crate) account: String,
    /// `good`, `refused: <why>`, `expired` or `revoked`.
    pub(crate) state: String,
    pub(crate) created: String,
    pub(crate) expires: String,
    pub(crate) revoked: Option<String>,
    pub(crate) revoked_reason: Option<String>,
}

impl Admin {
    pub(super) fn client(&self, request: ClientRequest) -> anyhow::Result<serde_json::Value> {
        match request {
            ClientRequest::Create { identity, days, csr_der_base64 } => {
                let outcome = self.create_client(&identity, days, &csr_der_base64);
                let made = outcome.as_ref().map(|c| format!("certificate {} issued", c.serial));
                let made = made.unwrap_or_default();
                done(self.audited(AuditAction::Account, identity.to_string(), &made, outcome)?)
            }
            ClientRequest::List => done(self.clients()),
            ClientRequest::Revoke { serial, reason } => {
                tracing::warn!(serial, reason, "client revoked");
                let change = Change::ClientRevoked {
                    cert_serial: serial.clone(),
                    reason: reason.clone(),
                    at: self.clock.wall(),
                };
                let outcome = self.settings.record(change);
                self.audited(AuditAction::Revoke, serial, &reason, outcome)?;
                done(())
            }
        }
    }

    fn create_client(
        &self,
        identity: &AccountIdentity,
        days: u32,
        csr: &str,
    ) -> anyhow::Result<ClientCreated> {
        let (now, account) = (self.clock.wall(), identity.account());
        if !self.settings.lock().state().accounts.contains_key(account) {
            bail!(
                "account '{account}' does not exist: make it first with 'wardround-collector user add {account} --role viewer'"
            );
        }
        let csr = BASE64.decode(csr.as_bytes()).context("the signing request is not base64")?;
        let issued = self.authority.issue_account(&csr, identity, now, days)?;
        self.settings.record(Change::ClientIssued {
            cert_serial: issued.serial.clone(),
            account: account.to_owned(),
            expires: issued.not_after,
            at: now,
        })?;
        tracing::info!(account, serial = issued.serial, "client certificate issued");
        Ok(ClientCreated {
            certificate_pem: issued.certificate_pem,
            ca_pem: self.authority.certificate_pem().to_owned(),
            identity: identity.to_string(),
            serial: issued.serial,
            expires: issued.not_after.to_string(),
        })
    }

    fn clients(&self) -> Vec<ClientLine> {
        let now = self.clock.wall();
        let settings = self.settings.lock();
        let state = settings.state();
        let line = |(serial, client): (&String, &collector_store::settings::Client)| {
            let word = match (&client.revoked, state.admits_client(&client.account, serial)) {
                (Some(_), _) => "revoked".to_owned(),
                (None, _) if now >= client.expires => "expired".to_owned(),
                (None, Err(why)) => format!("refused: {why}"),
                (None, Ok(_)) => "good".to_owned(),
            };
            ClientLine {
                serial: serial.clone(),
                account: client.account.clone(),
                state: word,
                created: client.created.to_string(),
                expires: client.expires.to_string(),
                revoked: client.revoked.as_ref().map(|r| r.at.to_string()),
                revoked_reason: client.revoked.as_ref().map(|r| r.reason.clone()),
            }
        };
        state.clients.iter().map(line).collect()
    }
}

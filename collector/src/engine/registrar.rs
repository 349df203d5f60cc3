//! Who gets a certificate: tokens, the CA and the registry together.

use super::settings::Settings;
use collector_ingest::{Granted, JoinOffer, NotGranted, RefusalCode, Registrar, RenewOffer};
use collector_store::settings::{Change, SecretDigest, TokenError};
use shared_model::{Clock, NodeIdentity};
use shared_runtime::telemetry::chain;
use shared_runtime::tls::{Authority, Issued, token_secret_digest, verify_renewal};
use std::sync::Arc;
use std::time::Duration;

/// Grants certificates for this collector's nodes.
pub(crate) struct CollectorRegistrar {
    /// Tokens and nodes.
    pub(crate) settings: Settings,
    /// The CA.
    pub(crate) authority: Arc<Authority>,
    /// Time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Life of a certificate.
    pub(crate) certificate_life: Duration,
}

impl CollectorRegistrar {
    fn issue(&self, csr_der: &[u8], identity: &NodeIdentity) -> Result<Issued, NotGranted> {
        self.authority
            .issue_node(csr_der, identity, self.clock.wall(), self.certificate_life)
            .map_err(|e| NotGranted { code: RefusalCode::SigningRequest, detail: chain(&e) })
    }

    fn granted(&self, identity: NodeIdentity, issued: Issued) -> Granted {
        let authority_der = self.authority.certificate_der();
        Granted { identity, certificate_der: issued.certificate_der, authority_der }
    }
}

impl Registrar for CollectorRegistrar {
    fn join(&self, offer: &JoinOffer) -> Result<Granted, NotGranted> {
        let now = self.clock.wall();
        let digest = SecretDigest(token_secret_digest(offer.token_secret.expose()));
        // One lock over signing and consumption: of two joins with the same token one wins.
        let mut settings = self.settings.lock();
        let of_token = settings.state().tokens.get(&offer.token_id).map(|t| t.node.clone());
        let Some(identity) = offer.identity.clone().or(of_token) else {
            return Err(not_granted(&TokenError::Unknown));
        };
        // A broken request is refused before it uses the token up.
        let issued = self.issue(&offer.csr_der, &identity)?;
        settings
            .consume_token(&offer.token_id, &digest, now, &identity)
            .map_err(|error| not_granted(&error))?;
        let (cert_serial, cert_expires) = (issued.serial.clone(), Some(issued.not_after));
        settings
            .record(Change::NodeJoined {
                identity: identity.clone(),
                cert_serial,
                cert_expires,
                at: now,
            })
            .map_err(|error| not_granted(&TokenError::Settings(error)))?;
        drop(settings);
        Ok(self.granted(identity, issued))
    }

    fn renew(&self, offer: &RenewOffer) -> Result<Granted, NotGranted> {
        let refused = |detail: String| NotGranted { code: RefusalCode::Certificate, detail };
        let message = proto::renewal_message(&offer.csr_der);
        let old = verify_renewal(
            &offer.certificate_der,
            self.authority.certificate_pem(),
            &message,
            &offer.signature,
            self.clock.wall(),
        )
        .map_err(|e| refused(chain(&e)))?;
        let mut settings = self.settings.lock();
        match settings.state().nodes.get(&old.identity) {
            None => {
                return Err(refused(
                    "this node is not in the registry: join it with a token".to_owned(),
                ));
            }
            Some(node) if node.revoked => {
                return Err(refused("this node was revoked: join it with a new token".to_owned()));
            }
            Some(_) => {}
        }
        let issued = self.issue(&offer.csr_der, &old.identity)?;
        let (cert_serial, cert_expires) = (issued.serial.clone(), Some(issued.not_after));
        settings
            .record(Change::NodeRenewed {
                identity: old.identity.clone(),
                cert_serial,
                cert_expires,
                at: self.clock.wall(),
            })
            .map_err(|error| refused(chain(&error)))?;
        drop(settings);
        Ok(self.granted(old.identity, issued))
    }
}

const NEW_TOKEN: &str = "ask for a new one: wardround-collector token create --node NAME";

fn not_granted(error: &TokenError) -> NotGranted {
    let (code, advice) = match error {
        TokenError::Unknown | TokenError::WrongSecret | TokenError::Revoked(_) => {
            (RefusalCode::TokenUnknown, NEW_TOKEN)
        }
        TokenError::Used(_) => (RefusalCode::TokenUsed, NEW_TOKEN),
        TokenError::Expired(_) => (RefusalCode::TokenExpired, NEW_TOKEN),
        TokenError::WrongNode(_) => {
            (RefusalCode::Identity, "join under that name, or ask for a token for this one")
        }
        TokenError::Settings(_) => {
            (RefusalCode::Unspecified, "see the collector's log, then ask for a new token")
        }
    };
    NotGranted { code, detail: format!("{}; {advice}", chain(error)) }
}

//! Who gets a certificate: tokens, the CA and the registry together.

use super::settings::Settings;
use collector_ingest::{Granted, JoinOffer, NotGranted, RefusalCode, Registrar, RenewOffer};
use collector_store::settings::{Change, TokenRefused};
use shared_model::{Clock, NodeIdentity};
use shared_runtime::telemetry::chain;
use shared_runtime::tls::{Authority, Issued, token_secret_digest, verify_renewal};
use std::sync::Arc;

/// Grants certificates for this collector's nodes.
pub(crate) struct CollectorRegistrar {
    /// Tokens and nodes.
    pub(crate) settings: Settings,
    /// The CA.
    pub(crate) authority: Arc<Authority>,
    /// Time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Life of a certificate in days.
    pub(crate) certificate_days: u32,
}

impl CollectorRegistrar {
    fn issue(&self, csr_der: &[u8], identity: &NodeIdentity) -> Result<Issued, NotGranted> {
        self.authority
            .issue_node(csr_der, identity, self.clock.wall(), self.certificate_days)
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
        let digest = token_secret_digest(offer.token_secret.expose());
        // One lock over check, signature and consumption: of two joins with the same token one wins.
        let mut settings = self.settings.lock();
        let identity = settings
            .check_token(&offer.token_id, &digest, now, offer.identity.as_ref())
            .map_err(|refused| NotGranted { code: code(&refused), detail: refused.to_string() })?;
        let issued = self.issue(&offer.csr_der, &identity)?;
        let unwritten = |e: &dyn std::error::Error| NotGranted {
            code: RefusalCode::Unspecified,
            detail: format!("the collector cannot write its settings log: {e}"),
        };
        settings
            .consume_token(&offer.token_id, &digest, now, offer.identity.as_ref())
            .map_err(|e| unwritten(&e))?;
        settings
            .record(Change::NodeJoined {
                identity: identity.clone(),
                joined: now,
                cert_serial: issued.serial.clone(),
            })
            .map_err(|e| unwritten(&e))?;
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
            None => return Err(refused("this node is not in the registry: join it with a token".to_owned())),
            Some(node) if node.revoked => {
                return Err(refused("this node was revoked: join it with a new token".to_owned()));
            }
            Some(_) => {}
        }
        let issued = self.issue(&offer.csr_der, &old.identity)?;
        settings
            .record(Change::NodeJoined {
                identity: old.identity.clone(),
                joined: self.clock.wall(),
                cert_serial: issued.serial.clone(),
            })
            .map_err(|e| refused(format!("the collector cannot write its settings log: {e}")))?;
        drop(settings);
        Ok(self.granted(old.identity, issued))
    }
}

fn code(refused: &TokenRefused) -> RefusalCode {
    match refused {
        TokenRefused::Unknown | TokenRefused::WrongSecret => RefusalCode::TokenUnknown,
        TokenRefused::Used { .. } => RefusalCode::TokenUsed,
        TokenRefused::Expired { .. } => RefusalCode::TokenExpired,
        TokenRefused::WrongNode { .. } => RefusalCode::Identity,
    }
}

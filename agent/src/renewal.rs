//! Renews the node's certificate at a third of its life.

use crate::commands::VERSION;
use agent_uplink::Uplink;
use anyhow::Context;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use shared_model::{Clock, NodeIdentity, Timestamp};
use shared_runtime::tls::{NodeCredentials, client_config, identity_of, validity_of};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How often the certificate's age is looked at, and so how often a failed renewal is tried again. A certificate lives
/// for a day at the least.
const CHECK_EVERY: Duration = Duration::from_secs(600);

/// Keeps the certificate young.
pub(crate) struct Renewal {
    address: String,
    data_dir: PathBuf,
    uplink: Uplink,
    clock: Arc<dyn Clock>,
}

impl Renewal {
    /// For the node whose files are in `data_dir`.
    pub(crate) fn new(
        address: String,
        data_dir: PathBuf,
        uplink: Uplink,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { address, data_dir, uplink, clock }
    }

    /// Looks after the certificate until the task is dropped.
    pub(crate) async fn run(self) {
        loop {
            match self.renew_if_due().await {
                Ok(None) => {}
                Ok(Some(until)) => tracing::info!(%until, "certificate renewed"),
                Err(error) => {
                    tracing::warn!(error = %format!("{error:#}"), "certificate not renewed");
                }
            }
            tokio::time::sleep(CHECK_EVERY).await;
        }
    }

    async fn renew_if_due(&self) -> anyhow::Result<Option<Timestamp>> {
        let validity = validity_of(&certificate(&NodeCredentials::load(&self.data_dir)?)?)?;
        if !is_due(validity, self.clock.wall()) {
            return Ok(None);
        }
        let renew =
            agent_uplink::renew(&self.address, &self.data_dir, VERSION, self.clock.as_ref());
        let renewed = Box::pin(renew).await?;
        let credentials = NodeCredentials::load(&self.data_dir)?;
        self.uplink.set_tls(Arc::new(client_config(&credentials)?));
        Ok(Some(renewed.not_after))
    }
}

/// Who this node is, by its certificate.
pub(crate) fn identity(credentials: &NodeCredentials) -> anyhow::Result<NodeIdentity> {
    Ok(identity_of(&certificate(credentials)?)?)
}

fn certificate(credentials: &NodeCredentials) -> anyhow::Result<CertificateDer<'static>> {
    CertificateDer::from_pem_slice(credentials.certificate_pem.as_bytes())
        .context("the node's certificate is not PEM")
}

fn is_due((from, until): (Timestamp, Timestamp), now: Timestamp) -> bool {
    now >= from.plus(until.since(from) / 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a certificate of 15 days just before, at and after a third of its life, and expired. Guarantees: due from
    /// the third on.
    #[test]
    fn due_at_a_third() {
        let day = 86_400;
        let validity = (Timestamp::from_secs(0), Timestamp::from_secs(15 * day));
        for (secs, due) in [(0, false), (5 * day - 1, false), (5 * day, true), (16 * day, true)] {
            assert_eq!(is_due(validity, Timestamp::from_secs(secs)), due, "{secs}");
        }
    }
}

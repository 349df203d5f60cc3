//! Renews the node's certificate at a third of its life, and after its end as long as the collector allows it.

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

/// Longest sleep before the certificate's age is looked at again, since the wall clock may be set meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// Shortest and longest time between a renewal that failed and the next attempt, which is a twentieth of the
/// certificate's life: so there are a dozen before it ends.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(600));

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
        // Nodes that joined together do not renew together.
        let random = getrandom::u64().unwrap_or_default();
        loop {
            let wait = match self.renew_if_due(random).await {
                Ok(wait) => wait.min(LOOK_EVERY),
                Err((error, retry)) => {
                    tracing::warn!(error = %format!("{error:#}"), "certificate not renewed");
                    retry
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Renews a certificate that is due; yields how long the next one is not. After a failure how long to wait.
    async fn renew_if_due(&self, random: u64) -> Result<Duration, (anyhow::Error, Duration)> {
        let validity = self.validity().map_err(|error| (error, RETRY.1))?;
        let left = until_due(validity, random, self.clock.wall());
        if !left.is_zero() {
            return Ok(left);
        }
        let retry = (validity.1.since(validity.0) / 20).clamp(RETRY.0, RETRY.1);
        self.renew().await.map_err(|error| (error, retry))?;
        let validity = self.validity().map_err(|error| (error, retry))?;
        tracing::info!(until = %validity.1, "certificate renewed");
        Ok(until_due(validity, random, self.clock.wall()).max(RETRY.0))
    }

    async fn renew(&self) -> anyhow::Result<()> {
        let renew =
            agent_uplink::renew(&self.address, &self.data_dir, VERSION, self.clock.as_ref());
        Box::pin(renew).await?;
        let credentials = NodeCredentials::load(&self.data_dir)?;
        self.uplink.set_tls(Arc::new(client_config(&credentials)?));
        Ok(())
    }

    fn validity(&self) -> anyhow::Result<(Timestamp, Timestamp)> {
        Ok(validity_of(&certificate(&NodeCredentials::load(&self.data_dir)?)?)?)
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

/// How long until a certificate is due: at a third of its life and up to a thirtieth of it more, by chance.
fn until_due((from, until): (Timestamp, Timestamp), random: u64, now: Timestamp) -> Duration {
    let life = until.since(from);
    let spread = u64::try_from((life / 30).as_micros()).unwrap_or(u64::MAX).max(1);
    from.plus(life / 3 + Duration::from_micros(random % spread)).since(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a certificate of 15 days just before, at and after a third of its life, and expired; and two nodes by
    /// chance. Guarantees: due from the third on, at the latest half a day later.
    #[test]
    fn due_at_a_third() {
        let day = 86_400;
        let validity = (Timestamp::from_secs(0), Timestamp::from_secs(15 * day));
        let left = |random, secs| until_due(validity, random, Timestamp::from_secs(secs)).as_secs();
        for (secs, expected) in [(0, 5 * day), (5 * day - 1, 1), (5 * day, 0), (16 * day, 0)] {
            assert_eq!(left(0, secs), expected as u64, "{secs}");
        }
        let half_a_day_us = 43_200_000_000;
        assert_eq!(left(half_a_day_us - 1, 5 * day), 43_199);
        assert_eq!(left(half_a_day_us, 5 * day), 0);
    }
}

//! Webhooks: Alertmanager's body, signed, one incident a message.

use super::http::Poster;
use super::{Answer, ChannelError, Target, signature};
use crate::body::body;
use crate::notice::Notice;
use shared_model::Timestamp;
use shared_runtime::Secret;
use std::path::Path;
use std::time::Duration;

/// One webhook, ready to send.
pub struct Webhook {
    poster: Poster,
    secret: Secret,
}

impl Webhook {
    /// A webhook. `ca_file` is a PEM file of authorities; without it the machine's own are trusted. `timeout` bounds
    /// connecting, the TLS handshake and the answer together.
    ///
    /// # Errors
    /// [`ChannelError`] when TLS cannot be prepared.
    pub fn new(
        target: Target,
        secret: Secret,
        ca_file: Option<&Path>,
        timeout: Duration,
    ) -> Result<Self, ChannelError> {
        Ok(Self { poster: Poster::new(target, ca_file, timeout)?, secret })
    }

    /// Sends one message. `now` is the wall clock, which the receiver holds against its own; `timeout` shortens the
    /// webhook's own.
    pub(crate) async fn tell(
        &self,
        key: &str,
        notice: &Notice,
        (receiver, url): (&str, &str),
        now: Timestamp,
        timeout: Option<Duration>,
    ) -> Answer {
        self.send(key, body(notice, receiver, url), now, timeout).await
    }

    pub(super) async fn send(
        &self,
        key: &str,
        body: Vec<u8>,
        now: Timestamp,
        timeout: Option<Duration>,
    ) -> Answer {
        let timestamp = now.as_millis().div_euclid(1_000).to_string();
        let signature = signature(&self.secret, &timestamp, &body);
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", key),
            ("x-wardround-timestamp", &timestamp),
            ("x-wardround-signature", &signature),
        ];
        match self.poster.post("", &headers, body, timeout).await {
            Ok(reply) => reply.answer(),
            Err(answer) => answer,
        }
    }
}

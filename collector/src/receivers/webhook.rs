//! `[[webhook]]`: who is told of incidents, and how they are reached.

use super::{Common, levels, scaled, ten_seconds, yes};
use anyhow::{Context, anyhow};
use collector_notify::{Channel, Receiver, Target, Webhook};
use serde::Deserialize;
use shared_runtime::Secret;
use shared_runtime::config::{ConfigErrors, Span};
use std::path::PathBuf;
use std::time::Duration;

/// One receiver of notifications.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookKeys {
    /// Its name, as deliveries and metrics show it: 1 to 63 of `a-z 0-9 - _ .`
    name: String,
    /// Where messages are posted to, `https://…` or `http://…`.
    url: String,
    /// File with the secret that signs messages, in its first line; nobody but its owner may read it.
    secret_file: PathBuf,
    /// PEM file of the authorities that the receiver's certificate may come from. Default: those of this machine.
    ca_file: Option<PathBuf>,
    /// Levels it is told of. Default `[1, 2, 3, 4]`.
    levels: Option<Vec<u8>>,
    /// Whether it is told of resolutions. Default `true`.
    #[serde(default = "yes")]
    send_resolved: bool,
    /// Told only when nobody has responded for so long: a step of the escalation ladder. Default: at once.
    after: Option<Span>,
    /// Time for connecting and the answer, 1 s to 60 s. Default `10s`.
    #[serde(default = "ten_seconds")]
    timeout: Span,
}

impl WebhookKeys {
    /// What decisions read of it.
    pub(super) fn receiver(&self, time_scale: u32) -> Receiver {
        Receiver {
            name: self.name.as_str().into(),
            levels: levels(self.levels.as_deref()),
            send_resolved: self.send_resolved,
            after: scaled(self.after, time_scale),
            group_wait: Duration::ZERO,
            per_minute: None,
        }
    }

    /// The channel to it.
    pub(super) fn open(&self) -> anyhow::Result<Channel> {
        let target: Target = self.url.parse().map_err(|e: String| anyhow!(e))?;
        let secret = Secret::from_file(&self.secret_file).context("its secret")?;
        let timeout = self.timeout.get();
        Ok(Channel::Webhook(Webhook::new(target, secret, self.ca_file.as_deref(), timeout)?))
    }

    /// Adds what is wrong with it alone, as a start would find it.
    pub(super) fn check(&self, errors: &mut ConfigErrors, at: &str) {
        let mut add = |key: &str, what: String| errors.add(format!("{at}.{key}"), what);
        let target = self.url.parse::<Target>();
        if let Err(e) = &target {
            add("url", e.clone());
        }
        match Secret::from_file(&self.secret_file) {
            Err(e) => add("secret_file", shared_runtime::telemetry::chain(&e)),
            Ok(secret) => {
                let ca = self.ca_file.as_deref();
                let made = target.map(|t| Webhook::new(t, secret, ca, self.timeout.get()));
                if let Ok(Err(e)) = made {
                    add("ca_file", shared_runtime::telemetry::chain(&e));
                }
            }
        }
    }

    /// What every receiver has.
    pub(super) fn common(&self) -> Common<'_> {
        Common { name: &self.name, levels: self.levels.as_deref(), timeout: self.timeout }
    }
}

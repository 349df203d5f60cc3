//! `[[webhook]]`: who is told of incidents, and how they are reached.

use anyhow::{Context, anyhow};
use collector_notify::{Receiver, Target, Webhook};
use serde::Deserialize;
use shared_model::{Level, NodeIdentity};
use shared_runtime::Secret;
use shared_runtime::config::{ConfigErrors, Span};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Receivers: each keeps its own queue of at most some 8 MiB.
const WEBHOOKS_MAX: usize = 16;
/// Shorter answers than this are luck, longer ones keep a queue waiting.
const TIMEOUT: std::ops::RangeInclusive<Span> = Span::secs(1)..=Span::secs(60);

/// One receiver of notifications.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookKeys {
    /// Its name, as deliveries and metrics show it: 1 to 63 of `a-z 0-9 - _ .`
    pub(crate) name: String,
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
    /// Time for connecting and the answer, 1 s to 60 s. Default `10s`.
    #[serde(default = "ten_seconds")]
    timeout: Span,
}

fn yes() -> bool {
    true
}

fn ten_seconds() -> Span {
    Span::secs(10)
}

impl WebhookKeys {
    /// What decisions read of it.
    pub(crate) fn receiver(&self) -> Receiver {
        let all = [Level::One, Level::Two, Level::Three, Level::Four];
        let levels = match &self.levels {
            Some(numbers) => numbers.iter().filter_map(|&n| Level::try_from(n).ok()).collect(),
            None => all.to_vec(),
        };
        Receiver { name: self.name.as_str().into(), levels, send_resolved: self.send_resolved }
    }

    /// The channel to it.
    pub(crate) fn open(&self) -> anyhow::Result<Webhook> {
        let target: Target = self.url.parse().map_err(|e: String| anyhow!(e))?;
        let secret = Secret::from_file(&self.secret_file).context("its secret")?;
        Ok(Webhook::new(target, secret, self.ca_file.as_deref(), self.timeout.get())?)
    }
}

/// Checks all receivers as a start would.
pub(crate) fn check(webhooks: &[WebhookKeys], errors: &mut ConfigErrors) {
    if webhooks.len() > WEBHOOKS_MAX {
        errors.add("webhook", format!("at most {WEBHOOKS_MAX} receivers"));
    }
    let mut names = BTreeSet::new();
    for (i, webhook) in webhooks.iter().enumerate() {
        let mut add = |key: &str, what: String| errors.add(format!("webhook[{i}].{key}"), what);
        let name = &webhook.name;
        // The letters of identities are those that labels, paths and logs carry without quoting.
        if NodeIdentity::new("x", "x", "x", name).is_err() {
            add("name", format!("'{name}' is not 1 to 63 of a-z 0-9 - _ ."));
        }
        if !names.insert(name) {
            add("name", format!("'{name}' is declared twice"));
        }
        let target = webhook.url.parse::<Target>();
        if let Err(e) = &target {
            add("url", e.clone());
        }
        match &webhook.levels {
            Some(levels) if levels.is_empty() => {
                add("levels", "names no level: leave it out for all".to_owned());
            }
            levels => {
                for level in levels.iter().flatten().filter(|l| !(1..=4).contains(*l)) {
                    add("levels", format!("{level} is not a level: 1, 2, 3 or 4"));
                }
            }
        }
        if !TIMEOUT.contains(&webhook.timeout) {
            add("timeout", format!("{} is not 1s to 60s", webhook.timeout));
        }
        match Secret::from_file(&webhook.secret_file) {
            Err(e) => add("secret_file", shared_runtime::telemetry::chain(&e)),
            Ok(secret) => {
                let ca = webhook.ca_file.as_deref();
                let made = target.map(|t| Webhook::new(t, secret, ca, webhook.timeout.get()));
                if let Ok(Err(e)) = made {
                    add("ca_file", shared_runtime::telemetry::chain(&e));
                }
            }
        }
    }
}

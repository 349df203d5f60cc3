//! Sends what the engine decided to tell, and reports what became of it. Outside the fold: here are the network and chance.
//!
//! A delivery is done when its report is on disk. What was sent and not yet reported when the process dies is sent again
//! under the same key.

use crate::config::Config;
use crate::engine::{Command, Published};
use anyhow::Context;
use collector_domain::{DeliveryOutcome, DeliveryReport};
use collector_notify::{Answer, Attempts, Origin, Pending, Webhook, body, test_notice};
use shared_model::Clock;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Longest sleep without looking: a wait that was computed wrongly costs at most this.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// For a test message; a person waits for it at the admin socket, which gives an answer ten seconds.
const TEST_WITHIN: Duration = Duration::from_secs(8);

/// All receivers of this run.
pub(crate) struct Notifier {
    webhooks: BTreeMap<Arc<str>, Webhook>,
    origin: Origin,
    public_url: String,
    clock: Arc<dyn Clock>,
}

impl Notifier {
    /// Opens every receiver of the configuration. `listening` is the port of the API.
    pub(crate) fn open(
        config: &Config,
        listening: u16,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let open = |keys: &crate::webhook_keys::WebhookKeys| {
            let webhook = keys.open().with_context(|| format!("the webhook {}", keys.name))?;
            anyhow::Ok((Arc::from(keys.name.as_str()), webhook))
        };
        Ok(Self {
            webhooks: config.webhook.iter().map(open).collect::<anyhow::Result<_>>()?,
            origin: config.notify().origin,
            public_url: config.public_url(listening),
            clock,
        })
    }

    /// Sends a message that says of itself that it is a test; what came of it in words.
    pub(crate) async fn test(&self, name: &str) -> anyhow::Result<String> {
        let Some(webhook) = self.webhooks.get(name) else {
            let known: Vec<&str> = self.webhooks.keys().map(|n| &**n).collect();
            anyhow::bail!("no [[webhook]] is named '{name}'; known: {}", known.join(", "));
        };
        let now = self.clock.wall();
        let key = format!("test-{}", now.as_micros());
        let body = body(&test_notice(&self.origin, now), name, &self.public_url);
        match webhook.send(&key, body, now, Some(TEST_WITHIN)).await {
            Answer::Told { status } => Ok(format!("taken with status {status}")),
            Answer::Refused { why, .. } => anyhow::bail!("refused: {why}"),
            Answer::Failed { why } | Answer::Unreachable { why, .. } => anyhow::bail!("{why}"),
        }
    }

    /// Runs one task per receiver until `stopped` says so; a message on its way is finished and reported.
    pub(crate) async fn run(
        self: Arc<Self>,
        published: Published,
        commands: mpsc::Sender<Command>,
        stopped: watch::Receiver<bool>,
    ) {
        let mut tasks = tokio::task::JoinSet::new();
        for name in self.webhooks.keys().cloned() {
            let lane = Lane {
                notifier: Arc::clone(&self),
                name,
                published: published.clone(),
                commands: commands.clone(),
                attempts: Attempts::default(),
                done: BTreeSet::new(),
                left_out: None,
            };
            tasks.spawn(lane.run(stopped.clone()));
        }
        while tasks.join_next().await.is_some() {}
    }
}

/// The messages of one receiver, one after the other.
struct Lane {
    notifier: Arc<Notifier>,
    name: Arc<str>,
    published: Published,
    commands: mpsc::Sender<Command>,
    attempts: Attempts,
    /// Reported and on disk, and perhaps still pending in the snapshot that is read next.
    done: BTreeSet<Arc<str>>,
    /// Messages that were left out, when that was looked at last.
    left_out: Option<u64>,
}

impl Lane {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut changes = self.published.changes();
        loop {
            changes.mark_unchanged();
            let (next, wait) = self.next();
            if let Some(next) = next {
                if *stopped.borrow() || self.deliver(next).await.is_none() {
                    return;
                }
                continue;
            }
            tokio::select! {
                // An error means that the sender is gone, which ends the lane as well.
                _ = stopped.wait_for(|stop| *stop) => return,
                changed = changes.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// The message to send now, or how long to wait for one.
    fn next(&mut self) -> (Option<Pending>, Duration) {
        let view = self.published.view();
        let notify = &view.notify;
        let left_out = notify.counts().find(|(name, _)| *name == &*self.name);
        let left_out = left_out.map_or(0, |(_, counts)| counts.left_out);
        let more =
            self.left_out.replace(left_out).map_or(0, |before| left_out.saturating_sub(before));
        if more > 0 {
            tracing::warn!(
                receiver = &*self.name,
                more,
                "notifications are left out: too many wait for this receiver"
            );
        }
        self.done.retain(|key| notify.is_pending(key));
        self.attempts.retain(|key| notify.is_pending(key));
        let heads = notify.heads(&self.name);
        let heads: Vec<&Pending> =
            heads.into_iter().filter(|p| !self.done.contains(&p.key)).collect();
        let now = self.notifier.clock.boot();
        let due = heads.iter().find(|p| self.attempts.is_due(&p.key, now));
        let until = self.attempts.next_due(heads.iter().map(|p| &*p.key), now);
        let wait = until.map_or(LOOK_EVERY, |until| until.since(now).min(LOOK_EVERY));
        (due.map(|p| (*p).clone()), wait)
    }

    /// Sends one message and has the engine note what came of it; `None` when the engine has stopped.
    async fn deliver(&mut self, pending: Pending) -> Option<()> {
        let Notifier { webhooks, public_url, clock, .. } = &*self.notifier;
        let webhook = webhooks.get(&self.name)?;
        let key = Arc::clone(&pending.key);
        let body = body(&pending.notice, &self.name, public_url);
        let answer = webhook.send(&key, body, clock.wall(), None).await;
        tracing::info!(receiver = &*self.name, incident = %pending.incident, key = &*key, ?answer, "notification");
        let failed = |why: String| {
            if pending.is_over(self.published.view().now) {
                DeliveryOutcome::GaveUp { why }
            } else {
                DeliveryOutcome::Failed { why }
            }
        };
        let outcome = match answer {
            Answer::Told { status } => {
                self.attempts.answered(&key);
                DeliveryOutcome::Told { status }
            }
            Answer::Refused { status, why } => {
                self.attempts.answered(&key);
                DeliveryOutcome::Refused { status, why }
            }
            Answer::Failed { why } => {
                self.attempts.message_failed(&key, clock.boot(), jitter());
                failed(why)
            }
            Answer::Unreachable { why, asked } => {
                self.attempts.receiver_failed(clock.boot(), asked, jitter());
                failed(why)
            }
        };
        if !matches!(outcome, DeliveryOutcome::Failed { .. }) {
            self.done.insert(Arc::clone(&key));
        }
        let (noted, on_disk) = oneshot::channel();
        let report = DeliveryReport { key, outcome };
        self.commands.send(Command::Delivered(report, noted)).await.ok()?;
        on_disk.await.ok()
    }
}

/// Random in 0..1. Without randomness the middle serves: jitter only spreads load.
fn jitter() -> f64 {
    getrandom::u32().map_or(0.5, |n| f64::from(n) / f64::from(u32::MAX))
}

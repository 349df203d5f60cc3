//! Sends what the engine decided to tell, and reports what became of it. Outside the fold: here are the network and chance.
//!
//! A delivery is done when its report is on disk. What was sent and not yet reported when the process dies is sent again
//! under the same key.

use crate::config::Config;
use crate::engine::{Command, Published};
use crate::receivers;
use collector_domain::{DeliveryOutcome, DeliveryReport};
use collector_notify::{
    Answer, Attempts, Channel, Envelope, Notice, Notifications, Pending, Profile, Rate, Receiver,
    batch, test_notice,
};
use shared_model::{Clock, Level};
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
    channels: BTreeMap<Arc<str>, Channel>,
    profile: Profile,
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
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Ok(Self {
            channels: receivers::open(&config.webhook, &config.receiver, &host)?,
            profile: config.notify(),
            public_url: config.public_url(listening),
            clock,
        })
    }

    /// Sends a message that says of itself that it is a test; what came of it in words.
    pub(crate) async fn test(&self, name: &str) -> anyhow::Result<String> {
        let Some(channel) = self.channels.get(name) else {
            let known: Vec<&str> = self.channels.keys().map(|n| &**n).collect();
            anyhow::bail!("no receiver is named '{name}'; known: {}", known.join(", "));
        };
        let now = self.clock.wall();
        let key = format!("test-{}", now.as_micros());
        let notice = test_notice(&self.profile.origin, now);
        let timeout = Some(TEST_WITHIN);
        let envelope = Envelope { key: &key, receiver: name, url: &self.public_url, now, timeout };
        match channel.tell(envelope, &[&notice]).await {
            Answer::Told { status: 0 } => Ok("sent; nothing is answered there".to_owned()),
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
        for name in self.channels.keys().cloned() {
            let known = self.profile.receivers.iter().find(|r| r.name == name).cloned();
            let Some(receiver) = known else { continue };
            let lane = Lane {
                notifier: Arc::clone(&self),
                rate: Rate::new(receiver.per_minute),
                receiver,
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
    receiver: Receiver,
    rate: Rate,
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
            if !next.is_empty() {
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

    /// What goes into the message to send now, or how long to wait for one.
    fn next(&mut self) -> (Vec<Pending>, Duration) {
        let view = self.published.view();
        let notify = &view.notify;
        self.say_what_is_left_out(notify);
        self.done.retain(|key| notify.is_pending(key));
        self.attempts.retain(|key| notify.is_pending(key));
        let heads = notify.heads(&self.name);
        let heads: Vec<&Pending> =
            heads.into_iter().filter(|p| !self.done.contains(&p.key)).collect();
        let now = self.notifier.clock.boot();
        let due: Vec<&Pending> =
            heads.iter().filter(|p| self.attempts.is_due(&p.key, now)).copied().collect();
        let max = self.notifier.channels.get(&self.name).map_or(1, Channel::notices_max);
        let (next, look_again) = batch(&due, &self.receiver, view.now, max);
        let is_severe = next.first().is_some_and(|p| p.level <= Level::Two);
        let slow = if next.is_empty() { Duration::ZERO } else { self.rate.wait(is_severe, now) };
        if slow.is_zero() && !next.is_empty() {
            return (next.into_iter().cloned().collect(), Duration::ZERO);
        }
        let until = self.attempts.next_due(heads.iter().map(|p| &*p.key), now);
        let tried = until.map_or(LOOK_EVERY, |until| until.since(now));
        let grouped = look_again.map_or(LOOK_EVERY, |at| at.since(view.now));
        let limited = if slow.is_zero() { LOOK_EVERY } else { slow };
        (Vec::new(), tried.min(grouped).min(limited).min(LOOK_EVERY))
    }

    fn say_what_is_left_out(&mut self, notify: &Notifications) {
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
    }

    /// Sends one message and has the engine note what came of it; `None` when the engine has stopped.
    async fn deliver(&mut self, pending: Vec<Pending>) -> Option<()> {
        let Notifier { channels, public_url, clock, .. } = &*self.notifier;
        let channel = channels.get(&self.name)?;
        let key = &pending.first()?.key;
        let now = clock.wall();
        let envelope = Envelope { key, receiver: &self.name, url: public_url, now, timeout: None };
        let notices: Vec<&Notice> = pending.iter().map(|p| &p.notice).collect();
        let answer = channel.tell(envelope, &notices).await;
        self.rate.sent();
        let incidents: Vec<String> = pending.iter().map(|p| p.incident.to_string()).collect();
        tracing::info!(
            receiver = &*self.name,
            incidents = incidents.join(" "),
            key = &**key,
            ?answer,
            "notification"
        );
        if let Answer::Unreachable { asked, .. } = &answer {
            self.attempts.receiver_failed(clock.boot(), *asked, jitter());
        }
        let mut reports = Vec::with_capacity(pending.len());
        for pending in &pending {
            let outcome = self.outcome(pending, &answer);
            if !matches!(outcome, DeliveryOutcome::Failed { .. }) {
                self.done.insert(Arc::clone(&pending.key));
            }
            reports.push(DeliveryReport { key: Arc::clone(&pending.key), outcome });
        }
        let (noted, on_disk) = oneshot::channel();
        self.commands.send(Command::Delivered(reports, noted)).await.ok()?;
        on_disk.await.ok()
    }

    /// What an answer means for one of the notices that it was about.
    fn outcome(&mut self, pending: &Pending, answer: &Answer) -> DeliveryOutcome {
        let key = &pending.key;
        let why = match answer {
            Answer::Told { status } => {
                self.attempts.answered(key);
                return DeliveryOutcome::Told { status: *status };
            }
            Answer::Refused { status, why } => {
                self.attempts.answered(key);
                return DeliveryOutcome::Refused { status: *status, why: why.clone() };
            }
            Answer::Failed { why } => {
                self.attempts.message_failed(key, self.notifier.clock.boot(), jitter());
                why.clone()
            }
            Answer::Unreachable { why, .. } => why.clone(),
        };
        if pending.is_over(self.published.view().now) {
            DeliveryOutcome::GaveUp { why }
        } else {
            DeliveryOutcome::Failed { why }
        }
    }
}

/// Random in 0..1. Without randomness the middle serves: jitter only spreads load.
fn jitter() -> f64 {
    getrandom::u32().map_or(0.5, |n| f64::from(n) / f64::from(u32::MAX))
}

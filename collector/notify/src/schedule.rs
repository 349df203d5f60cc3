//! When a delivery is tried, tried again, and given up.

use shared_model::{BootTime, Level, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// After the first failure.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// Longest wait of our own: a receiver that is back is found within a minute.
const RETRY_MAX: Duration = Duration::from_secs(60);
/// Longest wait that a receiver may ask for: one that says "tomorrow" is asked again within the hour.
const ASKED_MAX: Duration = Duration::from_secs(3_600);
/// Levels 1 and 2 are tried for a week: longer than any weekend with a holiday after which nobody looked at the receiver.
pub const RETRY_FOR_SEVERE: Duration = Duration::from_secs(7 * 86_400);
/// Levels 3 and 4 are tried for a day: their own limits are two and four hours.
pub const RETRY_FOR_MINOR: Duration = Duration::from_secs(86_400);

/// How long to wait after the `failures`-th failure in a row. `jitter` is random in 0..1 and moves the wait by up to a fifth
/// either way, so that many receivers behind one gateway do not come at once.
pub fn retry_after(failures: u32, asked: Option<Duration>, jitter: f64) -> Duration {
    let doubled = RETRY_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let own = doubled.min(RETRY_MAX).mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0));
    // What the receiver asks for is a floor, and never shortened by jitter.
    asked.map_or(own, |asked| asked.min(ASKED_MAX).max(own))
}

/// Whether a delivery that was decided at `since` is tried no more after this failure.
pub(crate) fn is_over(level: Level, since: Timestamp, now: Timestamp) -> bool {
    let tried_for = if level <= Level::Two { RETRY_FOR_SEVERE } else { RETRY_FOR_MINOR };
    now.since(since) >= tried_for
}

/// The waits of one receiver: of itself, when it cannot be reached or asks for patience, and of single
/// messages that it answers with an error. Lives in memory: after a restart everything is tried at once.
#[derive(Debug, Default)]
pub struct Attempts {
    receiver: Wait,
    messages: BTreeMap<Arc<str>, Wait>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Wait {
    failures: u32,
    until: Option<BootTime>,
}

impl Wait {
    fn failed(&mut self, now: BootTime, asked: Option<Duration>, jitter: f64) {
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now.plus(retry_after(self.failures, asked, jitter)));
    }

    fn is_due(&self, now: BootTime) -> bool {
        self.until.is_none_or(|until| now >= until)
    }
}

impl Attempts {
    /// Whether the delivery with this key may be tried now.
    pub fn is_due(&self, key: &str, now: BootTime) -> bool {
        self.receiver.is_due(now) && self.messages.get(key).is_none_or(|wait| wait.is_due(now))
    }

    /// The next instant at which one of these keys may be tried; `None` when one may be now or there is none.
    pub fn next_due<'a>(
        &self,
        keys: impl Iterator<Item = &'a str>,
        now: BootTime,
    ) -> Option<BootTime> {
        let own = |key| self.messages.get(key).and_then(|wait: &Wait| wait.until);
        let due = keys.map(|key| own(key).max(self.receiver.until).filter(|until| *until > now));
        due.min().flatten()
    }

    /// The receiver answered and took or refused the message.
    pub fn answered(&mut self, key: &str) {
        self.receiver = Wait::default();
        self.messages.remove(key);
    }

    /// The receiver could not be reached or asks for patience: nothing is sent to it for a while.
    pub fn receiver_failed(&mut self, now: BootTime, asked: Option<Duration>, jitter: f64) {
        self.receiver.failed(now, asked, jitter);
    }

    /// The receiver answered this message with an error: others go on.
    pub fn message_failed(&mut self, key: &Arc<str>, now: BootTime, jitter: f64) {
        self.receiver = Wait::default();
        self.messages.entry(Arc::clone(key)).or_default().failed(now, None, jitter);
    }

    /// Forgets the waits of deliveries that are not pending any more.
    pub fn retain(&mut self, is_pending: impl Fn(&str) -> bool) {
        self.messages.retain(|key, _| is_pending(key));
    }
}

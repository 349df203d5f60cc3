//! Who is told of incidents, and how they are reached: `[[webhook]]` and `[[receiver]]`.

mod other;
mod webhook;

pub(crate) use other::ReceiverKeys;
pub(crate) use webhook::WebhookKeys;

use anyhow::Context;
use collector_notify::{Channel, Receiver};
use shared_model::{Level, NodeIdentity};
use shared_runtime::config::{ConfigErrors, Span};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Receivers: each keeps its own queue of at most some 8 MiB.
const RECEIVERS_MAX: usize = 32;
/// Shorter answers than this are luck, longer ones keep a queue waiting.
const TIMEOUT: std::ops::RangeInclusive<Span> = Span::secs(1)..=Span::secs(60);

/// What every kind of receiver has.
struct Common<'a> {
    name: &'a str,
    levels: Option<&'a [u8]>,
    timeout: Span,
}

/// What decisions read of all receivers.
pub(crate) fn receivers(
    webhooks: &[WebhookKeys],
    others: &[ReceiverKeys],
    time_scale: u32,
) -> Vec<Receiver> {
    let webhooks = webhooks.iter().map(|keys| keys.receiver(time_scale));
    webhooks.chain(others.iter().map(|keys| keys.receiver(time_scale))).collect()
}

/// The channels to all receivers, by name. `host` is this machine's name.
pub(crate) fn open(
    webhooks: &[WebhookKeys],
    others: &[ReceiverKeys],
    host: &str,
) -> anyhow::Result<BTreeMap<Arc<str>, Channel>> {
    let mut channels = BTreeMap::new();
    for keys in webhooks {
        let name = keys.common().name;
        let channel = keys.open().with_context(|| format!("the webhook {name}"))?;
        channels.insert(Arc::from(name), channel);
    }
    for keys in others {
        let name = keys.common().name;
        let (_, channel) = (name, keys.open(host));
        let channel = channel.map_err(|(key, what)| anyhow::anyhow!("{key}: {what}"));
        channels.insert(Arc::from(name), channel.with_context(|| format!("the receiver {name}"))?);
    }
    Ok(channels)
}

/// Checks all receivers as a start would.
pub(crate) fn check(webhooks: &[WebhookKeys], others: &[ReceiverKeys], errors: &mut ConfigErrors) {
    if webhooks.len() + others.len() > RECEIVERS_MAX {
        errors.add("receiver", format!("at most {RECEIVERS_MAX} receivers"));
    }
    let mut names = BTreeSet::new();
    for (i, webhook) in webhooks.iter().enumerate() {
        let at = format!("webhook[{i}]");
        check_common(errors, &at, &webhook.common(), &mut names);
        webhook.check(errors, &at);
    }
    for (i, other) in others.iter().enumerate() {
        let at = format!("receiver[{i}]");
        check_common(errors, &at, &other.common(), &mut names);
        other.check(errors, &at);
    }
}

fn check_common(
    errors: &mut ConfigErrors,
    at: &str,
    common: &Common<'_>,
    names: &mut BTreeSet<String>,
) {
    let mut add = |key: &str, what: String| errors.add(format!("{at}.{key}"), what);
    let name = common.name;
    // The letters of identities are those that labels, paths and logs carry without quoting.
    if NodeIdentity::new("x", "x", "x", name).is_err() {
        add("name", format!("'{name}' is not 1 to 63 of a-z 0-9 - _ ."));
    }
    if !names.insert(name.to_owned()) {
        add("name", format!("'{name}' is declared twice"));
    }
    match common.levels {
        Some([]) => add("levels", "names no level: leave it out for all".to_owned()),
        levels => {
            for level in levels.into_iter().flatten().filter(|l| !(1..=4).contains(*l)) {
                add("levels", format!("{level} is not a level: 1, 2, 3 or 4"));
            }
        }
    }
    if !TIMEOUT.contains(&common.timeout) {
        add("timeout", format!("{} is not 1s to 60s", common.timeout));
    }
}

fn levels(numbers: Option<&[u8]>) -> Vec<Level> {
    let all = [Level::One, Level::Two, Level::Three, Level::Four];
    match numbers {
        Some(numbers) => numbers.iter().filter_map(|&n| Level::try_from(n).ok()).collect(),
        None => all.to_vec(),
    }
}

/// A span of the contract under its time scale; none is zero.
fn scaled(span: Option<Span>, time_scale: u32) -> Duration {
    span.map_or(Duration::ZERO, Span::get) / time_scale.max(1)
}

const fn yes() -> bool {
    true
}

const fn ten_seconds() -> Span {
    Span::secs(10)
}

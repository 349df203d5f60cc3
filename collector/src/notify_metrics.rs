//! What `/metrics` says of notifications and silences.

use crate::engine::View;
use collector_api::{SelfMetric, SelfMetricKind};
use collector_domain::SilenceState;
use shared_model::{Labels, Timestamp};
use std::collections::BTreeMap;

/// The families, each receiver of the configuration in all of them.
pub(crate) fn families(view: &View) -> Vec<SelfMetric> {
    let notify = &view.notify;
    let mut outcomes = Vec::new();
    for (receiver, counts) in notify.counts() {
        for (outcome, count) in [
            ("told", counts.told),
            ("refused", counts.refused),
            ("gave_up", counts.gave_up),
            ("left_out", counts.left_out),
            ("silenced", counts.silenced),
            ("retried", counts.failed),
        ] {
            let labels = Labels::from_pairs([("receiver", receiver), ("outcome", outcome)]);
            outcomes.push((labels, count as f64));
        }
    }
    let receivers = notify.profile().receivers.iter().map(|r| (&*r.name, (0u32, view.now)));
    let mut waiting: BTreeMap<&str, (u32, Timestamp)> = receivers.collect();
    for pending in notify.pending() {
        let (count, oldest) = waiting.entry(&pending.receiver).or_insert((0, view.now));
        *count += 1;
        *oldest = pending.since.min(*oldest);
    }
    let of = |receiver: &str| Labels::from_pairs([("receiver", receiver)]);
    let pending = waiting.iter().map(|(r, (count, _))| (of(r), f64::from(*count)));
    let ages = waiting.iter().map(|(r, (_, since))| (of(r), view.now.since(*since).as_secs_f64()));
    let active = notify.silences().filter(|s| s.state(view.now) == SilenceState::Active).count();
    let family = |name: &str, help: &str, kind, values| SelfMetric {
        name: name.to_owned(),
        help: help.to_owned(),
        kind,
        values,
    };
    use SelfMetricKind::{Counter, Gauge};
    vec![
        family(
            "wardround_notifications_total",
            "What became of notifications, over restarts",
            Counter,
            outcomes,
        ),
        family(
            "wardround_notifications_pending",
            "Notifications that wait to be taken",
            Gauge,
            pending.collect(),
        ),
        family(
            "wardround_notifications_oldest_pending_seconds",
            "Age of the oldest notification that waits, 0 when none does",
            Gauge,
            ages.collect(),
        ),
        family(
            "wardround_silences_active",
            "Silences that mute now",
            Gauge,
            vec![(Labels::default(), active as f64)],
        ),
    ]
}

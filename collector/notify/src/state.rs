//! Everything that decisions about telling remember. Part of the collector's fold and of its snapshot.

use crate::notice::Notice;
use crate::profile::Profile;
use collector_domain::{
    Delivery, DeliveryOutcome, DeliveryReport, Fate, IncidentId, Silence, SilenceId,
};
use serde::{Deserialize, Serialize};
use shared_model::{Level, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Deliveries of one incident that its trace keeps; the oldest finished ones go first.
const TRACE_MAX: usize = 64;
/// Characters of an error that are kept.
const WHY_MAX_CHARS: usize = 200;

/// Silences, deliveries and receivers. Its shape may grow with a release: every field has a default.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Notifications {
    pub(crate) profile: Profile,
    pub(crate) silences: BTreeMap<SilenceId, Silence>,
    /// The number given last.
    pub(crate) last_silence: u64,
    pub(crate) traces: BTreeMap<IncidentId, Trace>,
    /// By key.
    pub(crate) pending: BTreeMap<Arc<str>, Pending>,
    /// The order given last.
    pub(crate) last_order: u64,
    pub(crate) counts: BTreeMap<Arc<str>, Counts>,
}

/// What was decided about one incident.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Trace {
    /// Number of the last transition that is told.
    pub(crate) number: u32,
    /// Receivers that know, or will know, of the fault and not of its end.
    pub(crate) firing: BTreeSet<Arc<str>>,
    /// Receivers of the ladder that were told in this run of the clocks.
    pub(crate) escalated: BTreeSet<Arc<str>>,
    /// Receiver -> number of the newest transition that a silence keeps from it.
    pub(crate) muted: BTreeMap<Arc<str>, u32>,
    /// Oldest first.
    pub(crate) deliveries: Vec<Delivery>,
}

/// A delivery that waits to be taken.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Pending {
    /// Its key.
    pub key: Arc<str>,
    /// Its place in the order of decisions.
    pub order: u64,
    /// Name of the receiver.
    pub receiver: Arc<str>,
    /// Its incident; messages of one incident reach a receiver in order.
    pub incident: IncidentId,
    /// The level when it was decided: the more severe go first and are tried longer.
    pub level: Level,
    /// Since when it may be told.
    pub since: Timestamp,
    /// What is said.
    pub notice: Notice,
}

/// What became of the deliveries to one receiver, ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Taken.
    pub told: u64,
    /// Refused for good.
    pub refused: u64,
    /// Given up.
    pub gave_up: u64,
    /// Not tried.
    pub left_out: u64,
    /// Kept back by a silence.
    pub silenced: u64,
    /// Tries that failed and were repeated.
    pub failed: u64,
}

impl Pending {
    /// Whether it is tried no more after a failure now.
    pub fn is_over(&self, now: Timestamp) -> bool {
        crate::schedule::is_over(self.level, self.since, now)
    }
}

impl Notifications {
    /// The receivers in force.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// All silences, ended ones too, by number.
    pub fn silences(&self) -> impl Iterator<Item = &Silence> {
        self.silences.values()
    }

    /// What was decided about an incident, oldest first.
    pub fn deliveries(&self, incident: IncidentId) -> &[Delivery] {
        self.traces.get(&incident).map_or(&[], |t| t.deliveries.as_slice())
    }

    /// Deliveries that wait to be taken, in no order.
    pub fn pending(&self) -> impl Iterator<Item = &Pending> {
        self.pending.values()
    }

    /// Whether the delivery with this key waits to be taken.
    pub fn is_pending(&self, key: &str) -> bool {
        self.pending.contains_key(key)
    }

    /// The messages that may be tried next: of each incident the oldest, the most severe first.
    pub fn heads(&self, receiver: &str) -> Vec<&Pending> {
        let mut oldest: BTreeMap<IncidentId, &Pending> = BTreeMap::new();
        for pending in self.pending.values().filter(|p| *p.receiver == *receiver) {
            let head = oldest.entry(pending.incident).or_insert(pending);
            if pending.order < head.order {
                *head = pending;
            }
        }
        let mut heads: Vec<&Pending> = oldest.into_values().collect();
        heads.sort_by_key(|p| (p.level, p.order));
        heads
    }

    /// What became of the deliveries to each receiver, ever.
    pub fn counts(&self) -> impl Iterator<Item = (&str, Counts)> {
        self.counts.iter().map(|(name, counts)| (&**name, *counts))
    }

    /// Takes what came of one try. A report that comes again, or of a delivery that is done, has no effect.
    pub fn report(&mut self, now: Timestamp, report: &DeliveryReport) {
        let Some(pending) = self.pending.get(&report.key).cloned() else { return };
        let (fate, failed) = match &report.outcome {
            DeliveryOutcome::Failed { why } => (Fate::Pending, Some(why)),
            DeliveryOutcome::Told { status } => (Fate::Told { at: now, status: *status }, None),
            DeliveryOutcome::Refused { status, why } => {
                (Fate::Refused { at: now, status: *status, why: cut(why) }, None)
            }
            DeliveryOutcome::GaveUp { why } => (Fate::GaveUp { at: now }, Some(why)),
        };
        let counts = self.counts.entry(Arc::clone(&pending.receiver)).or_default();
        counts.failed += u64::from(failed.is_some());
        if fate != Fate::Pending {
            counts.count(&fate);
            self.pending.remove(&report.key);
        }
        let trace = self.traces.get_mut(&pending.incident);
        let delivery = trace.and_then(|t| t.deliveries.iter_mut().find(|d| d.key == report.key));
        if let Some(delivery) = delivery {
            delivery.fate = fate;
            if let Some(why) = failed {
                delivery.attempts = delivery.attempts.saturating_add(1);
                delivery.last_error = Some(cut(why));
            }
        }
    }
}

impl Trace {
    pub(crate) fn push(&mut self, delivery: Delivery) {
        let muted = &self.muted;
        let is_over = |d: &Delivery| {
            d.fate != Fate::Pending && muted.get(&d.receiver).is_none_or(|n| *n != d.number)
        };
        if self.deliveries.len() >= TRACE_MAX
            && let Some(oldest) = self.deliveries.iter().position(is_over)
        {
            self.deliveries.remove(oldest);
        }
        self.deliveries.push(delivery);
    }
}

impl Counts {
    pub(crate) fn count(&mut self, fate: &Fate) {
        match fate {
            Fate::Pending => {}
            Fate::Silenced => self.silenced += 1,
            Fate::Told { .. } => self.told += 1,
            Fate::Refused { .. } => self.refused += 1,
            Fate::GaveUp { .. } => self.gave_up += 1,
            Fate::LeftOut { .. } => self.left_out += 1,
        }
    }
}

fn cut(why: &str) -> String {
    why.chars().take(WHY_MAX_CHARS).collect()
}

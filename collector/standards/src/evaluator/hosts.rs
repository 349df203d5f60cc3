//! Silence of hosts: the one rule that no value can decide.

use super::plan::{Plan, silence_limit};
use collector_domain::{Condition, Contract, Finding, Judgement};
use serde::{Deserialize, Serialize};
use shared_model::{Labels, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A host and when it was heard last, on the collector's clock.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Host {
    heard: Timestamp,
    subject: Labels,
    silent: bool,
    /// Not heard since the collector's last start.
    #[serde(default)]
    awaited: bool,
}

/// All hosts that were ever heard.
#[derive(Debug)]
pub(super) struct Hosts {
    hosts: BTreeMap<Box<str>, Host>,
    /// Identity labels by host, for hosts that are not heard yet.
    described: BTreeMap<Box<str>, Labels>,
    limit: Duration,
    /// Until then hosts may still be on their way back to a collector that has just started.
    quiet_until: Timestamp,
}

impl Hosts {
    pub(super) fn new(contract: &Contract) -> Self {
        Self {
            hosts: BTreeMap::new(),
            described: BTreeMap::new(),
            limit: silence_limit(contract),
            quiet_until: Timestamp::default(),
        }
    }

    /// Nobody is watched.
    pub(super) fn nobody() -> Self {
        Self {
            hosts: BTreeMap::new(),
            described: BTreeMap::new(),
            limit: Duration::MAX,
            quiet_until: Timestamp::default(),
        }
    }

    /// Learns hospital and appliance of a host from one of its own series.
    pub(super) fn describe(&mut self, labels: &Labels) {
        let Some(host) = labels.get("host") else {
            return;
        };
        if labels.get("instance") != Some(host) || self.described.contains_key(host) {
            return;
        }
        let identity = ["hospital", "appliance", "host", "instance"];
        let subject = labels.only(|name| identity.contains(&name));
        // The subject of an open finding must not change under it.
        if let Some(known) = self.hosts.get_mut(host).filter(|known| !known.silent) {
            known.subject = subject.clone();
        }
        self.described.insert(host.into(), subject);
    }

    /// A host was heard. The first time is not a change: it starts clear.
    pub(super) fn heard(
        &mut self,
        host: &str,
        now: Timestamp,
        plan: Option<&Plan>,
        out: &mut Vec<Finding>,
    ) {
        let Some(known) = self.hosts.get_mut(host) else {
            let minimal = || Labels::from_pairs([("host", host), ("instance", host)]);
            let subject = self.described.get(host).cloned();
            self.hosts.insert(
                host.into(),
                Host {
                    heard: now,
                    subject: subject.unwrap_or_else(minimal),
                    silent: false,
                    awaited: false,
                },
            );
            return;
        };
        known.heard = known.heard.max(now);
        known.awaited = false;
        if std::mem::take(&mut known.silent)
            && let Some(plan) = plan
        {
            out.push(finding(plan, known, Condition::Clear, now));
        }
    }

    pub(super) fn tick(&mut self, plan: &Plan, now: Timestamp, out: &mut Vec<Finding>) {
        for host in self.hosts.values_mut() {
            let quiet_until = if host.awaited { self.quiet_until } else { host.heard };
            if !host.silent && now.since(host.heard.max(quiet_until)) >= self.limit {
                host.silent = true;
                out.push(finding(plan, host, Condition::Breached, now));
            }
        }
    }

    /// The collector started. Until `window` has passed nobody is expected to be back: unknown, not silent.
    pub(super) fn resume(&mut self, now: Timestamp, window: Duration) {
        self.quiet_until = self.quiet_until.max(now.plus(window));
        for host in self.hosts.values_mut() {
            host.heard = host.heard.max(now);
            host.awaited = true;
        }
    }

    pub(super) fn retire(&mut self, host: &str) {
        self.hosts.remove(host);
    }

    /// Where the rule stands on every host, in order of subject.
    pub(super) fn conditions(&self, now: Timestamp) -> impl Iterator<Item = (&Labels, Judgement)> {
        let mut all: Vec<_> =
            self.hosts.values().map(|host| (&host.subject, host.judgement(now))).collect();
        all.sort_by_key(|(subject, _)| *subject);
        all.into_iter()
    }

    pub(super) fn judgement(&self, subject: &Labels, now: Timestamp) -> Option<Judgement> {
        Some(self.hosts.get(subject.get("host")?)?.judgement(now))
    }

    pub(super) fn kept(&self) -> (&BTreeMap<Box<str>, Host>, Timestamp) {
        (&self.hosts, self.quiet_until)
    }

    pub(super) fn put(&mut self, hosts: BTreeMap<Box<str>, Host>, quiet_until: Timestamp) {
        (self.hosts, self.quiet_until) = (hosts, quiet_until);
    }
}

impl Host {
    fn judgement(&self, now: Timestamp) -> Judgement {
        let condition = match (self.silent, self.awaited) {
            (true, _) => Condition::Breached,
            (false, true) => Condition::Unknown,
            (false, false) => Condition::Clear,
        };
        Judgement {
            condition,
            judged_at: self.heard,
            within_limit: condition == Condition::Clear,
            value: Some(now.since(self.heard).as_secs_f64()),
        }
    }
}

fn finding(plan: &Plan, host: &Host, condition: Condition, now: Timestamp) -> Finding {
    Finding {
        rule: Arc::clone(&plan.id),
        subject: host.subject.clone(),
        condition,
        since: host.heard,
        at: now,
        value: Some(now.since(host.heard).as_secs_f64()),
        no_data: condition == Condition::Breached,
    }
}

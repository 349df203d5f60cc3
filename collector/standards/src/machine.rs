//! The state machine of one rule on one subject.
//!
//! ```text
//! Unknown --within limit--> Clear --beyond it for the covered time--> Breached --within the margin--> Clear
//!    ^------- no data (hold) --|        no data (hold) keeps Breached: silence never recovers
//! ```
//!
//! A sustained breach counts *covered* time: the gaps between consecutive bad samples, each only when samples came as
//! often as they used to. Event time orders the samples; absence is measured on the collector's clock, because a node
//! that says nothing says no time either.

use crate::pack::{Limit, NoData};
use collector_domain::{Condition, Finding, Judgement};
use collector_promql::MIN_SPACING;
use serde::{Deserialize, Serialize};
use shared_model::{Labels, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// No value is stale before this: five samples at the usual second (design: other nodes' last values count for 5 s).
const FRESH_AT_LEAST: Duration = Duration::from_secs(5);
/// A value may be missing for this many of its own periods: one late and one lost sample are not an absence.
const FRESH_PERIODS: u32 = 3;
/// The period assumed until two samples have shown it: that of the slow probes.
const PERIOD_ASSUMED: Duration = Duration::from_secs(10);
/// Every value is stale after this, however seldom it is sampled (Prometheus' lookback).
const FRESH_AT_MOST: Duration = Duration::from_secs(300);
/// Share of the elapsed time that bad samples must cover.
const COVERAGE_MIN: f64 = 0.8;

/// What a machine must know of its rule, with the contract's time scale applied.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Terms {
    pub(crate) breach: Limit,
    pub(crate) clear: Limit,
    /// Covered time that makes a breach.
    pub(crate) sustained: Duration,
    /// Consecutive bad samples that make a breach, never scaled.
    pub(crate) min_samples: u32,
    pub(crate) no_data: NoData,
    /// For `no_data: breach`: how long the value must be stale.
    pub(crate) absent_for: Duration,
}

/// A change of condition, before it knows its rule and subject.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Change {
    pub(crate) condition: Condition,
    pub(crate) since: Timestamp,
    pub(crate) value: Option<f64>,
    pub(crate) no_data: bool,
}

impl Change {
    /// The finding of `rule` on `subject`, decided at `at`.
    pub(crate) fn finding(self, rule: &Arc<str>, subject: &Labels, at: Timestamp) -> Finding {
        Finding {
            rule: Arc::clone(rule),
            subject: subject.clone(),
            condition: self.condition,
            since: self.since,
            at,
            value: self.value,
            no_data: self.no_data,
        }
    }
}

/// An uninterrupted run of bad samples.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
struct Run {
    since: Timestamp,
    last: Timestamp,
    covered: Duration,
    samples: u32,
}

/// Where one rule stands on one subject.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    condition: Condition,
    since: Timestamp,
    run: Option<Run>,
    /// Event time of the newest judged sample; `None` before the first, and after the node's clock was stepped back.
    judged_at: Option<Timestamp>,
    /// The collector's time when it was judged.
    heard_at: Timestamp,
    /// Usual time between samples, once two were seen.
    period: Option<Duration>,
    within_limit: bool,
    value: Option<f64>,
}

impl Machine {
    /// A machine that has judged nothing: `Unknown`. Its first sample must follow at once.
    pub(crate) fn new(before: Timestamp) -> Self {
        Self {
            condition: Condition::Unknown,
            since: before,
            run: None,
            judged_at: None,
            heard_at: before,
            period: None,
            within_limit: false,
            value: None,
        }
    }

    /// Judges `value`, sampled at `at` (event time) and known at `now` (collector time). A sample that is not newer than
    /// the last judged one is ignored.
    pub(crate) fn sample(
        &mut self,
        terms: &Terms,
        at: Timestamp,
        now: Timestamp,
        value: f64,
    ) -> Option<Change> {
        if value.is_nan() || self.judged_at.is_some_and(|judged_at| at <= judged_at) {
            return None;
        }
        let gap = self.judged_at.map(|judged_at| at.since(judged_at));
        let fresh = self.freshness();
        let counted = gap.filter(|gap| *gap <= fresh).unwrap_or_default();
        if let Some(gap) = gap {
            self.learn_period(gap);
        }
        let bad = terms.breach.holds(value);
        (self.judged_at, self.heard_at) = (Some(at), now);
        (self.value, self.within_limit) = (Some(value), !bad);
        if bad {
            self.extend_run(at, counted, terms.sustained.max(fresh));
        } else {
            self.run = None;
        }
        let next = match (self.condition, &self.run) {
            (Condition::Breached, _) if terms.clear.holds(value) => Condition::Clear,
            (Condition::Breached, _) => Condition::Breached,
            (_, Some(run)) if run.is_sustained(terms) => Condition::Breached,
            (before, Some(_)) => before,
            (_, None) => Condition::Clear,
        };
        let since = self.run.map_or(at, |run| run.since);
        self.change_to(next, since, false)
    }

    /// Judges the absence of data at `now` (collector time).
    pub(crate) fn tick(&mut self, terms: &Terms, now: Timestamp) -> Option<Change> {
        let silence = now.since(self.heard_at);
        let fresh = self.freshness();
        if silence <= fresh {
            return None;
        }
        let next = match (terms.no_data, self.condition) {
            (_, Condition::Breached) if terms.no_data != NoData::Clear => return None,
            (NoData::Breach, _) if silence > fresh + terms.absent_for => Condition::Breached,
            (NoData::Clear, _) => {
                self.run = None;
                Condition::Clear
            }
            _ => Condition::Unknown,
        };
        self.change_to(next, self.judged_at.unwrap_or(self.since), true)
    }

    /// Counts the last sample as just heard, so that time the collector was not running is nobody's silence.
    pub(crate) fn resume(&mut self, now: Timestamp) {
        self.heard_at = self.heard_at.max(now);
    }

    /// Forgets event time after the node's clock was stepped back: its next sample is judged although it reads older.
    pub(crate) fn rewind(&mut self) {
        self.judged_at = None;
        self.run = None;
    }

    /// Undoes what absence alone decided: a breach that no bad sample stands behind, and the collector's time of the last
    /// sample, which counts in event time from here on.
    pub(crate) fn forget_absence(&mut self) {
        if self.condition == Condition::Breached && self.run.is_none() && self.within_limit {
            self.condition = Condition::Clear;
        }
        self.heard_at = self.judged_at.unwrap_or(self.heard_at);
    }

    /// When the present run of bad samples began.
    pub(crate) fn run_since(&self) -> Option<Timestamp> {
        self.run.map(|run| run.since)
    }

    /// The collector's time of the last judged sample.
    pub(crate) fn heard_at(&self) -> Timestamp {
        self.heard_at
    }

    /// Where it stands.
    pub(crate) fn judgement(&self) -> Judgement {
        Judgement {
            condition: self.condition,
            judged_at: self.judged_at.unwrap_or(self.since),
            within_limit: self.within_limit,
            value: self.value,
        }
    }

    fn change_to(&mut self, next: Condition, since: Timestamp, no_data: bool) -> Option<Change> {
        if next == self.condition {
            return None;
        }
        (self.condition, self.since) = (next, since);
        Some(Change { condition: next, since, value: self.value, no_data })
    }

    /// A hole longer than the rule's own time leaves no evidence that both sides of it are one breach.
    fn extend_run(&mut self, at: Timestamp, counted: Duration, hole_max: Duration) {
        match &mut self.run {
            Some(run) if at.since(run.last) <= hole_max => {
                run.covered += counted;
                run.samples = run.samples.saturating_add(1);
                run.last = at;
            }
            run => {
                *run = Some(Run { since: at, last: at, covered: Duration::ZERO, samples: 1 });
            }
        }
    }

    fn freshness(&self) -> Duration {
        let period = self.period.unwrap_or(PERIOD_ASSUMED);
        (period * FRESH_PERIODS).clamp(FRESH_AT_LEAST, FRESH_AT_MOST)
    }

    /// A shorter gap is believed at once, a longer one by an eighth, so that one outage does not stretch the period.
    fn learn_period(&mut self, gap: Duration) {
        // What a source told between two rounds says nothing about how often it is read.
        if gap < MIN_SPACING {
            return;
        }
        let gap = gap.min(FRESH_AT_MOST);
        self.period = Some(match self.period {
            Some(period) if gap > period => period + (gap - period) / 8,
            _ => gap,
        });
    }
}

impl Run {
    fn is_sustained(&self, terms: &Terms) -> bool {
        let elapsed = self.last.since(self.since);
        self.samples >= terms.min_samples
            && self.covered >= terms.sustained
            && self.covered.as_secs_f64() >= COVERAGE_MIN * elapsed.as_secs_f64()
    }
}

#[cfg(test)]
mod tests;

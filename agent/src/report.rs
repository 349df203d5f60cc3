//! What the runner says about each probe: whether its last round worked, how long it took, how late it began.
//!
//! Every probe's last report is sent with each second's round, however seldom the probe itself is read, so that the
//! collector never has to judge by an old one.

use crate::reporter::Reporter;
use agent_probe::Sink;
use shared_model::{BootTime, Kind, Metric, Unit};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

static SUCCESS: Metric = Metric {
    name: "wardround_probe_success",
    kind: Kind::Gauge,
    unit: Unit::None,
    help: "1 when the probe's last round yielded readings, 0 when it failed or was cut.",
    source: "the agent's runner",
};
static ABSENT: Metric = Metric {
    name: "wardround_probe_absent",
    kind: Kind::Gauge,
    unit: Unit::None,
    help: "1 while what the probe reads does not exist on this node.",
    source: "the agent's runner",
};
static DURATION: Metric = Metric {
    name: "wardround_probe_duration_seconds",
    kind: Kind::Gauge,
    unit: Unit::Seconds,
    help: "How long the probe's last round took.",
    source: "CLOCK_BOOTTIME around the round",
};
static LAG: Metric = Metric {
    name: "wardround_probe_lag_seconds",
    kind: Kind::Gauge,
    unit: Unit::Seconds,
    help: "How much later than due the probe's last round began.",
    source: "CLOCK_BOOTTIME at the round's begin",
};
static OVERRUNS: Metric = Metric {
    name: "wardround_probe_overruns_total",
    kind: Kind::Counter,
    unit: Unit::None,
    help: "Rounds that were left out because an earlier one had not ended.",
    source: "the agent's runner",
};
static INTERVAL: Metric = Metric {
    name: "wardround_probe_interval_seconds",
    kind: Kind::Gauge,
    unit: Unit::Seconds,
    help: "How often the probe is read.",
    source: "[probe.NAME] interval",
};

/// When a round ran.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Timing {
    /// How late it began.
    pub(crate) lag: Duration,
    /// How long it took.
    pub(crate) duration: Duration,
}

/// How the last round of a probe ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Unread,
    Succeeded,
    Failed,
    Absent,
}

/// The last reports of all probes. Each is written by its probe's reporter and read by the fast lane.
#[derive(Debug, Default)]
pub(crate) struct Reports(Vec<Arc<SharedReport>>);

impl Reports {
    /// Adds a probe that `labels` name, the first of them `probe`. Its report stands where it was added.
    pub(crate) fn reporter(
        &mut self,
        labels: Vec<(&'static str, String)>,
        interval: Duration,
        timeout: Duration,
    ) -> Reporter {
        let last = Last {
            state: State::Unread,
            timing: Timing::default(),
            overruns: 0,
            begun: None,
            is_stuck: false,
        };
        let last = Mutex::new(last);
        let report = Arc::new(SharedReport { labels, interval, timeout, last });
        self.0.push(Arc::clone(&report));
        Reporter::new(report)
    }

    /// Puts every report into the runner's sink, as it is `now`.
    pub(crate) fn put(&self, sink: &mut Sink, now: BootTime) {
        self.0.iter().for_each(|report| report.put(sink, now));
    }
}

/// One probe's report.
#[derive(Debug)]
pub(crate) struct SharedReport {
    /// `probe`, and what else tells it apart.
    pub(crate) labels: Vec<(&'static str, String)>,
    interval: Duration,
    timeout: Duration,
    last: Mutex<Last>,
}

/// What changes from round to round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Last {
    pub(crate) state: State,
    pub(crate) timing: Timing,
    pub(crate) overruns: u64,
    /// The round under way of a probe that may hang: when it began, and how late that was.
    pub(crate) begun: Option<(BootTime, Duration)>,
    /// Whether the round under way was found to be stuck.
    pub(crate) is_stuck: bool,
}

impl SharedReport {
    /// Held for a copy only, so that no lane waits for another.
    pub(crate) fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A probe that is absent is only that, one that was not read yet says nothing.
    fn put(&self, sink: &mut Sink, now: BootTime) {
        let Last { state, timing, overruns, .. } = self.present(now);
        let labels: Vec<(&str, &str)> =
            self.labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let success = match state {
            State::Unread => return,
            State::Absent => return sink.put(&ABSENT, &labels, 1.0),
            State::Succeeded => 1.0,
            State::Failed => 0.0,
        };
        sink.put(&SUCCESS, &labels, success);
        sink.put(&DURATION, &labels, timing.duration.as_secs_f64());
        sink.put(&LAG, &labels, timing.lag.as_secs_f64());
        sink.put(&OVERRUNS, &labels, overruns as f64);
        sink.put(&INTERVAL, &labels, self.interval.as_secs_f64());
    }

    /// The last round, or the one under way once it has taken longer than it may: that has failed already.
    fn present(&self, now: BootTime) -> Last {
        let mut last = self.last();
        let Some((begun, lag)) = last.begun else { return *last };
        let duration = now.since(begun);
        if duration <= self.timeout {
            return *last;
        }
        if !std::mem::replace(&mut last.is_stuck, true) {
            let name = |at: usize| self.labels.get(at).map_or("", |(_, value)| value);
            tracing::warn!(
                probe = name(0),
                seconds = duration.as_secs(),
                "the round does not return; it is told as failed until it does"
            );
        }
        let timing = Timing { lag, duration };
        let passed = (lag + duration).as_micros() / self.interval.as_micros().max(1);
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let overruns = last.overruns.saturating_add(passed);
        Last { state: State::Failed, timing, overruns, ..*last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_probe::{Outcome, ProbeError};

    const SECOND: Duration = Duration::from_secs(1);
    const NOW: BootTime = BootTime::from_micros(9);

    fn report(outcomes: &[Outcome]) -> (bool, Vec<(&'static str, f64)>) {
        let mut reports = Reports::default();
        let mut reporter = reports.reporter(vec![("probe", "cpu".into())], SECOND, SECOND);
        let timing =
            Timing { lag: Duration::from_millis(250), duration: Duration::from_millis(500) };
        let mut kept = false;
        for outcome in outcomes {
            kept = reporter.note(outcome, timing, BootTime::from_micros(1));
        }
        reporter.missed(2);
        let mut sink = Sink::default();
        sink.begin();
        reports.put(&mut sink, NOW);
        let values = sink.samples().iter().filter_map(|s| Some((s.metric().name, s.value()?)));
        (kept, values.collect())
    }

    fn failed() -> Outcome {
        Outcome::Failed(ProbeError::TimedOut { millis: 1 })
    }

    /// Scenario: each way a round can end, and none yet. Guarantees: success only with readings, absent says nothing but
    /// that, an unread probe says nothing, and only readings are kept.
    #[test]
    fn each_outcome_has_its_report() {
        let all = |success: f64| {
            vec![
                ("wardround_probe_success", success),
                ("wardround_probe_duration_seconds", 0.5),
                ("wardround_probe_lag_seconds", 0.25),
                ("wardround_probe_overruns_total", 2.0),
                ("wardround_probe_interval_seconds", 1.0),
            ]
        };
        let partial = || Outcome::Partial(vec![ProbeError::TimedOut { millis: 1 }]);
        for (outcomes, expected) in [
            (vec![], (false, vec![])),
            (vec![Outcome::Sampled], (true, all(1.0))),
            (vec![partial()], (true, all(1.0))),
            (vec![failed()], (false, all(0.0))),
            (vec![failed(), Outcome::Sampled], (true, all(1.0))),
            (vec![Outcome::Absent("x".into())], (false, vec![("wardround_probe_absent", 1.0)])),
        ] {
            assert_eq!(report(&outcomes), expected, "{outcomes:?}");
        }
    }

    /// Scenario: two probes, of which the first is read later than the second, over several rounds. Guarantees: the list of
    /// series changes once for the probe that appears, and not with each round.
    #[test]
    fn the_layout_settles() {
        let mut reports = Reports::default();
        let mut slow = reports.reporter(vec![("probe", "uname".into())], SECOND * 60, SECOND);
        let mut fast = reports.reporter(vec![("probe", "cpu".into())], SECOND, SECOND);
        let mut sink = Sink::default();
        let mut layouts = Vec::new();
        for round in 0..5 {
            fast.note(&Outcome::Sampled, Timing::default(), BootTime::from_micros(round));
            if round == 2 {
                slow.note(&failed(), Timing::default(), BootTime::from_micros(round));
            }
            sink.begin();
            reports.put(&mut sink, NOW);
            layouts.push(sink.layout());
        }
        assert_eq!(layouts, [5, 5, 10, 10, 10]);
        assert!(sink.samples().iter().all(|sample| sample.value().is_some()));
    }
}
